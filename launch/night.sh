#!/usr/bin/env bash
# Sets everything up, then runs the default night on the real model.
# Extra flags go to experiments.nightly, e.g. --config.num_nights=2; relative
# paths in them start at the repository's root.
set -euo pipefail
root="$(unset CDPATH && cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
"$root/launch/setup.sh"
cd "$root"
# A second --config would make every --config.field a repeated flag.
config=(--config=experiments/configs/default.py)
for argument in "$@"; do
  case "$argument" in --config|--config=*) config=() ;; esac
done
exec .venv/bin/python -m experiments.nightly \
  "${config[@]}" --workdir=runs/default "$@"

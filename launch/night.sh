#!/usr/bin/env bash
# Sets everything up, then runs the default night on the real model.
# Extra flags go to experiments.nightly, e.g. --config.num_nights=2.
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
"$root/launch/setup.sh"
cd "$root"
exec .venv/bin/python -m experiments.nightly \
  --config=experiments/configs/default.py --workdir=runs/default "$@"

#!/usr/bin/env bash
# Sets everything up, then runs all tests. Extra arguments go to pytest, e.g.
# -m 'not slow' for the fast suite.
set -euo pipefail
root="$(unset CDPATH && cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
"$root/launch/setup.sh" --extras=continual,proofs,circuits,molecular,ray,wasm,gcs,gcs_tests
cd "$root"
exec .venv/bin/python -m pytest "$@"

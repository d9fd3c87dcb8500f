#!/usr/bin/env bash
# Runs the nightly on the nodes of a Slurm cluster, one process a node.
#
#   ./launch/slurm.sh [--nodes=N] [--gpus-per-node=G] [--time=T] [--dry-run] \
#       -- --config=experiments/configs/default.py --workdir=/shared/run
#
# Submits itself; inside the job it starts the same command on every node under
# supervise.sh. What follows `--` goes to experiments.nightly, any other flag to
# sbatch. The repository and the work directory must lie where all nodes see
# them; run ./launch/setup.sh there once before. The same command again
# continues a night. --dry-run prints what would run, and runs nothing.
set -euo pipefail
root="$(unset CDPATH && cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"

fail() { echo "slurm: $1" >&2; exit 2; }

print() { printf '%q ' "$@"; echo; }

dry_run='' workdir=''
options=()
while [ $# -gt 0 ]; do
  case "$1" in
    --dry-run) dry_run=yes ;;
    --) shift; break ;;
    --*=*) options+=("$1") ;;
    *) fail "unknown argument $1; nightly's own flags come after --" ;;
  esac
  shift
done
for argument in "$@"; do
  case "$argument" in --workdir=*) workdir="${argument#--workdir=}" ;; esac
done
[ -n "$workdir" ] || fail 'give --workdir=FOLDER, which all nodes see, after --'

# Wrapped, because Slurm runs a copy of a script, from another place.
submit=(sbatch --job-name=nightly --ntasks-per-node=1 --nodes=1 --requeue
  ${options[@]+"${options[@]}"}
  --wrap="exec $(print "$root/launch/slurm.sh" -- "$@")")
# Single quotes: rank and node names are known on the nodes alone. The port
# differs by job, so that two jobs can share a node.
# shellcheck disable=SC2016
on_each_node='exec ./launch/supervise.sh .venv/bin/python \
  -m experiments.nightly \
  --coordinator="$(scontrol show hostnames "$SLURM_JOB_NODELIST" \
    | head -n 1):$((20000 + SLURM_JOB_ID % 10000))" \
  --num_processes="$SLURM_NTASKS" --process_id="$SLURM_PROCID" "$@"'
# A process that dies is started again by its supervisor, not by ending all.
start=(srun --ntasks-per-node=1 --kill-on-bad-exit=0 --chdir="$root"
  bash -c "$on_each_node" nightly "$@")

if [ -n "$dry_run" ]; then
  print "${submit[@]}"
  print "${start[@]}"
elif [ -n "${SLURM_JOB_ID:-}" ]; then
  exec "${start[@]}"
else
  command -v sbatch > /dev/null \
    || fail 'sbatch is not installed here; run this on a login node of Slurm'
  exec "${submit[@]}"
fi

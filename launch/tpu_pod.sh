#!/usr/bin/env bash
# Runs the nightly on every worker of a Cloud TPU VM slice.
#
#   ./launch/tpu_pod.sh NAME --zone=ZONE [--project=ID] [--dry-run] -- \
#       --config=experiments/configs/default.py --workdir=/mnt/shared/run
#
# Copies the committed tree to all workers, sets it up there, and starts the
# same command on each under supervise.sh; JAX finds the other workers by
# itself. What follows `--` goes to experiments.nightly. The work directory must
# be a folder that all workers see (Filestore or another NFS mount). Ending this
# command does not end the night; the same command again continues it.
# --dry-run prints what would run, and runs nothing.
set -euo pipefail
root="$(unset CDPATH && cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"

fail() { echo "tpu_pod: $1" >&2; exit 2; }

name='' dry_run='' workdir=''
target=()
while [ $# -gt 0 ]; do
  case "$1" in
    --zone=*|--project=*) target+=("$1") ;;
    --dry-run) dry_run=yes ;;
    --) shift; break ;;
    -*) fail "unknown argument $1; nightly's own flags come after --" ;;
    *) [ -z "$name" ] || fail "two names, $name and $1; give one slice"
       name="$1" ;;
  esac
  shift
done
[ -n "$name" ] || fail 'name the TPU slice, e.g. tpu_pod.sh my-slice --zone=...'
for argument in "$@"; do
  case "$argument" in --workdir=*) workdir="${argument#--workdir=}" ;; esac
done
[ -n "$workdir" ] || fail 'give --workdir=FOLDER, which all workers see, after --'

run() {
  if [ -n "$dry_run" ]; then
    printf '%q ' "$@"
    echo
  else
    "$@"
  fi
}

archive="$(mktemp -d)/swm_jax.tar.gz"
trap 'rm -rf "$(dirname "$archive")"' EXIT
if [ -z "$dry_run" ]; then
  command -v gcloud > /dev/null || fail 'gcloud is not installed; install the
Google Cloud CLI and log in with gcloud auth login'
  git -C "$root" archive --prefix=swm_jax/ --output="$archive" HEAD
fi

# Images of TPU VMs may come with an older Python.
setup='set -e; tar -xzf swm_jax.tar.gz; cd swm_jax
if ! command -v python3.11 > /dev/null; then
  sudo apt-get -qq update
  sudo apt-get -qq -y install python3.11 python3.11-venv
fi
./launch/setup.sh --extras=tpu'
# Windowed products would gather a layer's weights again for every piece.
night="$(printf '%q ' env \
  LIBTPU_INIT_ARGS=--xla_jf_spmd_threshold_for_windowed_einsum_mib=1000000 \
  ./launch/supervise.sh .venv/bin/python \
  -m experiments.nightly --coordinator=auto "$@")"

tpu_vm() { run gcloud compute tpus tpu-vm "$@" ${target[@]+"${target[@]}"}; }

tpu_vm scp "$archive" "$name:swm_jax.tar.gz" --worker=all
tpu_vm ssh "$name" --worker=all --command="$setup"
# setsid: the night outlives the connection. Its output stays on the worker.
tpu_vm ssh "$name" --worker=all --command="cd swm_jax
setsid nohup $night > nightly.log 2>&1 < /dev/null &
sleep 10
tail -n 20 nightly.log"

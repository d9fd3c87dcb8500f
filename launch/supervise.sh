#!/usr/bin/env bash
# Runs a command, and again whenever it ends in a way that a restart can cure.
#
#   ./launch/supervise.sh [--restarts=N] [--wait=SECONDS] [--dry-run] \
#       COMMAND [ARGUMENT...]
#
# Cured are the ends of a process that lost another process of its run: by a
# signal (134 is JAX's coordination service) or with status 75. Passed on are 0,
# and every other status, where the program has said what is wrong. At most
# N = 10 restarts, WAIT = 5 seconds apart. SIGTERM and SIGINT go to the command,
# which then is not started again.
set -euo pipefail

fail() { echo "supervise: $1" >&2; exit 2; }

restarts=10 pause=5 dry_run=''
while [ $# -gt 0 ]; do
  case "$1" in
    --restarts=*) restarts="${1#*=}" ;;
    --wait=*) pause="${1#*=}" ;;
    --dry-run) dry_run=yes ;;
    --) shift; break ;;
    -*) fail "unknown argument $1; the command comes after the flags" ;;
    *) break ;;
  esac
  shift
done
[ $# -gt 0 ] || fail 'give the command to run'
[[ "$restarts" =~ ^[0-9]+$ ]] || fail "--restarts=$restarts is no number"
[[ "$pause" =~ ^[0-9]+$ ]] || fail "--wait=$pause is no number of seconds"

if [ -n "$dry_run" ]; then
  printf '%q ' "$@"
  echo
  exit
fi

stopped='' child=''
stop() {
  stopped=yes
  [ -z "$child" ] || kill -TERM "$child" 2> /dev/null || true
}
trap stop TERM INT

for ((restart = 0; ; restart++)); do
  "$@" &
  child=$!
  status=0
  wait "$child" || status=$?
  # A trapped signal ends `wait`, and not the command.
  while kill -0 "$child" 2> /dev/null; do
    status=0
    wait "$child" || status=$?
  done
  child=''
  [ -z "$stopped" ] || exit "$status"
  if [ "$status" -lt 128 ] && [ "$status" -ne 75 ]; then
    exit "$status"
  fi
  [ "$restart" -lt "$restarts" ] || {
    echo "supervise: status $status after $restarts restarts" >&2
    exit "$status"
  }
  echo "supervise: status $status, restart $((restart + 1)) of $restarts" >&2
  sleep "$pause" &
  wait $! || true
  [ -z "$stopped" ] || exit "$status"
done

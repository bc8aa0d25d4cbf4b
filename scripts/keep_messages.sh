#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
set -euo pipefail

usage() {
  cat << 'TEXT'
keep_messages.sh: runs a compiler and keeps what it says beside the object that it makes, as OBJECT.log.

  scripts/keep_messages.sh nvcc ... -o OBJECT ...

So the messages belong to the object, however old it is. Those of ptxas about registers are not shown.
TEXT
}

case "${1:-}" in "" | -h | --help) usage; exit 0 ;; esac

object=""
previous=""
for argument in "$@"; do
  [ "$previous" != -o ] || object=$argument
  previous=$argument
done

log=${object:-/dev/null}.log
[ -n "$object" ] || log=/dev/null
status=0
"$@" > "$log" 2>&1 || status=$?
if [ "$status" -ne 0 ]; then
  cat "$log" >&2
  exit "$status"
fi
grep -v -e '^ptxas info ' -e 'bytes stack frame, .* bytes spill stores' "$log" >&2 || true

#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
set -euo pipefail

usage() {
  cat << 'TEXT'
quickstart.sh: from a fresh machine to a scaling plot, in one command.

  ./quickstart.sh [-h] [-o DIR] [-- options of "knowscale run"]

  1. installs what is missing (apt; without the right to install it prints the command and exits 3)
  2. configures and builds Release into build/release
  3. builds the WordNet knowledge set data/wordnet.h5 (once)
  4. runs bench/campaigns/quickstart.toml on all cores with the MPI that is here
  5. draws the plots, prints the result table, what three sentences attend to, and where the files are

  -o DIR   where results go (default: results in this folder)
  -h       this text

A run that was interrupted goes on where it stopped. A finished result is kept under its date, and measured anew.
Exit status: 0 all valid, 1 a case is invalid, 2 usage, 3 something is missing, 75 interrupted (run again).
TEXT
}

# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/scripts/lib.sh"

results="$root/results"
while [ $# -gt 0 ]; do
  case "$1" in
    -h | --help) usage; exit 0 ;;
    -o) [ $# -ge 2 ] || fail "-o needs a folder" 2; mkdir -p "$2"; results=$(cd "$2" && pwd); shift 2 ;;
    --) shift; break ;;
    *) fail "unknown option $1: see $0 -h" 2 ;;
  esac
done

prepare release -DKNOWSCALE_TESTS=OFF -DKNOWSCALE_BENCH=OFF

knowledge="$root/data/wordnet.h5"
choices=()
if [ ! -f "$knowledge" ]; then
  if [ -f /usr/share/wordnet/data.noun ] || [ -n "${WNSEARCHDIR:-}" ]; then
    say "building the WordNet knowledge set (about a minute, once)"
    "$python" "$root/data/build_wordnet.py" -o "$knowledge"
  else
    say "no WordNet database here (package wordnet-base): using the sample of it that is in the repository"
    knowledge="$root/data/wordnet-sample.h5"
    choices=(--set "growth.m=[128,512,2000]" --set "models.m=2000")
  fi
fi

# A code path forced on OpenBLAS would measure something else than this machine.
if [ -n "${OPENBLAS_CORETYPE:-}" ]; then
  say "ignoring OPENBLAS_CORETYPE=$OPENBLAS_CORETYPE, so that OpenBLAS uses what this CPU has"
  unset OPENBLAS_CORETYPE
fi

file="$results/quickstart.h5"
mkdir -p "$results"
if [ -f "$file" ] && [ ! -d "$file.parts" ]; then
  mv "$file" "$results/quickstart-$(date -u -r "$file" +%Y%m%dT%H%M%SZ).h5"
fi

cores=$(nproc)
[ "$cores" -ge 2 ] || cores=2 # the campaign compares one rank with two
say "measuring on $cores ranks"
status=0
for study in wordnet formats kernels growth models sentences; do choices+=(--set "$study.knowledge=\"$knowledge\""); done
run_ranks "$root/scripts/launch.sh" "$cores" "$root/build/release/knowscale" run "$root/bench/campaigns/quickstart.toml" \
  "${choices[@]}" -o "$file" "$@" || status=$?
[ -f "$file" ] || exit "$status"

say "drawing the plots"
(cd "$root" && "$python" -m analysis report "$file" -o "$results/quickstart") > /dev/null || fail "could not draw the plots"
say "what the words of three sentences of WordNet attend to most, among its synsets:"
(cd "$root" && "$python" -m analysis attended "$file" --sentences 3 --top 3) || fail "could not read what tokens attend to"
say "results: $file"
say "plots:   $results/quickstart/index.html"
exit "$status"

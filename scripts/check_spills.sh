#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
set -euo pipefail

usage() {
  cat << 'TEXT'
check_spills.sh: no kernel for devices keeps registers in memory, by what ptxas says.

  scripts/check_spills.sh FOLDER ARCHITECTURES

FOLDER holds the logs that keep_messages.sh has written beside the objects. For each of so many ARCHITECTURES they must
name every fused kernel: two for each of 3 types of number and 7 pairs of widths. Exit status 1: one is missing, or
spills, or a fused one has numbers in memory of its own (a stack frame).
TEXT
}

case "${1:-}" in -h | --help) usage; exit 0 ;; esac
[ $# -eq 2 ] || { usage >&2; exit 2; }

logs=()
while IFS= read -r log; do logs+=("$log"); done < <(find "$1" -name '*.cu.o.log' | sort)
[ "${#logs[@]}" -gt 0 ] || { printf 'check_spills: no logs in %s\n' "$1" >&2; exit 1; }

awk -v architectures="$2" '
  /Compiling entry function/ {
    split($0, quoted, "\047")
    kernel = quoted[2]; architecture = quoted[4]
    fused = ""
    if (kernel ~ /(many|few)_queries/) fused = kernel ~ /many_queries/ ? "many_queries" : "few_queries"
    if (fused != "" && !((kernel, architecture) in seen)) { seen[kernel, architecture] = 1; ++found[fused] }
  }
  /Function properties for/ { kernel = $NF }
  /bytes stack frame, .* bytes spill stores/ {
    ++kernels
    if ($5 > 0 || $9 > 0 || (fused != "" && $1 > 0)) {
      printf "check_spills: %s for %s: %s\n", kernel, architecture, $0; bad = 1
    }
  }
  /Used [0-9]+ registers/ {
    for (i = 1; i < NF; ++i) if ($i == "Used" && fused != "" && $(i + 1) > most[fused]) most[fused] = $(i + 1)
  }
  END {
    split("many_queries few_queries", names, " ")
    for (i = 1; i <= 2; ++i) {
      wanted = 3 * 7 * architectures
      if (found[names[i]] != wanted) {
        printf "check_spills: %d kernels %s were compiled, not %d\n", found[names[i]], names[i], wanted; bad = 1
      }
      printf "check_spills: %s takes up to %d registers\n", names[i], most[names[i]]
    }
    printf "check_spills: %d functions, %s\n", kernels, bad ? "not all without spills" : "no spills"
    exit bad
  }' "${logs[@]}"

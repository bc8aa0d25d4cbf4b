#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
set -euo pipefail

usage() {
  cat << 'TEXT'
run_all.sh: the kernels for devices on the device of this machine: built, tested, checked and timed, in one table.

  bench/cuda/run_all.sh [-h] [--quick] [--filter TEXT]

Needs CUDA, CMake and a compiler; the tests GoogleTest, the memory checks compute-sanitizer, the peers a python3 with a
PyTorch that sees the device: what is not there is skipped, and said so. --quick and --filter go to bench_cuda.

Time on one device, at most (a step that takes longer is ended and counts as failed): build 120 s, tests 60 s, memory
checks 60 s and 45 s, bench_cuda 130 s, peers 60 s: 8 minutes.

Writes DATE-cuda-DEVICE.txt to $OUT where that is set, else to bench/results. Exit status: 0 all verified, 1 something
failed or was wrong, 3 no device (all is built then).
TEXT
}

bench_options=(--seconds 0.25)
filter=""
while [ $# -gt 0 ]; do
  case "$1" in
    -h | --help) usage; exit 0 ;;
    --quick) bench_options+=(--quick) ;;
    --filter) [ $# -gt 1 ] || { usage >&2; exit 2; }; filter=$2; bench_options+=(--filter "$2"); shift ;;
    *) usage >&2; exit 2 ;;
  esac
  shift
done

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=$root/build/cuda-device
failed=()

say() { printf 'run_all: %s\n' "$*" >&2; }

# Runs a step within so many seconds; a failure is noted, and what comes after goes on. Usage: step NAME SECONDS command...
step() {
  local name=$1 seconds=$2 start=$SECONDS status=0
  shift 2
  timeout --kill-after=5 "$seconds" "$@" || status=$?
  say "$name: $((SECONDS - start)) s of $seconds"
  [ "$status" -eq 0 ] || { say "$name failed with exit status $status"; failed+=("$name"); }
}

# The compute capability of the first device as CMake names it; nothing where there is none.
architecture() {
  local capability
  capability=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader 2> /dev/null | head -n 1) || return 0
  case "$capability" in
    9.0) printf '90a-real' ;;
    [0-9]*.[0-9]*) printf '%s-real' "${capability/./}" ;;
  esac
}

# The first libraries of CUDA among the packages of python3, where the toolkit lacks them.
cuda_packages() {
  python3 -c 'import nvidia; print(list(nvidia.__path__)[0])' 2> /dev/null || true
}

build_all() {
  local options=(-DKNOWSCALE_CUDA_PACKAGES="$(cuda_packages)") architecture
  architecture=$(architecture)
  [ -z "$architecture" ] || options+=(-DCMAKE_CUDA_ARCHITECTURES="$architecture")
  command -v ninja > /dev/null && [ ! -f "$build/Makefile" ] && options+=(-G Ninja)
  cmake --preset cuda-kernels -B "$build" "${options[@]}" >&2 &&
    timeout --kill-after=5 120 cmake --build "$build" --parallel "$(nproc)" >&2
}

has_torch() {
  python3 -c 'import torch; assert torch.cuda.is_available()' 2> /dev/null
}

# Our fused kernel over each peer, in the same case: above 1 ours is faster.
ratios() {
  awk '$2 == "cuda" { ours[$1] = $10 }
       ($2 == "cudnn" || $2 == "flash") && ($1 in ours) {
         printf "# %-18s cuda is at %.2f of the rate of %s\n", $1, $10 / ours[$1], $2
       }' "$1"
}

say "building"
(cd "$root" && build_all) || { say "could not build"; exit 1; }
bench=$build/bench/cuda/bench_cuda
tests=$build/tests/cuda/knowscale_device_tests

no_device() { printf 'skipped: no device\n'; exit 3; }
[ -n "$(nvidia-smi -L 2> /dev/null || true)" ] || no_device
device=$(nvidia-smi --query-gpu=name --format=csv,noheader | head -n 1)
slug=$(printf '%s' "$device" | tr 'A-Z ' 'a-z-' | tr -cd 'a-z0-9-')
result=${OUT:-$root/bench/results}/$(date +%F)-cuda-$slug.txt
mkdir -p "$(dirname "$result")"
: > "$result"

if [ -x "$tests" ]; then
  say "tests"
  step tests 60 "$tests" --gtest_brief=1 >&2
else
  say "tests skipped: no GoogleTest"
fi

if command -v compute-sanitizer > /dev/null; then
  checked=("$bench" --quick --filter small)
  [ ! -x "$tests" ] ||
    checked=("$tests" --gtest_brief=1 '--gtest_filter=Fused/*.*MatchTheDefinition:DeviceRows.*:DeviceStreams.*')
  step memcheck 60 compute-sanitizer --tool memcheck --error-exitcode 9 "${checked[@]}" >&2
  step racecheck 45 compute-sanitizer --tool racecheck --error-exitcode 9 "$bench" --quick --filter small >&2
else
  say "memory checks skipped: no compute-sanitizer"
fi

say "bench_cuda"
step bench_cuda 130 "$bench" "${bench_options[@]}" > "$result.part"
! grep -q '^skipped: no device' "$result.part" || { rm -f "$result" "$result.part"; no_device; }
grep -v '^bench_cuda:' "$result.part" >> "$result" || true
verdict=$(grep '^bench_cuda:' "$result.part" || printf 'bench_cuda: no verdict')
rm -f "$result.part"

if has_torch; then
  step peers 60 python3 "$root/bench/cuda/attention_cudnn.py" --seconds 0.2 --filter "$filter" >> "$result"
  ratios "$result" >> "$result.part"
  cat "$result.part" >> "$result"
  rm -f "$result.part"
else
  say "peers skipped: no python3 with a PyTorch that sees the device"
fi

printf '# %s\n' "$verdict" >> "$result"
[ "${#failed[@]}" -eq 0 ] || printf '# failed: %s\n' "${failed[*]}" >> "$result"
cat "$result"
say "wrote $result"
[ "${#failed[@]}" -eq 0 ] || exit 1

#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
set -euo pipefail

usage() {
  cat << 'TEXT'
test.sh: installs what is missing, builds, and runs every test.

  ./test.sh [-h] [--sanitize] [options of ctest, e.g. -R mpi]
  ./test.sh --arm [options of scripts/test_arm.sh]

ctest (unit tests, the MPI tests in one launch of 8 oversubscribed ranks, knowscale verify, the include graph, a
consumer of the installed package), pytest (analysis, data, scripts, the program from outside), shellcheck. Where there
is nvcc, the kernels for devices too: they compile without warnings, spill no registers, and are tested if there is a
device.

With --sanitize: ctest and the program from outside under AddressSanitizer and UndefinedBehaviorSanitizer, in
build/sanitize; leaks count, but for those of libraries that tests/sanitize/leaks.txt names. Takes hours on 2 cores, the
most of them verify on the emulated device: leave it out with -E emulated_verify.
With --arm: kernels of the host for 64-bit Arm (NEON, SVE) under an emulator.
TEXT
}

# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/scripts/lib.sh"

tools+=(shellcheck)
modules+=", pytest, xdist"

# As many files at a time as there are cores. Usage: run_pytest FOLDER
run_pytest() {
  (cd "$root" && "$python" -m pytest -q -n "$(nproc)" --dist loadfile "$1")
}

preset=release
configuration=(-DKNOWSCALE_TESTS=ON -DKNOWSCALE_BENCH=ON -DKNOWSCALE_WERROR="${CI:+ON}")
case "${1:-}" in
  -h | --help) usage; exit 0 ;;
  --arm) shift; exec "$root/scripts/test_arm.sh" "$@" ;;
  --sanitize)
    shift
    preset=sanitize
    configuration=(-DKNOWSCALE_TESTS=ON -DKNOWSCALE_BENCH=OFF)
    export ASAN_OPTIONS=detect_leaks=1:fast_unwind_on_malloc=0 UBSAN_OPTIONS=print_stacktrace=1
    export KNOWSCALE_PATIENCE=3600
    export LSAN_OPTIONS="suppressions=$root/tests/sanitize/leaks.txt:print_suppressions=0"
    ;;
esac
export KNOWSCALE_PROGRAM="$root/build/$preset/knowscale"
export KNOWSCALE_EMULATED="$root/build/$preset/tests/cuda/knowscale_emulated"

prepare "$preset" "${configuration[@]}"

say "ctest"
ctest --test-dir "$root/build/$preset" --parallel "$(nproc)" --output-on-failure "$@"
[ $# -eq 0 ] || exit 0

if [ "$preset" = sanitize ]; then
  say "pytest"
  run_pytest tests/python/program
  say "all tests passed, nothing found"
  exit 0
fi

say "kernels for devices"
if has_nvcc; then
  (cd "$root" && cmake --preset cuda-kernels -DKNOWSCALE_WERROR=ON -DKNOWSCALE_PTXAS_REPORT=ON > /dev/null &&
    cmake --build --preset cuda-kernels --parallel "$(nproc)" && ctest --preset cuda-kernels)
else
  say "skipped: no nvcc"
fi

say "pytest"
run_pytest tests/python

say "shellcheck"
(cd "$root" && git ls-files '*.sh' '*.sbatch' .ci/run | xargs shellcheck -x)
say "all tests passed"

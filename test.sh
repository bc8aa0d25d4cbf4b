#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
set -euo pipefail

usage() {
  cat << 'TEXT'
test.sh: installs what is missing, builds, and runs every test.

  ./test.sh [-h] [options of ctest, e.g. -R mpi]

ctest (unit tests, the MPI tests in one launch of 8 oversubscribed ranks, knowscale verify, the include graph, a
consumer of the installed package), pytest (analysis, data, scripts, the program from outside), shellcheck. Where there is nvcc,
the kernels for devices too: they compile without warnings, spill no registers, and are tested if there is a device.
TEXT
}

# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/scripts/lib.sh"

tools+=(shellcheck)
modules+=", pytest"

case "${1:-}" in -h | --help) usage; exit 0 ;; esac

prepare release -DKNOWSCALE_TESTS=ON -DKNOWSCALE_BENCH=ON -DKNOWSCALE_WERROR="${CI:+ON}"

say "ctest"
ctest --test-dir "$root/build/release" --output-on-failure "$@"
[ $# -eq 0 ] || exit 0

say "kernels for devices"
if has_nvcc; then
  (cd "$root" && cmake --preset cuda-kernels -DKNOWSCALE_WERROR=ON -DKNOWSCALE_PTXAS_REPORT=ON > /dev/null &&
    cmake --build --preset cuda-kernels --parallel "$(nproc)" && ctest --preset cuda-kernels)
else
  say "skipped: no nvcc"
fi

say "pytest"
(cd "$root" && "$python" -m pytest -q tests/python)

say "shellcheck"
(cd "$root" && git ls-files '*.sh' '*.sbatch' .ci/run | xargs shellcheck -x)
say "all tests passed"

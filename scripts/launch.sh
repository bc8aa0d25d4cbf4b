#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
set -euo pipefail

usage() {
  cat << 'TEXT'
launch.sh: starts a program on N ranks of this machine, on more ranks than cores too, with the MPI that is here.

  scripts/launch.sh [-h] [--test] N PROGRAM [ARG...]

The one place that knows the options of launchers: Open MPI's and those of MPICH and its kin; others get -n alone.
MPIEXEC names the launcher (default: mpirun). --test is for tests and not for measurements: ranks may run on any core,
and do not read each other's memory, which containers forbid.
Exit status: that of the launcher; 2 usage, 3 no launcher.
TEXT
}

fail() { printf 'launch: error: %s\n' "$1" >&2; exit "$2"; }

test=no
case "${1:-}" in
  -h | --help) usage; exit 0 ;;
  --test) test=yes; shift ;;
esac
case "${1:-}" in "" | *[!0-9]*) fail "'${1:-}' is no number of ranks: see $0 -h" 2 ;; esac
[ $# -ge 2 ] || fail "no program: see $0 -h" 2

launcher=${MPIEXEC:-mpirun}
command -v "$launcher" > /dev/null || fail "there is no $launcher here; MPIEXEC names another" 3

options=()
case "$("$launcher" --version 2>&1 || true)" in
  *"Open MPI"* | *OpenRTE*)
    options=(--oversubscribe)
    [ "$(id -u)" -ne 0 ] || export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
    export OMPI_MCA_mpi_yield_when_idle=1
    if [ $test = yes ]; then
      options+=(--bind-to none)
      # Open MPI 4, and 5. A job that ends with an error is waited for, seconds long, which tests of errors add up.
      export OMPI_MCA_btl_vader_single_copy_mechanism=none OMPI_MCA_smsc=^cma,knem,xpmem
      export OMPI_MCA_odls_base_sigkill_timeout=0 PRTE_MCA_odls_base_sigkill_timeout=0
    fi
    ;;
  *HYDRA*) [ $test = no ] || options=(-bind-to none) ;;
esac
exec "$launcher" "${options[@]}" -n "$@"

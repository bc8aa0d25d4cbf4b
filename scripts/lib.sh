# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# What quickstart.sh and test.sh share: installing what is missing, building, Python, launching MPI.

# What must be there before anything is installed; test.sh adds its own.
tools=(cmake git mpirun "${CXX:-c++}")
modules="h5py, matplotlib, numpy, pandas, scipy"

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf '%s: %s\n' "$(basename "$0" .sh)" "$*" >&2; }
fail() { say "error: $1"; exit "${2:-1}"; }

# Packages of the list that are not installed. Usage: missing_packages
missing_packages() {
  local package
  while read -r package; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || printf '%s\n' "$package"
  done < <(grep -v '^#' "$root/scripts/packages.txt")
}

# The first Python that has all modules: the one of the environment, then the distribution's.
find_python() {
  local python
  for python in python3 /usr/bin/python3; do
    if "$python" -c "import $modules" 2> /dev/null; then
      command -v "$python"
      return 0
    fi
  done
  return 1
}

# Installs the missing packages of the list with apt, or says how and exits 3.
install_packages() {
  command -v apt-get > /dev/null ||
    fail "something is missing and there is no apt-get: install what scripts/packages.txt lists, or use spack.yaml" 3
  local missing
  missing=$(missing_packages | tr '\n' ' ')
  [ -n "$missing" ] || return 0
  local command="apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing"
  if [ "$(id -u)" -eq 0 ]; then
    say "installing: $missing"
    sh -c "$command" >&2 || fail "could not install packages; the command was: $command" 3
  elif sudo -n true 2> /dev/null; then
    say "installing with sudo: $missing"
    sudo -n sh -c "$command" >&2 || fail "could not install packages; the command was: $command" 3
  else
    fail "packages are missing, and this user may not install them; ask for: sudo sh -c '$command'" 3
  fi
}

# Configures the release preset. Usage: configure LOG [cmake options]
configure() {
  local log=$1 generator=()
  shift
  [ -f "$root/build/release/CMakeCache.txt" ] || { command -v ninja > /dev/null && generator=(-G Ninja); }
  (cd "$root" && cmake --preset release "${generator[@]}" "$@") > "$log" 2>&1
}

# Installs what is missing, if anything is: where cmake finds all libraries and a Python has all modules (in a Spack
# environment, for example) nothing is installed. Then builds. Usage: prepare [cmake options]
prepare() {
  local tool log ready=yes
  log=$(mktemp)
  for tool in "${tools[@]}"; do command -v "$tool" > /dev/null || ready=no; done
  find_python > /dev/null || ready=no
  if [ $ready = no ] || ! configure "$log" "$@"; then
    install_packages
    # What cmake did not find before it must look for again.
    rm -f "$root/build/release/CMakeCache.txt"
    configure "$log" "$@" || { cat "$log" >&2; fail "could not configure" 3; }
  fi
  rm -f "$log"
  say "building"
  cmake --build "$root/build/release" --parallel "$(nproc)" >&2 || fail "could not build"
  make_python_environment
}

# Whether CMake will find a compiler for CUDA.
has_nvcc() {
  command -v nvcc > /dev/null || [ -x "${CUDA_PATH:-/usr/local/cuda}/bin/nvcc" ]
}

# A virtual environment on top of the Python that has the modules, so that the shell's own python3 does not matter.
# Sets $python.
make_python_environment() {
  local base
  base=$(find_python) || fail "no python3 with $modules" 3
  python="$root/build/python/bin/python3"
  if ! "$python" -c "import $modules" 2> /dev/null; then
    rm -rf "$root/build/python"
    "$base" -m venv --system-site-packages --without-pip "$root/build/python" || fail "could not make a Python environment" 3
  fi
}

# What Open MPI wants before it runs as root, and on fewer cores than ranks.
export_mpi_environment() {
  if [ "$(id -u)" -eq 0 ]; then
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
  fi
  export OMPI_MCA_mpi_yield_when_idle=1
}

# Runs mpirun, or what becomes it; its status is 75 where SIGTERM or Ctrl-C ended it and the ranks could stop in order.
# They get SIGUSR1, which mpirun hands on: of the others it makes an end of its own, with another status. In a session of
# its own, because Ctrl-C goes to a whole process group. Usage: run_ranks COMMAND...
run_ranks() {
  local ranks stopping=yes status
  setsid "$@" &
  ranks=$!
  trap 'stopping=yes; kill -USR1 "$ranks" 2> /dev/null || true' HUP INT TERM
  while [ "$stopping" = yes ]; do # a signal ends wait, and not what it waits for
    stopping=no status=0
    wait "$ranks" || status=$?
  done
  trap - HUP INT TERM
  return "$status"
}

# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# What quickstart.sh and test.sh share: installing what is missing, building, Python.

# Without these nothing is configured; test.sh adds its own.
tools=(cmake git "${MPIEXEC:-mpirun}" "${CXX:-c++}")
modules="h5py, matplotlib, numpy, pandas, scipy"

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf '%s: %s\n' "$(basename "$0" .sh)" "$*" >&2; }
fail() { say "error: $1"; exit "${2:-1}"; }

# Packages of the list that are not installed, of alternatives the first. Usage: missing_packages
missing_packages() {
  local line package
  while read -r line; do
    for package in ${line//|/ }; do
      dpkg-query -W -f='${Status}' "$package" 2> /dev/null | grep -q 'ok installed' && continue 2
    done
    printf '%s\n' "${line%%|*}"
  done < <(grep -v '^#' "$root/scripts/packages.txt")
}

# Tools that are not in PATH.
missing_tools() {
  local tool
  for tool in "${tools[@]}"; do command -v "$tool" > /dev/null || printf '%s ' "$tool"; done
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
    fail "install what is missing: scripts/packages.txt lists all by Debian's names, spack.yaml by Spack's" 3
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

# Configures a preset. Usage: configure PRESET LOG [cmake options]
configure() {
  local preset=$1 log=$2 generator=()
  shift 2
  [ -f "$root/build/$preset/CMakeCache.txt" ] || { command -v ninja > /dev/null && generator=(-G Ninja); }
  (cd "$root" && cmake --preset "$preset" "${generator[@]}" "$@") > "$log" 2>&1
}

# What CMake says went wrong: its errors without its progress and warnings; without any, how its output ends.
errors_of() {
  local log=$1 errors
  errors=$(awk '/^CMake Error/ { on = 1 } /^-- |^CMake (Deprecation )?Warning/ { on = 0 } on' "$log" | cat -s)
  printf '%s\n' "${errors:-$(tail -n 20 "$log")}"
}

# Whether errors speak of something that is not on this machine, which a package may mend.
speaks_of_missing() {
  grep -qiE 'could not find|not found|unable to find|could be found|not a parallel build' <<< "$1"
}

# Configures; where CMake misses something and packages of the list are missing, installs them and configures again.
# Usage: configure_or_install PRESET [cmake options]
configure_or_install() {
  local preset=$1 log errors
  shift
  log=$(mktemp)
  if ! configure "$preset" "$log" "$@"; then
    errors=$(errors_of "$log")
    printf '%s\n' "$errors" >&2
    { speaks_of_missing "$errors" && [ -n "$(missing_packages)" ]; } || fail "could not configure: see CMake's errors above" 3
    install_packages
    # What cmake did not find before it must look for again.
    rm -f "$root/build/$preset/CMakeCache.txt"
    configure "$preset" "$log" "$@" || {
      errors_of "$log" >&2
      fail "could not configure, though all packages are installed: see CMake's errors above" 3
    }
  fi
  rm -f "$log"
}

# Installs what is missing, if anything is: where cmake finds all libraries and a Python has all modules (in a Spack
# environment, for example) nothing is installed. Then builds. Usage: prepare PRESET [cmake options]
prepare() {
  local preset=$1 missing
  if [ -n "$(missing_tools)" ] || ! find_python > /dev/null; then
    install_packages
    missing=$(missing_tools)
    [ -z "$missing" ] || fail "not in PATH, though all packages are installed: $missing" 3
  fi
  configure_or_install "$@"
  say "building"
  cmake --build "$root/build/$preset" --parallel "$(nproc)" >&2 || fail "could not build"
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

#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
set -euo pipefail

usage() {
  cat << 'TEXT'
test_arm.sh: kernels of the host for 64-bit Arm, built here and tested under an emulator (qemu-user).

  scripts/test_arm.sh [-h] [neon] [sve] [GTEST_FILTER]

Without neon or sve, both; sve with vectors of 256 and of 512 bits. Without a filter, those tests that an emulator does
in some minutes. Needs Debian or Ubuntu: the cross compiler and the emulator are installed where they are missing,
libraries for Arm are downloaded as packages and unpacked into build/arm. Some 20 minutes on 2 cores.
Exit status: 0 all passed, 1 a test failed, 2 usage, 3 something is missing.
TEXT
}

# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# What takes an emulator minutes each is left out.
kinds=() filter='Exp2.Gives*:Screened*:Bytes*:Simd.NaN*:Simd.Minus*:Simd.Causal*:Simd.MatchesReferenceInEveryWay'
for word in "$@"; do
  case "$word" in
    -h | --help) usage; exit 0 ;;
    neon | sve) kinds+=("$word") ;;
    -*) usage >&2; exit 2 ;;
    *) filter=$word ;;
  esac
done
[ ${#kinds[@]} -gt 0 ] || kinds=(neon sve)

folder="$root/build/arm"
compiler=aarch64-linux-gnu-g++
emulator=qemu-aarch64
command -v apt-get > /dev/null || fail "needs apt, for libraries for Arm" 3
if ! command -v $compiler > /dev/null || ! command -v $emulator > /dev/null; then
  [ "$(id -u)" -eq 0 ] || fail "missing: ask for: sudo apt-get install g++-aarch64-linux-gnu qemu-user" 3
  say "installing the cross compiler and the emulator"
  { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends g++-aarch64-linux-gnu \
    qemu-user; } > /dev/null || fail "could not install g++-aarch64-linux-gnu and qemu-user" 3
fi

# Packages of the other architecture, with lists of their own.
if [ ! -f "$folder/sysroot/complete" ]; then
  say "downloading libraries for Arm"
  mkdir -p "$folder"/{lists,cache/archives,state}/partial "$folder/packages" "$folder/sysroot"
  apt=(apt-get -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o Dir::State::lists="$folder/lists"
    -o Dir::Cache="$folder/cache" -o Dir::State::status=/dev/null -o APT::Sandbox::User="$(id -un)")
  "${apt[@]}" update > "$folder/apt.log" 2>&1 || fail "apt has no packages for arm64: see $folder/apt.log" 3
  packages=$(apt-cache "${apt[@]:1}" depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks \
    --no-replaces --no-enhances libfmt-dev libgtest-dev libhwy-dev libopenblas-pthread-dev libtbb-dev |
    grep -E '^(libfmt|libgtest|libhwy|libopenblas|libtbb|libgfortran5|libhwloc15|libudev1)' | sort -u)
  # shellcheck disable=SC2086
  (cd "$folder/packages" && "${apt[@]}" download $packages >> "$folder/apt.log" 2>&1) ||
    fail "could not download libraries for Arm: see $folder/apt.log" 3
  for package in "$folder"/packages/*.deb; do dpkg -x "$package" "$folder/sysroot"; done
  touch "$folder/sysroot/complete"
fi
# Of this machine: headers alone, which are the same on every one.
mkdir -p "$folder/headers"
ln -sfn /usr/include/Random123 "$folder/headers/Random123"

libraries="$folder/sysroot/usr/lib/aarch64-linux-gnu"
run() { # emulated CPU
  say "testing on $1"
  $emulator -cpu "$1" -L /usr/aarch64-linux-gnu -E LD_LIBRARY_PATH="$libraries:$libraries/openblas-pthread" \
    "$build/knowscale_arm_tests" --gtest_brief=1 --gtest_filter="$filter"
}
for kind in "${kinds[@]}"; do
  build="$folder/$kind"
  say "building for $kind"
  cmake -S "$root/tests/arm" -B "$build" -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=aarch64 \
    -DCMAKE_CXX_COMPILER=$compiler -DCMAKE_BUILD_TYPE=Release \
    -DCMAKE_CXX_FLAGS="-O1 -Wall -Wno-psabi -march=armv8-a$([ "$kind" = neon ] || echo +sve)" \
    -DARM_SYSROOT="$folder/sysroot" -DHEADERS_OF_ANY_MACHINE="$folder/headers" > "$folder/$kind.log" 2>&1 ||
    fail "could not configure: see $folder/$kind.log"
  cmake --build "$build" --parallel "$(nproc)" >> "$folder/$kind.log" 2>&1 ||
    { errors_of "$folder/$kind.log" >&2; fail "could not build: see $folder/$kind.log"; }
  if [ "$kind" = neon ]; then
    run max,sve=off
  else
    run max,sve256=on,sve512=off
    run max,sve512=on
  fi
done
say "all tests passed"

#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
set -euo pipefail

usage() {
  cat << 'TEXT'
try_distribution.sh: runs the commands of the README on a bare machine of another suite of this distribution.

  scripts/try_distribution.sh [-h] [-d DIR] [-m MIRROR] SUITE [COMMAND]

SUITE is what debootstrap knows: bookworm, trixie, ... COMMAND is a line for sh, run in a clone of this repository's HEAD
(default: ./quickstart.sh && ./test.sh); CC, CXX and CMAKE_CXX_COMPILER_LAUNCHER are handed on. What is not committed
is not tried. The folder stays, with what was installed and built: the next call takes HEAD as it is then. A second
compiler or MPI wants a folder of its own:

  scripts/try_distribution.sh -d /tmp/clang trixie 'apt-get update && apt-get install -y clang-19 && CXX=clang++-19 ./test.sh'

  -d DIR     the folder of the system (default: SUITE in ${XDG_CACHE_HOME:-~/.cache}/knowscale/distributions); some
             4 GB; to start anew, remove it
  -m MIRROR  where packages come from (default: where apt of this machine has its own from)

Needs root (chroot and mounts), debootstrap and util-linux. The mounts are in a namespace of their own and processes too:
both end with the command, however it ends. Prints the versions of compiler and libraries last.
Exit status: that of COMMAND; 2 usage, 3 something is missing.
TEXT
}

fail() { printf 'try_distribution: error: %s\n' "$1" >&2; exit "$2"; }

folder="" mirror="" arguments="$*"
while getopts hd:m: option; do
  case "$option" in
    h) usage; exit 0 ;;
    d) folder=$OPTARG ;;
    m) mirror=$OPTARG ;;
    *) fail "see $0 -h" 2 ;;
  esac
done
shift $((OPTIND - 1))
case $# in
  1 | 2) ;;
  *) fail "a suite, and perhaps one command: see $0 -h" 2 ;;
esac
suite=$1
command=${2:-./quickstart.sh && ./test.sh}
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
folder=${folder:-${XDG_CACHE_HOME:-$HOME/.cache}/knowscale/distributions/$suite}

[ "$(id -u)" -eq 0 ] || fail "only root may make a system in a folder and go into it: sudo $0 $arguments" 3
for tool in debootstrap git setpriv unshare; do
  command -v "$tool" > /dev/null || fail "there is no $tool (Debian: apt-get install debootstrap git util-linux)" 3
done

# Where apt of this machine has the distribution's own packages from, and which components of it.
# Usage: apt_targets REPO_URI|COMPONENT
apt_targets() {
  apt-get indextargets --format "\$($1)" "Identifier: Packages" "Label: $(. /etc/os-release && echo "${NAME%% *}")"
}

# Half a system is never taken for a whole one: it gets its name when it is done.
make_system() {
  local components
  components=$(apt_targets COMPONENT | sort -u | paste -sd,)
  mirror=${mirror:-$(apt_targets REPO_URI | head -n 1)}
  [ -n "$mirror" ] || fail "apt of this machine names no mirror of its distribution: apt-get update, or name one with -m" 3
  mkdir -p "$(dirname "$folder")"
  rm -rf --one-file-system "$folder.partial"
  debootstrap --variant=minbase --components="${components:-main}" "$suite" "$folder.partial" "$mirror" >&2 ||
    fail "debootstrap could not make $suite from $mirror; see $folder.partial/debootstrap/debootstrap.log" 3
  mv "$folder.partial" "$folder"
}

# The clone inside: HEAD, with what was built there before.
clone_head() {
  local clone=$folder/srv/knowscale
  [ -d "$clone/.git" ] || git clone --quiet --no-hardlinks --no-checkout "$root" "$clone"
  git -C "$clone" fetch --quiet "$root" HEAD
  git -C "$clone" checkout --quiet --force --detach FETCH_HEAD
}

# Run as the first process of the namespaces: everything that it starts and mounts ends with it.
# shellcheck disable=SC2016 # expanded inside
inside='
  mount -t proc proc "$1/proc"
  mount --rbind /sys "$1/sys"
  mount --rbind /dev "$1/dev"
  exec chroot "$1" /usr/bin/env -i HOME=/srv PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    LANG=C.UTF-8 TERM="${TERM:-dumb}" DEBIAN_FRONTEND=noninteractive ${CC:+"CC=$CC"} ${CXX:+"CXX=$CXX"} \
    ${CMAKE_CXX_COMPILER_LAUNCHER:+"CMAKE_CXX_COMPILER_LAUNCHER=$CMAKE_CXX_COMPILER_LAUNCHER"} \
    ${http_proxy:+"http_proxy=$http_proxy"} sh -c "cd /srv/knowscale && $2"'
in_system() {
  setpriv --pdeathsig KILL unshare --mount --pid --fork --kill-child --propagation private -- \
    sh -ec "$inside" sh "$folder" "$1"
}

[ -d "$folder" ] || make_system
clone_head
cp -L /etc/resolv.conf /etc/hosts "$folder/etc/" # the names that this machine knows

status=0
in_system "$command" || status=$?
printf '\n%s: "%s" ended with %s. Versions:\n' "$suite" "$command" "$status"
# shellcheck disable=SC2016 # expanded inside
in_system '. /etc/os-release && echo "$PRETTY_NAME $(cat /etc/debian_version 2> /dev/null)"
  for tool in ${CXX:-c++} cmake mpirun python3; do $tool --version 2> /dev/null | head -n 1; done
  dpkg-query -W -f "\${db:Status-Abbrev} \${Package} \${Version}\n" $(grep -v "^#" scripts/packages.txt | tr "|" "\n") \
    2> /dev/null | sed -n "s/^ii *//p"' || true
exit "$status"

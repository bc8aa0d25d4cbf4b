# SPDX-License-Identifier: BSD-3-Clause
"""`prepare` of lib.sh: CMake's reason is shown whatever it is, and packages are spoken of only where one is missing."""

import pytest

BROKEN = """CMake Error at /usr/share/cmake/Modules/CMakeTestCXXCompiler.cmake:60 (message):
  The C++ compiler

    "/usr/bin/c++"

  is not able to compile a simple test program.
"""
MISSING = """CMake Error at cmake/KnowscaleDependencies.cmake:17 (find_package):
  Could not find a package configuration file provided by "hwy" with any of
  the following names:
"""


@pytest.fixture
def machine(sandbox):
    """A machine where cmake fails with a reason until apt-get has run; says what prepare did."""

    def prepare(reason: str, *, installed: str, user: str = "0", mended: bool = True):
        ending = 'exit 1' if not mended else '[ -f "$TOOLS/installed" ] || exit 1'
        sandbox.tool("cmake", f"""case "$*" in *--preset*) ;; *) exit 0 ;; esac
printf '%s\\n' "$*" >> "$TOOLS/configured"
[ -f "$TOOLS/installed" ] && {"true" if mended else "false"} || cat << 'TEXT'
-- The CXX compiler identification is GNU 14.2.0
{reason}
-- Configuring incomplete, errors occurred!
TEXT
{ending}""")
        sandbox.tool("dpkg-query", f"""for package; do :; done
case " {installed} " in *" $package "* | " all ") echo "install ok installed" ;; *) exit 1 ;; esac""")
        sandbox.tool("apt-get", """echo "$@" >> "$TOOLS/apt"; touch "$TOOLS/installed" """)
        sandbox.tool("sudo", "exit 1")
        sandbox.tool("id", f"echo {user}")
        (sandbox.root / "scripts" / "packages.txt").write_text("# list\nlibhwy-dev\nlibhdf5-openmpi-dev|libhdf5-mpich-dev\n")
        script = 'set -euo pipefail; . scripts/lib.sh; tools=(sh); modules=sys; prepare release -DA=1; echo prepared'
        done = sandbox.run("bash", "-c", script, "test.sh")
        log = sandbox.tools / "apt"
        return done, log.read_text().splitlines() if log.exists() else []

    return prepare


def test_another_reason_is_shown_and_nothing_is_installed(machine):
    done, apt = machine(BROKEN, installed="")  # though packages of the list are missing
    assert done.returncode == 3
    assert "is not able to compile a simple test program" in done.stderr
    assert "compiler identification" not in done.stderr  # progress is no reason
    assert "apt" not in done.stderr and apt == []


def test_what_no_package_can_mend_is_shown_without_apt(machine):
    done, apt = machine(MISSING, installed="all")
    assert done.returncode == 3
    assert 'provided by "hwy"' in done.stderr
    assert "apt" not in done.stderr and apt == []


def test_a_missing_package_is_installed_and_cmake_asked_again(machine):
    done, apt = machine(MISSING, installed="libhdf5-mpich-dev")  # the other of two alternatives
    assert done.returncode == 0 and done.stdout == "prepared\n"
    assert 'provided by "hwy"' in done.stderr  # why anything was installed
    assert apt == ["update", "install -y --no-install-recommends libhwy-dev"]


def test_of_alternatives_the_first_is_installed(machine):
    _, apt = machine(MISSING, installed="libhwy-dev")
    assert apt[1] == "install -y --no-install-recommends libhdf5-openmpi-dev"


def test_a_user_who_may_not_install_reads_reason_and_command(machine):
    done, apt = machine(MISSING, installed="libhdf5-openmpi-dev", user="1000")
    assert done.returncode == 3
    assert 'provided by "hwy"' in done.stderr
    assert "apt-get install -y --no-install-recommends libhwy-dev" in done.stderr and apt == []


def test_a_reason_that_stays_after_installing_is_shown(machine):
    done, apt = machine(MISSING, installed="libhdf5-openmpi-dev", mended=False)
    assert done.returncode == 3 and len(apt) == 2
    assert done.stderr.count('provided by "hwy"') == 2
    assert "though all packages are installed" in done.stderr


def test_a_cmake_that_dies_without_an_error_line_shows_its_last_words(machine):
    done, _ = machine("Segmentation fault", installed="all")
    assert done.returncode == 3
    assert "Segmentation fault" in done.stderr

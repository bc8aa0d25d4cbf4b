# SPDX-License-Identifier: BSD-3-Clause
"""try_distribution.sh up to where it would make a system: what it needs, from where it takes it, and what it says."""

import pytest

SCRIPT = "scripts/try_distribution.sh"


def machine(sandbox, *, user: str = "0", mirror: str = "http://mirror.invalid/debian/") -> None:
    sandbox.tool("id", f"echo {user}")
    sandbox.tool("unshare", "exit 9")
    sandbox.tool("apt-get", f"""case "$*" in *REPO_URI*) echo "{mirror}" ;; *COMPONENT*) printf 'main\\nmain\\ncontrib\\n' ;; esac""")
    sandbox.tool("debootstrap", """printf '%s\\n' "$*" > "$TOOLS/asked"; exit 1""")


@pytest.mark.parametrize("arguments", [(), ("a", "b", "c"), ("-x", "trixie")])
def test_usage(sandbox, arguments):
    machine(sandbox)
    done = sandbox.run(SCRIPT, *arguments)
    assert done.returncode == 2 and "-h" in done.stderr


def test_help_names_what_it_needs(sandbox):
    done = sandbox.run(SCRIPT, "-h")
    assert done.returncode == 0
    assert "Needs root" in done.stdout and "debootstrap" in done.stdout


def test_only_root_may(sandbox, tmp_path):
    machine(sandbox, user="1000")
    done = sandbox.run(SCRIPT, "-d", str(tmp_path / "system"), "trixie")
    assert done.returncode == 3 and "only root" in done.stderr and f"{SCRIPT} -d" in done.stderr
    assert not (tmp_path / "system").exists()


def test_packages_come_from_where_this_machine_has_its_own(sandbox, tmp_path):
    machine(sandbox)
    done = sandbox.run(SCRIPT, "-d", str(tmp_path / "system"), "trixie")
    asked = (sandbox.tools / "asked").read_text().split()
    assert asked == ["--variant=minbase", "--components=contrib,main", "trixie", str(tmp_path / "system.partial"), "http://mirror.invalid/debian/"]
    assert done.returncode == 3 and "could not make trixie" in done.stderr
    assert not (tmp_path / "system").exists()  # half a system is none


def test_a_machine_without_a_mirror_asks_for_one(sandbox, tmp_path):
    machine(sandbox, mirror="")
    done = sandbox.run(SCRIPT, "-d", str(tmp_path / "system"), "trixie")
    assert done.returncode == 3 and "or name one with -m" in done.stderr

# SPDX-License-Identifier: BSD-3-Clause
"""launch.sh gives each launcher its own options, and no launcher another's."""

import pytest

VERSIONS = {
    "Open MPI 4": ("mpirun (Open MPI) 4.1.4", "--oversubscribe --bind-to none -n 3 prog a b"),
    "Open MPI 5": ("mpirun (Open MPI) 5.0.7", "--oversubscribe --bind-to none -n 3 prog a b"),
    "MPICH": ("HYDRA build details:\n    Version:  4.2.1", "-bind-to none -n 3 prog a b"),
    "another": ("Somebody's MPI 1.0", "-n 3 prog a b"),
}


def launcher(sandbox, version: str, name: str = "mpirun") -> None:
    sandbox.tool(name, f"""if [ "$1" = --version ]; then printf '%s\\n' "{version}"; exit; fi
printf '%s\\n' "$*"; echo "yield=$OMPI_MCA_mpi_yield_when_idle root=$OMPI_ALLOW_RUN_AS_ROOT"; exit 5""")


@pytest.mark.parametrize("name", VERSIONS)
def test_each_launcher_gets_its_own_options(sandbox, name):
    version, expected = VERSIONS[name]
    launcher(sandbox, version)
    sandbox.tool("id", "echo 0")
    done = sandbox.run("scripts/launch.sh", "--test", "3", "prog", "a", "b")
    options, variables = done.stdout.splitlines()
    assert options == expected
    assert variables == ("yield=1 root=1" if name.startswith("Open MPI") else "yield= root=")
    assert done.returncode == 5  # the launcher's


def test_a_measurement_leaves_binding_to_the_launcher_and_a_user_is_no_root(sandbox):
    launcher(sandbox, VERSIONS["Open MPI 4"][0], "other_mpirun")
    sandbox.tool("id", "echo 1000")
    done = sandbox.run("scripts/launch.sh", "2", "prog", MPIEXEC="other_mpirun")
    assert done.stdout.splitlines() == ["--oversubscribe -n 2 prog", "yield=1 root="]


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [(("two", "prog"), 2, "'two' is no number of ranks"), (("2",), 2, "no program"), (("2", "prog"), 3, "no lost_mpirun")],
)
def test_what_cannot_be_launched_is_said(sandbox, arguments, status, says):
    done = sandbox.run("scripts/launch.sh", *arguments, MPIEXEC="lost_mpirun")
    assert done.returncode == status
    assert says in done.stderr

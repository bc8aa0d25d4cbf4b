# SPDX-License-Identifier: BSD-3-Clause
"""The built program as a user sees it: launched by mpirun in a folder of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from launching import CAMPAIGN, PATIENCE, PROGRAM, Run, command, environment


@pytest.fixture(autouse=True, scope="session")
def own_temporary_folder(tmp_path_factory):
    """Two mpirun of Open MPI 5 that start at once trip over each other's folders."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(tmp_path_factory.mktemp("mpi")))
        yield


@pytest.fixture
def knowscale(tmp_path):
    """Runs the program to its end in tmp_path; ranks = 0 starts it without mpirun."""

    def run(
        *args: str | Path, ranks: int = 2, wrapper: tuple[str, ...] = (), program: Path = PROGRAM, **extra: str
    ) -> Run:
        done = subprocess.run(
            command(*args, ranks=ranks, wrapper=wrapper, program=program),
            cwd=tmp_path,
            env=environment(**extra),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        return Run(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def campaign(tmp_path):
    """Writes a campaign, the tiny one with `old` replaced by `new`, and returns its path."""

    def write(old: str = "", new: str = "") -> Path:
        assert old in CAMPAIGN
        path = tmp_path / "tiny.toml"
        path.write_text(CAMPAIGN.replace(old, new) if old else CAMPAIGN)
        return path

    return write

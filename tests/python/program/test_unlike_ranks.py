# SPDX-License-Identifier: BSD-3-Clause
"""Ranks that were launched unlike each other: what rank 0 was told is what all do, or all are refused alike."""

import os
import shlex
import shutil
import subprocess

import h5py
import pytest
from launching import PROGRAM, ROOT, Run, environment

@pytest.fixture
def launch(tmp_path):
    """Runs one rank of each of these command lines as one job in tmp_path.

    By a script that each rank starts: of several programs mpirun of Open MPI 5.0.7 dies.
    """

    def run(*ranks: list) -> Run:
        lines = [f"{number}) exec {shlex.join(map(str, rank))} ;;" for number, rank in enumerate(ranks)]
        script = tmp_path / "rank.sh"
        script.write_text("\n".join(['case "${OMPI_COMM_WORLD_RANK:-$PMI_RANK}" in', *lines, "esac"]))
        done = subprocess.run(
            [ROOT / "scripts" / "launch.sh", "--test", str(len(ranks)), "sh", script],
            cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=60, check=False,
        )
        return Run(done.returncode, done.stdout, done.stderr)

    return run


def test_a_variable_of_rank_0_alone_is_that_of_all_and_one_of_another_rank_is_ignored(launch, campaign, tmp_path):
    program = [PROGRAM, "run", campaign("ranks = [1, 2]", "ranks = 2"), "-o", "out.h5"]
    first = ["env", "KNOWSCALE_THREADS=2", *program]
    second = ["env", "KNOWSCALE_WATCHDOG=soon", "KNOWSCALE_THREADS=3", *program]
    done = launch(first, second)
    assert done.status == 0, done.err
    with h5py.File(tmp_path / "out.h5") as file:
        assert set(file["cases/threads"][:]) == {2}


def test_a_campaign_that_rank_0_alone_can_read_is_measured_on_all(launch, campaign, tmp_path):
    path = campaign("ranks = [1, 2]", "ranks = 2")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.move(path, elsewhere / "own.toml")
    program = [PROGRAM, "run", "own.toml", "-o", tmp_path / "out.h5"]
    done = launch(["env", "-C", elsewhere, *program], ["env", "-C", tmp_path, *program])
    assert done.status == 0, done.err
    assert "VALID cases=3" in done.out


def refused(done, *words):
    assert done.status == 3, done.err
    assert len(done.errors) == 1, done.err
    assert "rank 1 has another " in done.errors[0]
    for word in words:
        assert word in done.errors[0]


def test_other_command_lines_are_refused_and_named(launch, campaign, tmp_path):
    path = campaign()
    shutil.copy(path, tmp_path / "other.toml")
    run = [PROGRAM, "run", path]
    refused(launch(run, [PROGRAM, "run", "other.toml"]), "word 2", "other.toml", "tiny.toml")
    refused(launch(run, [*run, "--keep-io"]), "command line")
    refused(launch([PROGRAM, "verify"], [PROGRAM, "verify", "--kernel", "blas"]), "command line")
    assert not (tmp_path / "results").exists()


def test_two_builds_are_refused(launch, campaign, tmp_path):
    other = tmp_path / "knowscale"
    shutil.copy(PROGRAM, other)
    with open(other, "ab") as file:
        file.write(b"\0")
    path = campaign()
    refused(launch([PROGRAM, "run", path], [other, "run", path]), "build")


def test_a_knowledge_file_that_differs_by_rank_is_refused(launch, campaign, tmp_path):
    from test_bad_input import file_campaign, knowledge_file

    text = file_campaign(campaign, "set.h5")
    for name, rows in (("a", 50), ("b", 60)):
        (tmp_path / name).mkdir()
        knowledge_file(tmp_path / name / "set.h5", rows=rows)
    (tmp_path / "file.toml").write_text(text)
    program = [PROGRAM, "run", "../file.toml", "--dry-run"]
    done = launch(["env", "-C", tmp_path / "a", *program], ["env", "-C", tmp_path / "b", *program])
    refused(done, "knowledge file", "60 vectors", "50 vectors")


def test_all_threads_are_cores_that_the_ranks_may_use(launch, campaign):
    path = campaign("ranks = [1, 2]", "ranks = 1\nthreads = [0, 1]")
    core = str(min(os.sched_getaffinity(0)))
    program = [PROGRAM, "run", path, "--dry-run"]
    done = launch(program, ["taskset", "-c", core, *program])
    assert done.status == 0, done.err
    assert "PLANNED cases=3 " in done.out


@pytest.mark.parametrize("name, value", [("PMI_SIZE", "2"), ("PMIX_RANK", "1")])
def test_a_world_of_one_among_several_of_another_launcher_is_refused(tmp_path, campaign, name, value):
    done = subprocess.run(
        [PROGRAM, "run", campaign(), "-o", "out.h5"],
        cwd=tmp_path,
        env=environment(**{name: value}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 3
    assert done.stderr.count("knowscale: error:") == 1
    assert "use the launcher of this program's MPI" in done.stderr
    assert list(tmp_path.glob("out.h5*")) == []

# SPDX-License-Identifier: BSD-3-Clause
"""stdout and stderr that are closed, full or without a reader; serial commands in processes that look like ranks."""

import subprocess

import h5py
import pytest
from launching import PROGRAM, environment


def shell(folder, script, **extra):
    """Runs a line of bash in which $P is the program, started without mpirun; and what it wrote."""
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env=environment(P=str(PROGRAM), **extra),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def quick(campaign):
    """One case on one rank."""
    return campaign("max_seconds = 0.2", "max_seconds = 0.02") and 'tiny.toml --set ranks=1 --set model=knowledge --set \'reduction="packed"\''


@pytest.mark.parametrize("redirection", ["> /dev/full 2>&-", ">&- 2> /dev/full"])
def test_a_run_whose_streams_take_nothing_goes_on_to_its_result(tmp_path, quick, redirection):
    status, _, _ = shell(tmp_path, f"exec $P run {quick} -o out.h5 {redirection}")
    assert status == 0
    with h5py.File(tmp_path / "out.h5") as file:
        assert list(file["cases/valid"]) == [1]
    assert not (tmp_path / "out.h5.parts").exists()


def test_a_run_says_that_stdout_took_nothing_and_keeps_the_status_of_its_cases(tmp_path, quick):
    status, _, err = shell(tmp_path, f"$P run {quick} -o out.h5 > /dev/full")
    assert status == 0
    assert "knowscale: warning: stdout cannot be written: No space left on device" in err


COMMANDS = ["list", "--help", "run --help", "--version", "info {knowledge}", "run {quick} --dry-run"]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_whose_product_is_lost_ends_with_3_and_a_reader_that_leaves_is_no_loss(tmp_path, quick, command):
    command = command.format(knowledge=PROGRAM.parents[2] / "data" / "wordnet-sample.h5", quick=quick)
    for redirection, reason in (("> /dev/full", "No space left on device"), (">&-", "Bad file descriptor")):
        status, _, err = shell(tmp_path, f"$P {command} {redirection}")
        assert status == 3
        assert err.splitlines() == [f"knowscale: error: stdout cannot be written: {reason}: give a terminal, a pipe or a file"]
    # true has ended before the program writes
    status, _, err = shell(tmp_path, f"(sleep 0.1; exec $P {command}) | true; exit ${{PIPESTATUS[0]}}")
    assert (status, err) == (0, "")


def test_verify_ends_well_though_its_reader_leaves(tmp_path):
    status, out, err = shell(tmp_path, "$P verify --ranks 1 --kernel reference | head -1; exit ${PIPESTATUS[0]}")
    assert (status, len(out.splitlines()), err) == (0, 1, "")


def test_an_error_is_one_line_whatever_is_in_it(tmp_path):
    status, _, err = shell(tmp_path, "$P info $'two\\nlines\\e[2J.h5'")
    assert status == 3
    assert len(err.splitlines()) == 1 and "two\\nlines\\x1B[2J.h5: No such file" in err


RANKS = [{"SLURM_PROCID": "3", "SLURM_STEP_NUM_TASKS": "4"}, {"PMI_RANK": "1"}, {"OMPI_COMM_WORLD_RANK": "2"}]


@pytest.mark.parametrize("variables", RANKS)
def test_a_serial_command_does_in_a_rank_what_it_does_alone(tmp_path, variables):
    for command in ("list", "--help", "--version", "info nope.h5", "rnu", "", "info"):
        assert shell(tmp_path, f"$P {command}", **variables) == shell(tmp_path, f"$P {command}")
    status, _, err = shell(tmp_path, "$P info nope.h5", **variables)
    assert status == 3 and "nope.h5" in err
    # what all ranks are given wrong one of them says
    assert shell(tmp_path, "$P run --rnaks 2 x.toml", **variables) == (2, "", "")

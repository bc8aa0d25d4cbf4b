# SPDX-License-Identifier: BSD-3-Clause
"""The batch script under a scheduler that is two scripts of our own: what it starts, and what it does with its status."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def submit(tmp_path):
    """Runs the script as a job 7 whose step ends with a status; (status, arguments of srun, calls of scontrol)."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for name, ending in {"srun": 'exit "$STATUS"', "scontrol": ""}.items():
        (tools / name).write_text(f'#!/bin/sh\nfor word in "$@"; do echo "$word" >> {tmp_path}/{name}; done\n{ending}\n')
        (tools / name).chmod(0o755)

    def run(*arguments: str, status: int = 0, **variables: str):
        environment = {"PATH": f"{tools}:{os.environ['PATH']}", "SLURM_JOB_ID": "7", "SLURM_SUBMIT_DIR": str(ROOT), "STATUS": str(status)}
        environment |= {"KNOWSCALE_RESULTS": str(tmp_path / "results"), "KNOWSCALE_BIN": "/opt/knowscale"} | variables
        done = subprocess.run(["bash", ROOT / "slurm/run.sbatch", *arguments], env=environment, cwd=tmp_path, capture_output=True, text=True)
        found = {name: (tmp_path / name).read_text().split("\n")[:-1] if (tmp_path / name).exists() else [] for name in ("srun", "scontrol")}
        return done, found["srun"], found["scontrol"]

    return run


def test_it_runs_the_campaign_with_further_options(submit, tmp_path):
    done, srun, scontrol = submit("bench/campaigns/weak.toml", "--count-messages", SLURM_CPUS_PER_TASK="8")
    assert done.returncode == 0, done.stderr
    program = srun[srun.index("/opt/knowscale") :]
    assert program == ["/opt/knowscale", "run", "bench/campaigns/weak.toml", "--set", "threads=8", "-o", f"{tmp_path}/results/weak-7.h5", "--count-messages"]
    assert scontrol == []


def test_an_interrupted_job_queues_itself_again(submit):
    done, _, scontrol = submit("strong.toml", status=75)
    assert (done.returncode, scontrol) == (75, ["requeue", "7"])


def test_another_failure_is_the_jobs(submit):
    done, _, scontrol = submit("strong.toml", status=3)
    assert (done.returncode, scontrol) == (3, [])


def test_it_wants_a_campaign(submit):
    done, srun, _ = submit()
    assert done.returncode == 2 and "no campaign" in done.stderr and srun == []

# SPDX-License-Identifier: BSD-3-Clause
"""A rank that dies or stops inside an exchange ends the job, with a message, and nobody hangs."""

import os
import signal
import subprocess
import time

import pytest
from launching import ranks_of, start

REDUCTIONS = ["packed", "two_phase", "reduce_scatter", "all_to_all", "tree", "hierarchical", "ring", "ring_q", "reproducible"]

# Hardly any keys and many queries: nearly all the time is exchange.
CAMPAIGN = """
name = "lost"
[timing]
relative_interval = 1e-9
max_seconds = 100
[[study]]
model = "knowledge"
reduction = "{reduction}"
overlap = {overlap}
query_tile = 1000
n = 20000
m = 64
d = 64
chunk = 16
ranks = 3
"""


def measuring(tmp_path, reduction, overlap, *options):
    """A run of three ranks that is amid its repetitions."""
    (tmp_path / "lost.toml").write_text(CAMPAIGN.format(reduction=reduction, overlap=overlap))
    process = start(tmp_path, "run", "lost.toml", "-o", "out.h5", *options, ranks=3)
    deadline = time.monotonic() + 60
    while not list((tmp_path / "out.h5.parts").glob("*.h5")):
        assert time.monotonic() < deadline and process.poll() is None, "it did not begin"
        time.sleep(0.05)
    time.sleep(0.5)
    return process


def end_of(process, seconds):
    try:
        out, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        pytest.fail("it hangs")
    return out, err


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_a_killed_rank_ends_the_job_with_a_message(tmp_path, reduction):
    process = measuring(tmp_path, reduction, overlap=str(reduction in REDUCTIONS[::2]).lower())
    os.kill(ranks_of(process)[1], signal.SIGKILL)
    out, err = end_of(process, 20)
    assert process.returncode != 0
    assert "signal 9" in err and "VALID" not in out


def test_a_stopped_rank_is_noticed_by_the_watchdog(tmp_path):
    process = measuring(tmp_path, "packed", "false", "--watchdog", "3")
    os.kill(ranks_of(process)[1], signal.SIGSTOP)
    out, err = end_of(process, 30)
    assert process.returncode == 3
    lines = [line for line in err.splitlines() if line.startswith("knowscale: error:")]
    assert lines and "in one repetition for" in lines[0] and "--watchdog" in lines[0]
    assert "VALID" not in out


def test_a_watchdog_does_not_bark_at_slow_work(knowscale, campaign):
    path = campaign("m = 300", "m = 300000")  # an LSTM that takes seconds
    done = knowscale("run", path, "--watchdog", "100", "--set", "ranks=[1]", "--set", "model=[\"lstm\"]")
    assert done.status == 0, done.err

# SPDX-License-Identifier: BSD-3-Clause
"""Whole runs: the record, resuming after every kind of end, and the commands beside `run`."""

import os
import re
import signal
import subprocess
import time

import h5py
import numpy as np
import pytest
from launching import ROOT, command, environment, ranks_of, start

FINAL = re.compile(r"^knowscale: (VALID|INVALID) ")


def final_lines(text):
    return [line for line in text.splitlines() if FINAL.match(line)]


def test_a_run_is_valid_and_says_so_once_at_the_end(knowscale, campaign, tmp_path):
    done = knowscale("run", campaign(), "-o", "out.h5")
    assert done.status == 0
    assert final_lines(done.out) == [done.out.splitlines()[-1]] == ["knowscale: VALID cases=6 skipped=0 file=out.h5"]
    assert re.search(r"\[6/6\] .* left", done.err)
    with h5py.File(tmp_path / "out.h5") as file:
        assert file.attrs["schema_version"] == 7
        cases = file["cases"]
        assert list(cases["case"][:]) == [1, 2, 3, 4, 5, 6]
        assert all(cases["valid"][:] == 1)
        assert all(cases["error"][:] <= cases["error_bound"][:])
        assert all(cases["fraction_of_bound"][:] <= 1)
        assert set(cases["ranks"][:]) == {1, 2}
        assert cases["seconds_median"].attrs["units"] in (b"s", "s")
        samples = file["samples"]
        split = samples["compute"][:] + samples["exchange"][:] + samples["wait"][:]
        assert np.allclose(split, samples["seconds"][:], rtol=0, atol=1e-9)
        for case, repetitions, median in zip(cases["case"], cases["repetitions"], cases["seconds_median"]):
            seconds = samples["seconds"][samples["case"][:] == case]
            assert len(seconds) == repetitions
            assert np.isclose(np.median(seconds), median)
        names = {name.decode() for name in file["meta/name"][:]}
        assert {"argv", "campaign_text", "host"} <= names
        moments = dict(zip(file["meta/name"][:], file["meta/value"][:]))
        assert moments[b"start"] < moments[b"end"]
    assert not (tmp_path / "out.h5.parts").exists()


def test_the_same_data_give_the_same_outputs_at_every_rank_count(knowscale, campaign, tmp_path):
    assert knowscale("run", campaign(), "-o", "out.h5", "--keep-io").status == 0
    with h5py.File(tmp_path / "out.h5") as file:
        models = [m.decode() for m in file["cases/model"][:]]
        for model in ("knowledge", "lstm"):
            outputs = [file[f"io/{i + 1}/output"][:] for i, m in enumerate(models) if m == model]
            assert len(outputs) >= 2
            for output in outputs[1:]:
                assert np.allclose(output, outputs[0], rtol=0, atol=1e-5)
        assert np.array_equal(file["io/1/keys"][:], file["io/2/keys"][:])


def test_numpy_agrees_with_the_kept_outputs(knowscale, campaign, tmp_path):
    assert knowscale("run", campaign("d = 16", "d = 16\nheads = 4\nkv_heads = 2"), "-o", "out.h5", "--keep-io").status == 0
    done = subprocess.run(
        [os.sys.executable, "-m", "analysis", "check", tmp_path / "out.h5"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "VALID cases=4" in done.stdout


@pytest.fixture
def slow(campaign):
    """Six cases of a second each."""
    return campaign("max_seconds = 0.2", "max_seconds = 1").read_text().replace("relative_interval = 0.5", "relative_interval = 1e-9")


def start_slow(tmp_path, text):
    (tmp_path / "slow.toml").write_text(text)
    return start(tmp_path, "run", "slow.toml", "-o", "out.h5")


def parts(tmp_path):
    return sorted(path.name for path in (tmp_path / "out.h5.parts").glob("case-*.h5"))


def wait_for_parts(tmp_path, count):
    deadline = time.monotonic() + 60
    while len(parts(tmp_path)) < count:
        assert time.monotonic() < deadline, "no case was finished"
        time.sleep(0.05)


def test_a_killed_rank_loses_no_finished_case_and_the_next_call_resumes(knowscale, slow, tmp_path):
    process = start_slow(tmp_path, slow)
    wait_for_parts(tmp_path, 2)
    os.kill(ranks_of(process)[-1], signal.SIGKILL)
    process.communicate(timeout=60)
    assert process.returncode != 0
    finished = parts(tmp_path)
    assert len(finished) >= 2
    before = {name: (tmp_path / "out.h5.parts" / name).read_bytes() for name in finished}
    for name in finished:
        with h5py.File(tmp_path / "out.h5.parts" / name) as file:
            assert file["cases/valid"][0] == 1

    done = knowscale("run", "slow.toml", "-o", "out.h5")
    assert done.status == 0
    assert f"cases=6 skipped={len(before)}" in done.out
    with h5py.File(tmp_path / "out.h5") as file:
        assert list(file["cases/case"][:]) == [1, 2, 3, 4, 5, 6]
        launches = list(file["cases/launch"][:])
        assert launches == [1] * len(before) + [2] * (6 - len(before))
        assert set(file["ceilings/launch"][:]) == {1, 2}


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGTERM])
def test_a_stop_signal_ends_with_75_and_the_next_call_resumes(knowscale, slow, tmp_path, number):
    process = start_slow(tmp_path, slow)
    wait_for_parts(tmp_path, 1)
    # Of these two, mpirun hands on the first; of the other one rank is enough.
    os.kill(process.pid if number == signal.SIGUSR1 else ranks_of(process)[0], number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 75, err
    assert "knowscale: INTERRUPTED" in out
    assert not (tmp_path / "out.h5").exists()
    done = knowscale("run", "slow.toml", "-o", "out.h5")
    assert done.status == 0
    assert re.search(r"cases=6 skipped=[1-5] ", done.out)


def test_a_script_that_is_stopped_ends_its_ranks_in_order(slow, tmp_path):
    (tmp_path / "slow.toml").write_text(slow)
    words = command("run", "slow.toml", "-o", "out.h5")
    script = subprocess.Popen(
        ["bash", "-c", f'. {ROOT / "scripts" / "lib.sh"}; run_ranks "$@"; exit', "bash", *words],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # ignored where tests run beside each other
    )
    wait_for_parts(tmp_path, 1)
    os.killpg(script.pid, signal.SIGINT)  # Ctrl-C
    out, _ = script.communicate(timeout=60)
    assert script.returncode == 75
    assert "knowscale: INTERRUPTED" in out


def test_mpirun_that_is_stopped_loses_no_finished_case(slow, tmp_path):
    process = start_slow(tmp_path, slow)
    wait_for_parts(tmp_path, 1)
    process.terminate()
    process.communicate(timeout=20)
    assert process.returncode != 0
    assert not (tmp_path / "out.h5").exists()
    for name in parts(tmp_path):
        with h5py.File(tmp_path / "out.h5.parts" / name) as file:
            assert file["cases/valid"][0] == 1


def test_a_finished_result_is_not_measured_again(knowscale, campaign, tmp_path):
    path = campaign()
    assert knowscale("run", path, "-o", "out.h5").status == 0
    before = (tmp_path / "out.h5").read_bytes()
    done = knowscale("run", path, "-o", "out.h5", "--keep-io", "--count-messages")
    assert done.status == 0
    assert "cases=6 skipped=6" in done.out
    assert (tmp_path / "out.h5").read_bytes() == before
    assert "warning: --keep-io: 6 of the 6 finished cases keep no inputs and outputs" in done.err
    assert "warning: --count-messages: 6 of the 6 finished cases have no count of messages" in done.err


def test_every_reduction_sends_what_its_formula_says_and_auto_is_one_of_them(knowscale, campaign, tmp_path):
    path = campaign('reduction = ["packed", "reduce_scatter"]', 'reduction = ["ring", "tree"]\noverlap = true')
    for reduction in ("tree", "auto"):
        out = f"{reduction}.h5"
        done = knowscale("run", path, "-o", out, "--reduction", reduction, "--count-messages", "--set", "model=knowledge")
        assert done.status == 0, done.err
        with h5py.File(tmp_path / out) as file:
            cases = {name: column[:] for name, column in file["cases"].items()}
        assert set(cases["reduction_asked"]) == {reduction.encode()}
        assert b"auto" not in cases["reduction"] and set(cases["overlap"]) == {b"yes"}
        several = cases["ranks"] > 1
        assert several.any() and (cases["exchange_predicted"][several] > 0).all() and (cases["exchange_hidden"] >= 0).all()
        assert np.allclose(cases["bytes_counted"], cases["bytes_sent"]) and (cases["messages_counted"] == cases["messages_sent"]).all()
    assert not np.isnan(cases["bytes_counted"]).any()


def test_ranks_of_the_command_line_override_the_campaign(knowscale, campaign, tmp_path):
    assert knowscale("run", campaign(), "-o", "out.h5", "--ranks", "3", ranks=3).status == 0
    with h5py.File(tmp_path / "out.h5") as file:
        assert set(file["cases/ranks"][:]) == {3}


def test_a_dry_run_lists_the_cases_and_writes_nothing(knowscale, campaign, tmp_path):
    done = knowscale("run", campaign(), "-o", "out.h5", "--dry-run")
    assert done.status == 0
    assert len(re.findall(r"^case ", done.out, re.MULTILINE)) == 6
    assert list(tmp_path.glob("out.h5*")) == []


def test_verify_covers_every_reduction_and_symmetry(knowscale):
    """On one rank: ctest has it on four."""
    done = knowscale("verify", ranks=0)
    assert done.status == 0
    assert re.match(r"knowscale: VALID checks=\d+$", done.out.splitlines()[-1])
    for word in ("packed", "two_phase", "reduce_scatter", "lstm", "f64", "keeps O(d)", "breaks permuted knowledge"):
        assert word in done.out
    assert "FAILED" not in done.out


def test_verify_of_what_is_named_alone(knowscale):
    done = knowscale("verify", "--model", "knowledge,lstm", "--kernel=simd", "--reduction", "ring,tree", "--precision=f64", ranks=0)
    assert done.status == 0
    checked = {tuple(line.split()[:3]) for line in done.out.splitlines() if " ranks" in line}
    assert checked == {("knowledge", "simd", "ring"), ("knowledge", "simd", "tree")}
    assert " f64 " in done.out and " f32 " not in done.out


@pytest.mark.parametrize("words, reason", [
    (["--model", "knowlegde"], '--model knowlegde: did you mean "knowledge"?'),
    (["--reduction", "ring,rung"], '--reduction rung: did you mean "ring"?'),
    (["--reduction", "auto"], "--reduction auto: use one of packed"),
    (["--precision", "f23"], '--precision f23: did you mean "f32"?'),
    (["--model", "linear", "--kernel", "simd"], "no model goes with"),
    (["--model", "linear,lstm", "--reduction", "ring"], "no model goes with"),
])
def test_verify_refuses_what_leaves_nothing_to_check(knowscale, words, reason):
    done = knowscale("verify", *words, ranks=2)
    assert done.status == 2
    assert len(done.errors) == 1 and reason in done.errors[0]


def test_list_names_what_is_built_and_nothing_else(knowscale):
    done = knowscale("list", ranks=0)
    assert done.status == 0
    assert "knowledge" in done.out and "reduce_scatter" in done.out and "simd" in done.out
    for planned in ("cuda", "cublas"):
        assert planned not in done.out


def test_version_names_everything_linked(knowscale):
    done = knowscale("--version", ranks=0)
    assert done.status == 0
    for library in ("knowscale", "Open MPI", "OpenBLAS", "HDF5", "TBB"):
        assert library in done.out


def test_info_describes_results_and_knowledge_files(knowscale, campaign):
    assert knowscale("run", campaign(), "-o", "out.h5").status == 0
    done = knowscale("info", "out.h5", ranks=0)
    assert done.status == 0
    assert "tiny" in done.out and "samples" in done.out
    done = knowscale("info", ROOT / "data" / "wordnet-sample.h5", ranks=0)
    assert done.status == 0
    assert "WordNet" in done.out


def test_ceilings_prints_rates_with_units(knowscale):
    done = knowscale("ceilings", "--seconds", "0.02")
    assert done.status == 0
    for word in ("fma_f32", "fma_f64", "read", "allreduce_latency", "FLOP/s", "B/s"):
        assert word in done.out

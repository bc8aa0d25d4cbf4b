# SPDX-License-Identifier: BSD-3-Clause
"""Bad input ends with one line that names value and remedy, the documented status, and nothing half written."""

import os
import subprocess

import h5py
import numpy as np
import pytest
from launching import PROGRAM, command, environment

REFUSED_CAMPAIGNS = {
    "unknown key": ('seed = 3', 'sede = 3', "sede"),
    "unknown study key": ('n = 8', 'queries = 8', "queries"),
    "unknown model": ('"lstm"', '"lsmt"', "lsmt"),
    "unknown kernel": ('kernel = "blas"', 'kernel = "mkl"', "mkl"),
    "zero": ('m = 300', 'm = 0', "0"),
    "negative": ('n = 8', 'n = -8', "-8"),
    "overflow": ('m = 300', 'm = 9223372036854775807', "9223372036854775807"),
    "heads": ('d = 16', 'd = 16\nheads = 3', "heads"),
    "placement": ('m = 300', 'm = 300\nplacement = "everywhere"', "everywhere"),
    "overlap": ('m = 300', 'm = 300\noverlap = "perhaps"', "perhaps"),
    "query tile": ('m = 300', 'm = 300\nquery_tile = -1', "-1"),
    "chunk": ('m = 300', 'm = 300\nchunk = 0', "chunk = 0"),
    "node size": ('m = 300', 'm = 300\nnode_size = 0', "node_size = 0"),
    "more ranks than launched": ('ranks = [1, 2]', 'ranks = [1, 64]', "64"),
    "causal knowledge": ('m = 300', 'm = 300\ncausal = true', 'causal = true, but model "knowledge"'),
    "moments of nothing": ('model = ["knowledge", "lstm"]\nkernel = "blas"\nreduction = ["packed", "reduce_scatter"]\nn = 8\nm = 300', 'model = "moment"\nm = 0', 'm = 0, but model "moment"'),
    "a sequence shorter than the ranks": ('n = 8', 'n = 1\nsequence = "sharded"', "1 token in all on 2 ranks"),
    "grouped heads": ('d = 16', 'd = 16\nheads = 4\nkv_heads = 3', "kv_heads = 3 do not divide heads = 4"),
    "sentences of a generator": ('n = 8', 'n = 8\nlengths = "sentences"', "has no sentences"),
    "more attended than there are": ('n = 8', 'n = 8\ntop_k = 301', "top_k = 301"),
    "symmetry": ('n = 8', 'n = 8\nsymmetry = "all"', "symmetry = "),
    "timing that is a list": ('[timing]', '[[timing]]', "make it one table: [timing]"),
    "a number that an int would cut": ('m = 300', 'm = 300\nthreads = 4294967297', "threads = 4294967297"),
    "syntax": ('seed = 3', 'seed = ', "tiny.toml"),
}


@pytest.mark.parametrize("name", REFUSED_CAMPAIGNS)
def test_a_bad_campaign_is_refused_with_status_2(knowscale, campaign, tmp_path, name):
    old, new, named = REFUSED_CAMPAIGNS[name]
    done = knowscale("run", campaign(old, new), "-o", "out.h5")
    assert done.status == 2
    assert len(done.errors) == 1
    assert named in done.errors[0]
    assert list(tmp_path.glob("out.h5*")) == []


def knowledge_file(path, rows=50, width=16):
    keys = np.random.default_rng(1).standard_normal((rows, width)).astype(np.float32)
    with h5py.File(path, "w") as file:
        file.attrs["format"] = "knowscale knowledge set"
        file.attrs["format_version"] = 1
        for name in ("name", "source", "licence"):
            file.attrs[name] = "test"
        file.attrs["dimension"] = width
        file.attrs["count"] = rows
        file["keys"] = keys
    return path


def file_campaign(campaign, path):
    return campaign('knowledge = "gaussian"', f'knowledge = "{path}"').read_text().replace("m = 300", 'm = "all"').replace("d = 16\n", "")


def run_on_file(knowscale, campaign, tmp_path, path):
    text = file_campaign(campaign, path)
    (tmp_path / "file.toml").write_text(text)
    return knowscale("run", "file.toml", "-o", "out.h5")


def test_a_good_knowledge_file_is_read_by_every_rank(knowscale, campaign, tmp_path):
    done = run_on_file(knowscale, campaign, tmp_path, knowledge_file(tmp_path / "good.h5"))
    assert done.status == 0, done.err
    with h5py.File(tmp_path / "out.h5") as file:
        assert set(file["cases/m"][:]) == {50}
        assert sorted(file["ranks/rows"][file["ranks/case"][:] == 2]) == [25, 25]


def broken_files(tmp_path):
    missing = tmp_path / "missing.h5"
    text = tmp_path / "text.h5"
    text.write_text("not HDF5")
    truncated = knowledge_file(tmp_path / "truncated.h5", rows=5000)
    os.truncate(truncated, truncated.stat().st_size // 2)
    other = tmp_path / "other.h5"
    with h5py.File(other, "w") as file:
        file["something"] = [1]
    return {"missing": missing, "text": text, "truncated": truncated, "other": other}


@pytest.mark.parametrize("kind", ["missing", "text", "truncated", "other"])
def test_a_knowledge_file_that_is_none_is_refused_with_status_3(knowscale, campaign, tmp_path, kind):
    path = broken_files(tmp_path)[kind]
    done = run_on_file(knowscale, campaign, tmp_path, path)
    assert done.status == 3
    assert len(done.errors) == 1
    assert path.name in done.errors[0]
    assert list(tmp_path.glob("out.h5*")) == []


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_vector_that_is_not_finite_is_refused_with_its_row(knowscale, campaign, tmp_path, value):
    path = knowledge_file(tmp_path / "bad.h5")
    with h5py.File(path, "r+") as file:
        file["keys"][37, 2] = value
    done = run_on_file(knowscale, campaign, tmp_path, path)
    assert done.status == 3
    assert len(done.errors) == 1
    assert "row 37" in done.errors[0]


def test_more_memory_than_free_is_refused_before_anything_is_measured(knowscale, campaign):
    done = knowscale("run", campaign("m = 300", "m = 100000000000"), "-o", "out.h5")
    assert done.status == 3
    assert len(done.errors) == 1
    assert "GiB free" in done.errors[0]


def test_an_unwritable_output_is_refused(knowscale, campaign, tmp_path):
    (tmp_path / "file").write_text("")
    done = knowscale("run", campaign(), "-o", "file/out.h5")
    assert done.status == 3
    assert len(done.errors) == 1
    assert "file/out.h5" in done.errors[0]


def test_a_result_of_another_configuration_is_never_overwritten(knowscale, campaign, tmp_path):
    assert knowscale("run", campaign(), "-o", "out.h5").status == 0
    before = (tmp_path / "out.h5").read_bytes()
    done = knowscale("run", campaign("n = 8", "n = 9"), "-o", "out.h5")
    assert done.status == 3
    assert len(done.errors) == 1
    assert "out.h5" in done.errors[0]
    assert (tmp_path / "out.h5").read_bytes() == before


def test_srun_singletons_are_refused_by_one_of_them(tmp_path, campaign):
    path = campaign()
    for rank, lines in (("0", 1), ("3", 0)):
        done = subprocess.run(
            command("run", path, "-o", "out.h5", ranks=0),
            cwd=tmp_path,
            env=environment(SLURM_STEP_NUM_TASKS="4", SLURM_PROCID=rank),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 3
        assert done.stderr.count("knowscale: error:") == lines
        assert list(tmp_path.glob("out.h5*")) == []


def test_a_full_disk_ends_with_status_3_and_keeps_the_finished_cases(knowscale, campaign, tmp_path):
    # A limit on file size (of the program alone, not of mpirun) stands for the full disk: parts fit, the assembled
    # file does not.
    path = campaign("ranks = [1, 2]", "ranks = 1")  # alone: shared memory of MPI would meet the limit, too
    # Kept matrices make the whole several times as large as a part, whatever the number of samples.
    assert knowscale("run", path, "-o", "whole.h5", "--keep-io", ranks=1).status == 0
    limit = (tmp_path / "whole.h5").stat().st_size // 2048
    limited = ("bash", "-c", f'ulimit -f {limit}; exec "$@"', "bash")
    done = knowscale("run", path, "-o", "out.h5", "--keep-io", ranks=1, wrapper=limited, OMPI_MCA_btl="self")
    assert done.status == 3
    assert len(done.errors) == 1
    assert "out.h5" in done.errors[0]
    assert len(list((tmp_path / "out.h5.parts").glob("case-*.h5"))) == 3
    done = knowscale("run", path, "-o", "out.h5", ranks=1)
    assert done.status == 0
    assert "cases=3 skipped=3" in done.out


@pytest.mark.parametrize("args", [("rnu",), ("run",), ("run", "x.toml", "--rnaks", "1"), ("info",), ()])
def test_a_wrong_command_line_is_refused_with_status_2(knowscale, args):
    done = knowscale(*args, ranks=2 if "run" in args else 0)
    assert done.status == 2
    assert len(done.errors) == 1


def test_the_program_exists():
    assert PROGRAM.exists(), f"build first: {PROGRAM}"

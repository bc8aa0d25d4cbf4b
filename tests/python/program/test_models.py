# SPDX-License-Identifier: BSD-3-Clause
"""All models through the program: verified, their symmetries and what they attend to in the record, numpy agreeing."""

import re
import subprocess
import sys

import h5py
import numpy as np
import pytest
from launching import ROOT

SAMPLE = ROOT / "data" / "wordnet-sample.h5"
MODELS = ["knowledge", "self", "joint", "moment", "linear", "equivariant", "transformer", "lstm"]
CAMPAIGN = f"""
name = "models"
[timing]
relative_interval = 0.5
min_repetitions = 2
max_seconds = 0.05
[[study]]
name = "sentences"
knowledge = "{SAMPLE}"
model = {MODELS}
reduction = "two_phase"
n = 7
batch = 5
lengths = "sentences"
m = 500
d = 32
sequence = ["replicated", "sharded"]
ranks = [1, 2]
symmetry = true
top_k = 3
[[study]]
name = "grouped"
model = ["self", "joint", "moment", "equivariant", "transformer"]
precision = ["f64", "bf16"]
reduction = ["ring", "reproducible"]
chunk = 64
causal = true
lengths = "random"
n = 12
batch = 3
m = 200
d = 24
heads = 4
kv_heads = 2
ranks = 2
"""


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    """One run for all tests here."""
    from launching import command, environment

    folder = tmp_path_factory.mktemp("models")
    (folder / "models.toml").write_text(CAMPAIGN)
    done = subprocess.run(command("run", "models.toml", "-o", "out.h5", "--keep-io"), cwd=folder, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-500:] + done.stderr[-500:]
    return folder / "out.h5"


def column(file, name):
    values = file[name][:]
    return [v.decode() for v in values] if values.dtype.kind == "S" else values


def test_every_model_is_valid_and_recorded_as_what_it_is(result):
    with h5py.File(result) as file:
        assert set(column(file, "cases/model")) == set(MODELS)
        assert (file["cases/valid"][:] == 1).all()
        models, tokens, reused = column(file, "cases/model"), file["cases/tokens"][:], file["cases/reused"][:]
        study = column(file, "cases/study")
        first = [i for i, s in enumerate(study) if s == "sentences"]
        assert {models[i] for i in first} == set(MODELS)
        assert all(tokens[i] == 7 + 7 + 7 + 7 + 7 for i in first)  # sentences of 9, 9, 11, 7, 8 words, cut
        assert {models[i] for i in first if reused[i] == 5} == {"moment", "linear", "equivariant", "transformer", "lstm"}
        assert {s for i, s in enumerate(column(file, "cases/sequence")) if i in first} == {"replicated", "sharded"}
        causal = dict(zip(study, column(file, "cases/causal")))
        assert causal["grouped"] == "yes"


def test_numpy_agrees_with_every_model_of_attention(result):
    done = subprocess.run([sys.executable, "-m", "analysis", "check", result], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert re.search(r"analysis check: VALID cases=\d+", done.stdout)
    for model in MODELS[:-1]:
        assert re.search(rf"case +\d+  {model}.* ok", done.stdout), model


def test_symmetries_are_recorded_for_every_case_that_asked(result):
    with h5py.File(result) as file:
        asked = {c for c, s in zip(file["cases/case"][:], column(file, "cases/study")) if s == "sentences"}
        assert set(file["symmetry/case"][:]) == asked
        assert (file["symmetry/passed"][:] == 1).all()
        kept = np.array(column(file, "symmetry/expected")) == "keeps"
        error, bound = file["symmetry/error"][:], file["symmetry/bound"][:]
        assert (error[kept] <= bound[kept]).all()
        assert (error[~kept] > 100 * bound[~kept]).all()
        assert kept.any() and (~kept).any()


def test_what_tokens_attend_to_is_what_numpy_finds(result):
    with h5py.File(result) as file, h5py.File(SAMPLE) as sample:
        two_ranks = zip(file["cases/case"][:], column(file, "cases/model"), file["cases/ranks"][:])
        case = next(c for c, model, ranks in two_ranks if model == "knowledge" and ranks == 2)
        rows = file["attended/case"][:] == case
        keys = file[f"io/{case}/keys"][:]
        queries = file[f"io/{case}/queries"][:]
        scores = queries @ keys.T / np.sqrt(32)
        weights = np.exp(scores - scores.max(axis=1, keepdims=True))
        weights /= weights.sum(axis=1, keepdims=True)
        best = np.argsort(-weights, axis=1, kind="stable")[:, :3]
        assert np.array_equal(file["attended/vector"][:][rows].reshape(-1, 3), best)
        assert np.allclose(file["attended/weight"][:][rows].reshape(-1, 3), np.take_along_axis(weights, best, axis=1), rtol=1e-5)
        labels = sample["labels"][:]
        assert np.array(column(file, "attended/label"))[rows][0] == labels[file["attended/vector"][:][rows][0]].decode()
        words = sample["sequences/words"][:][sample["sequences/tokens"][:7]]
        found = np.array(column(file, "attended/word"))[rows][:21:3]
        assert list(found) == [word.decode() for word in words]


def test_sharding_changes_nothing_but_rounding(result):
    with h5py.File(result) as file:
        models, study = column(file, "cases/model"), column(file, "cases/study")
        for model in MODELS:
            outputs = [file[f"io/{i + 1}/output"][:] for i, m in enumerate(models) if m == model and study[i] == "sentences"]
            assert len(outputs) == 4
            for output in outputs[1:]:
                assert np.allclose(output, outputs[0], rtol=0, atol=5e-6 * np.abs(outputs[0]).max())


def test_top_k_of_the_command_line_records_for_every_case_that_attends(knowscale, campaign, tmp_path):
    done = knowscale("run", campaign(), "-o", "out.h5", "--top-k", "2")
    assert done.status == 0
    with h5py.File(tmp_path / "out.h5") as file:
        attending = {c for c, m in zip(file["cases/case"][:], column(file, "cases/model")) if m == "knowledge"}
        assert set(file["attended/case"][:]) == attending
        assert set(file["attended/place"][:]) == {1, 2}
        assert set(column(file, "attended/label")) == {""}

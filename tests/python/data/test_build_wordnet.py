# SPDX-License-Identifier: BSD-3-Clause
"""The command from outside: its file, its bytes, its refusals; and the committed sample."""

import resource
import subprocess
import sys

import h5py
import numpy as np
import pytest


def sentences(file: h5py.File) -> list[str]:
    words, tokens = file["sequences/words"].asstr()[:], file["sequences/tokens"][:]
    offsets = file["sequences/offsets"][:]
    return [" ".join(words[tokens[start:stop]]) for start, stop in zip(offsets[:-1], offsets[1:])]


@pytest.fixture(params=["committed sample", "built"])
def knowledge_path(request, sample_path, build_tiny, tmp_path):
    if request.param == "committed sample":
        return sample_path
    done = build_tiny("-o", tmp_path / "tiny.h5")
    assert done.returncode == 0, done.stderr
    return tmp_path / "tiny.h5"


def test_keys_are_finite_named_and_not_zero(knowledge_path):
    with h5py.File(knowledge_path) as file:
        keys, labels = file["keys"][:], file["labels"][:]
        assert keys.shape == (file.attrs["count"], file.attrs["dimension"])
        assert np.isfinite(keys).all() and keys.any(axis=1).all()
        assert len(set(labels)) == len(labels) == len(keys)
        assert np.linalg.norm(keys, axis=1) == pytest.approx(np.sqrt(2 * keys.shape[1]), rel=1e-5)


def test_offsets_and_tokens_are_consistent(knowledge_path):
    with h5py.File(knowledge_path) as file:
        offsets, tokens = file["sequences/offsets"][:], file["sequences/tokens"][:]
        assert offsets[0] == 0 and offsets[-1] == len(tokens) and (np.diff(offsets) > 0).all()
        assert sorted(set(tokens)) == list(range(len(file["sequences/words"]))), "every word is used"
        assert file["sequences/vectors"].shape == (len(file["sequences/words"]), file.attrs["dimension"])


def test_format_and_parameters_are_named(knowledge_path):
    with h5py.File(knowledge_path) as file:
        assert file.attrs["format"] == b"knowscale knowledge set"
        assert file.attrs["format_version"] == 1
        assert {"name", "source", "licence", "method", "window", "min_count", "smoothing"} <= set(file.attrs)


def test_the_small_file_holds_the_small_wordnet(build_tiny, tmp_path):
    assert build_tiny("-o", tmp_path / "tiny.h5").returncode == 0
    with h5py.File(tmp_path / "tiny.h5") as file:
        assert file["labels"].asstr()[:].tolist()[:2] == ["dog.n.00001740", "cat.n.00001930"]
        assert sentences(file) == ["the dog barked all night", "a good dog", "the dog barked at the cat", "dog"]
        assert file.attrs["licence"] == b"This software is licensed.\nWordNet 9.8 by nobody.\n"
        assert file.attrs["source"].startswith(b"WordNet 9.8")


def test_the_sample_is_small_enough_to_commit_and_large_enough_to_use(sample_path):
    assert sample_path.stat().st_size <= 2_000_000
    with h5py.File(sample_path) as file:
        assert file["keys"].shape == (2000, 128)
        assert len(file["sequences/tokens"]) >= 2048
        parts = {label.split(".")[-2] for label in file["labels"].asstr()[:]}
    assert parts == {"n", "v", "a", "r"}


def test_the_sample_carries_wordnets_notice(sample_path):
    with h5py.File(sample_path) as file:
        licence = file.attrs["licence"].decode()
    assert "Princeton University" in licence
    assert licence.split() == (sample_path.parent / "WORDNET-LICENSE").read_text().split()


def test_the_sample_holds_sentences(sample_path):
    with h5py.File(sample_path) as file:
        found = sentences(file)
    assert found[0] == "it was full of rackets balls and other objects"
    assert len(found) == 550


def test_the_bytes_do_not_depend_on_threads_or_order_of_hashes(build, random_wordnet, tmp_path):
    for name, number in (("a.h5", "1"), ("b.h5", "2")):
        done = build(
            *("--wordnet", random_wordnet, "-o", tmp_path / name, "--dimension", 64),
            OPENBLAS_NUM_THREADS=number,
            PYTHONHASHSEED=number,
        )
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


def test_neighbours_are_printed_and_nothing_is_written(build_tiny, tmp_path):
    done = build_tiny("-o", tmp_path / "x.h5", "--neighbours", "dog", "unheard")
    assert done.returncode == 0
    assert done.stdout.startswith("dog: ")
    assert "unheard: not among" in done.stdout
    assert not (tmp_path / "x.h5").exists()


def test_progress_is_told_on_stderr(build_tiny, tmp_path):
    done = build_tiny("-o", tmp_path / "x.h5")
    assert done.stdout == ""
    for word in ("reading", "counting pairs", "singular value", "attends to", "wrote"):
        assert word in done.stderr


def test_help_explains(build):
    done = build("-h")
    assert done.returncode == 0
    for word in ("--dimension", "--window", "--min-count", "--sample", "WNSEARCHDIR", "Exit status"):
        assert word in done.stdout


def test_the_folder_of_the_environment_is_read(build, tiny_wordnet, tmp_path):
    arguments = ("-o", tmp_path / "x.h5", "--dimension", 4, "--min-count", 1)
    assert build(*arguments, WNSEARCHDIR=str(tiny_wordnet)).returncode == 0
    done = build(*arguments, WNSEARCHDIR="/nowhere")
    assert done.returncode == 3
    assert "/nowhere/data.noun" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["--wordnet", "/nowhere"], 3, ["/nowhere/data.noun", "wordnet-base", "--wordnet"]),
        (["--dimension", "0"], 2, ["--dimension", "'0'", "at least 1"]),
        (["--window", "-1"], 2, ["--window", "'-1'", "at least 1"]),
        (["--min-count", "many"], 2, ["--min-count", "'many'", "at least 1"]),
        (["--dimension", "4000"], 2, ["--dimension 4000", "--min-count"]),
    ],
)
def test_refusals_name_value_and_remedy(arguments, status, words, build_tiny, tmp_path):
    done = build_tiny("-o", tmp_path / "x.h5", *arguments)
    assert done.returncode == status
    for word in words:
        assert word in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "x.h5").exists()


def test_a_damaged_wordnet_is_refused(build_tiny, tiny_wordnet, tmp_path):
    (tiny_wordnet / "data.adv").write_text("half a line\n")
    done = build_tiny("-o", tmp_path / "x.h5")
    assert done.returncode == 3
    assert "data.adv:1" in done.stderr and "wordnet-base" in done.stderr


@pytest.mark.parametrize("output", ["no/x.h5", "folder"])
def test_a_place_that_cannot_be_written_is_refused_before_the_work(output, build_tiny, tmp_path):
    (tmp_path / "folder").mkdir()
    done = build_tiny("-o", tmp_path / output)
    assert done.returncode == 3
    assert len(done.stderr.splitlines()) == 1
    assert output in done.stderr and "choose another file with -o" in done.stderr


def test_a_full_disk_is_one_line_and_leaves_nothing(build_tiny, tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))  # the command inherits it
    try:
        done = build_tiny("-o", tmp_path / "x.h5")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert done.returncode == 3
    assert done.stderr.splitlines()[-1].startswith("build_wordnet: error: ") and "make room" in done.stderr
    assert [entry.name for entry in tmp_path.iterdir()] == ["wordnet"]


def test_it_runs_from_any_folder(sample_path, tiny_wordnet, tmp_path):
    done = subprocess.run(
        [sys.executable, sample_path.parent / "build_wordnet.py", "--dimension", "4", "--min-count", "1", "-o", "x.h5"],
        cwd=tmp_path,
        env={"WNSEARCHDIR": str(tiny_wordnet)},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0
    assert (tmp_path / "x.h5").exists()

# SPDX-License-Identifier: BSD-3-Clause
"""The reader, the vectors, the file and the command."""

import subprocess
import sys
from pathlib import Path

import embed
import h5py
import numpy as np
import pytest
import wordnet
from scipy import sparse

DATA = Path(embed.__file__).parent
SAMPLE = DATA / "wordnet-sample.h5"


def build(*arguments) -> subprocess.CompletedProcess:
    words = [sys.executable, DATA / "build_wordnet.py", *arguments]
    return subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False)


def test_synsets_are_read_with_lemmas_definition_and_examples(tiny_wordnet):
    synsets = wordnet.read_synsets(tiny_wordnet)
    assert [s.label for s in synsets[:4]] == ["dog.n.00001740", "cat.n.00001930", "a.n.00002137", "bark.v.00002000"]
    assert synsets[0].lemmas == ("dog", "domestic_dog")
    assert synsets[0].definition == "a domestic animal that barks"
    assert synsets[0].examples == ("the dog barked all night", "a good dog")
    assert len(synsets[2].lemmas) == 11, "the count is hexadecimal"
    assert synsets[4].lemmas == ("good",), "the syntactic marker is not part of the lemma"


def test_a_damaged_line_is_named(tiny_wordnet):
    path = tiny_wordnet / "data.verb"
    path.write_text(path.read_text() + "half a line\n")
    with pytest.raises(ValueError, match=r"data\.verb:4"):
        wordnet.read_synsets(tiny_wordnet)


def test_the_licence_is_the_notice_in_front_of_the_data(tiny_wordnet):
    assert wordnet.read_licence(tiny_wordnet) == "This software is licensed.\nBy nobody.\n"


def test_words_of_collocations_count_one_by_one():
    assert wordnet.words_of("Domestic_dog's 2nd night!") == ["domestic", "dog's", "2nd", "night"]


def test_cooccurrence_counts_pairs_within_the_window_of_one_text():
    words = {"a": 0, "b": 1, "c": 2}
    counts = embed.cooccurrence([["a", "b", "x", "c"], ["a"]], words, 1).toarray()
    assert counts.tolist() == [[0, 1, 0], [1, 0, 1], [0, 1, 0]], "unknown words are left out before counting"
    assert embed.cooccurrence([["a", "b", "c"], ["a"]], words, 2).toarray()[0, 2] == 1


def test_ppmi_matches_its_formula():
    counts = np.array([[0.0, 4.0], [4.0, 2.0]])
    totals = counts.sum(axis=1)
    context = totals**0.75 / (totals**0.75).sum()
    expected = np.log(4 / (totals[0] * context[1]))
    assert embed.ppmi(sparse.csr_matrix(counts)).toarray()[0, 1] == pytest.approx(max(expected, 0))
    assert (embed.ppmi(sparse.csr_matrix(counts)).data > 0).all()


def test_vectors_have_one_length_and_a_text_lies_near_its_words():
    vectors = embed.with_length(np.eye(4))
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.sqrt(8))
    words = {"a": 0, "b": 1, "c": 2, "d": 3}
    texts = embed.text_vectors([["a"], ["b"], ["zzz"]], [["c"], [], []], words, vectors)
    assert texts[0] @ vectors[0] > texts[0] @ vectors[2] > texts[0] @ vectors[3]
    assert texts[1] == pytest.approx(vectors[1])
    assert not texts[2].any(), "no known word"


def test_effective_count_is_the_number_of_equal_keys():
    assert embed.effective_count(np.zeros((1, 3)), np.ones((7, 3)))[0] == pytest.approx(7)


def test_two_builds_give_the_same_bytes(tiny_wordnet, tmp_path):
    for name in ("a.h5", "b.h5"):
        done = build("--wordnet", tiny_wordnet, "-o", tmp_path / name, "--dimension", 4, "--min-count", 1)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()
    assert sorted(p.name for p in tmp_path.glob("*.tmp")) == []


@pytest.mark.parametrize("path", [SAMPLE, None], ids=["committed sample", "built"])
def test_the_file_keeps_the_format(path, tiny_wordnet, tmp_path):
    if path is None:
        path = tmp_path / "tiny.h5"
        assert build("--wordnet", tiny_wordnet, "-o", path, "--dimension", 4, "--min-count", 1).returncode == 0
    with h5py.File(path) as file:
        assert file.attrs["format"] == b"knowscale knowledge set" or file.attrs["format"] == "knowscale knowledge set"
        assert file["keys"].shape == (file.attrs["count"], file.attrs["dimension"])
        assert file["keys"].dtype == np.float32 and np.isfinite(file["keys"][:]).all()
        assert (np.linalg.norm(file["keys"][:], axis=1) > 0).all()
        labels = file["labels"][:]
        assert len(set(labels)) == len(labels) == file.attrs["count"]
        offsets, tokens = file["sequences/offsets"][:], file["sequences/tokens"][:]
        assert offsets[0] == 0 and offsets[-1] == len(tokens) and (np.diff(offsets) > 0).all()
        assert tokens.min() == 0 and tokens.max() == len(file["sequences/words"]) - 1
        assert file["sequences/vectors"].shape == (len(file["sequences/words"]), file.attrs["dimension"])
        assert "licence" in file.attrs


def test_the_sample_is_small_and_carries_wordnets_notice():
    assert SAMPLE.stat().st_size <= 2 * 2**20
    with h5py.File(SAMPLE) as file:
        licence = file.attrs["licence"]
        licence = licence.decode() if isinstance(licence, bytes) else licence
    assert "Princeton University" in licence
    assert licence.split() == (DATA / "WORDNET-LICENSE").read_text().split()


def test_the_samples_first_sentence_reads_as_one():
    with h5py.File(SAMPLE) as file:
        words, offsets = file["sequences/words"][:], file["sequences/offsets"][:]
        sentence = b" ".join(words[n] for n in file["sequences/tokens"][offsets[1] : offsets[2]])
    assert len(sentence.split()) >= 2


def test_neighbours_are_printed(tiny_wordnet, tmp_path):
    done = build("--wordnet", tiny_wordnet, "-o", tmp_path / "x.h5", "--dimension", 4, "--min-count", 1, "--neighbours", "dog", "unheard")
    assert done.stdout.startswith("dog: ")
    assert "unheard: not among" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["--wordnet", "/nowhere"], 3, "wordnet-base"),
        (["--dimension", "0"], 2, "at least 1"),
        (["--dimension", "many"], 2, "many"),
    ],
)
def test_refusals_name_the_remedy(arguments, status, words, tmp_path):
    done = build("-o", tmp_path / "x.h5", *arguments)
    assert done.returncode == status
    assert words in done.stderr
    assert not (tmp_path / "x.h5").exists()


def test_an_unwritable_output_is_refused(tiny_wordnet, tmp_path):
    done = build("--wordnet", tiny_wordnet, "-o", tmp_path / "no" / "x.h5", "--dimension", 4, "--min-count", 1)
    assert done.returncode == 3
    assert "choose another file with -o" in done.stderr


def test_too_many_dimensions_for_the_words_are_refused(tiny_wordnet, tmp_path):
    done = build("--wordnet", tiny_wordnet, "-o", tmp_path / "x.h5", "--dimension", 4000, "--min-count", 1)
    assert done.returncode == 2
    assert "4000" in done.stderr

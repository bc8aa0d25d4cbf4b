# SPDX-License-Identifier: BSD-3-Clause
"""Knowledge-set files: the format of data/README.md, the same bytes, and never half a file."""

import dataclasses
import os
import time

import h5py
import knowledge_file
import numpy as np
import pytest
from knowledge_file import KnowledgeSet


@pytest.fixture
def knowledge() -> KnowledgeSet:
    return KnowledgeSet(
        name="small",
        source="a test",
        licence="none",
        keys=np.arange(1, 7.0).reshape(3, 2),
        labels=["a", "bc", "naïve"],
        words=["x", "yz"],
        word_vectors=np.array([[0.5, 1], [2, -1]]),
        sequences=[[0, 1, 1], [1]],
        parameters={"window": 5, "smoothing": 0.75, "method": "none"},
    )


def test_what_was_written_is_read(knowledge, tmp_path):
    knowledge_file.write(tmp_path / "a.h5", knowledge)
    with h5py.File(tmp_path / "a.h5") as file:
        assert file["keys"][:].tolist() == knowledge.keys.tolist()
        assert [label.decode() for label in file["labels"][:]] == knowledge.labels
        assert [word.decode() for word in file["sequences/words"][:]] == knowledge.words
        assert file["sequences/vectors"][:].tolist() == knowledge.word_vectors.tolist()
        assert file["sequences/tokens"][:].tolist() == [0, 1, 1, 1]
        assert file["sequences/offsets"][:].tolist() == [0, 3, 4]
        assert (file.attrs["window"], file.attrs["smoothing"], file.attrs["method"]) == (5, 0.75, b"none")


def test_types_are_those_of_the_format(knowledge, tmp_path):
    knowledge_file.write(tmp_path / "a.h5", knowledge)
    types = {"keys": "<f4", "sequences/vectors": "<f4", "sequences/tokens": "<i4", "sequences/offsets": "<i8"}
    with h5py.File(tmp_path / "a.h5") as file:
        assert {name: file[name].dtype.str for name in types} == types
        for name in ("labels", "sequences/words"):
            text = h5py.check_string_dtype(file[name].dtype)
            assert text.encoding == "utf-8" and text.length is not None
        for name in ("format", "name", "source", "licence"):
            text = file.attrs.get_id(name).get_type()
            assert not text.is_variable_str() and text.get_cset() == h5py.h5t.CSET_UTF8
            assert file.attrs.get_id(name).shape == ()
        for name in ("format_version", "dimension", "count"):
            assert file.attrs.get_id(name).dtype == np.int64


def test_data_are_contiguous(knowledge, tmp_path):
    knowledge_file.write(tmp_path / "a.h5", knowledge)
    with h5py.File(tmp_path / "a.h5") as file:
        for name in ("keys", "labels", "sequences/vectors", "sequences/words", "sequences/tokens", "sequences/offsets"):
            assert file[name].id.get_create_plist().get_layout() == h5py.h5d.CONTIGUOUS, name


def test_the_same_knowledge_gives_the_same_bytes_at_another_time(knowledge):
    first = bytes(knowledge_file.image(knowledge))
    time.sleep(1.1)  # HDF5 counts times in seconds
    assert bytes(knowledge_file.image(knowledge)) == first


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"keys": np.array([[1, 2], [np.nan, 1], [1, 1]])}, "row 1 of keys"),
        ({"keys": np.array([[1, 2], [1, 1], [0, 0]])}, "row 2 of keys"),
        ({"word_vectors": np.array([[np.inf, 1], [1, 1]])}, "row 0 of sequences/vectors"),
        ({"labels": ["one"]}, "3 rows of keys with 1 names"),
        ({"keys": np.ones((3, 3))}, "dimension 3, words of 2"),
        ({"sequences": [[0, 2]]}, "tokens 0 to 2 with 2 words"),
        ({"sequences": [[-1]]}, "tokens -1 to -1"),
    ],
)
def test_what_the_format_forbids_is_refused(knowledge, change, words):
    with pytest.raises(ValueError, match=words):
        knowledge_file.image(dataclasses.replace(knowledge, **change))


def test_a_set_without_sequences_can_be_written(knowledge):
    without = dataclasses.replace(knowledge, sequences=[], words=[], word_vectors=np.empty((0, 2)))
    assert without.offsets.tolist() == [0]
    assert knowledge_file.image(without)


def test_a_failed_write_leaves_what_was_there(knowledge, tmp_path, monkeypatch):
    path = tmp_path / "a.h5"
    path.write_text("before")

    def fail(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space"):
        knowledge_file.write(path, knowledge)
    assert path.read_text() == "before"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.h5"]

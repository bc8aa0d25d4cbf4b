# SPDX-License-Identifier: BSD-3-Clause
"""Knowledge-set files: the format of README.md, and nothing else in data/ knows HDF5."""

import os
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np

FORMAT = "knowscale knowledge set"
FORMAT_VERSION = 1


@dataclass
class KnowledgeSet:
    name: str
    source: str
    licence: str
    keys: np.ndarray  # count x dimension
    labels: list[str]
    words: list[str]
    word_vectors: np.ndarray  # words x dimension
    sequences: list[list[int]]  # word numbers
    parameters: dict[str, int | str] = field(default_factory=dict)


def texts(values: list[str]) -> np.ndarray:
    """Fixed-length UTF-8, as HDF5 calls it."""
    encoded = [value.encode("utf-8") for value in values]
    return np.array(encoded, dtype=h5py.string_dtype("utf-8", max([1, *map(len, encoded)])))


def write_attribute(file: h5py.File, name: str, value: int | str) -> None:
    if isinstance(value, str):
        text = texts([value])
        file.attrs.create(name, text[0], dtype=text.dtype)
    else:
        file.attrs.create(name, np.int64(value))


def fill(file: h5py.File, knowledge: KnowledgeSet) -> None:
    count, dimension = knowledge.keys.shape
    attributes = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "name": knowledge.name,
        "source": knowledge.source,
        "licence": knowledge.licence,
        "dimension": dimension,
        "count": count,
        **knowledge.parameters,
    }
    for name, value in attributes.items():
        write_attribute(file, name, value)
    offsets = np.concatenate([[0], np.cumsum([len(sequence) for sequence in knowledge.sequences])])
    datasets = {
        "keys": knowledge.keys.astype("<f4"),
        "labels": texts(knowledge.labels),
        "sequences/vectors": knowledge.word_vectors.astype("<f4"),
        "sequences/words": texts(knowledge.words),
        "sequences/tokens": np.array([n for sequence in knowledge.sequences for n in sequence], dtype="<i4"),
        "sequences/offsets": offsets.astype("<i8"),
    }
    for name, values in datasets.items():
        file.create_dataset(name, data=values, dtype=values.dtype, track_times=False)


def write(path: Path, knowledge: KnowledgeSet) -> None:
    """Durable and whole: a temporary file, fsync, rename. Raises OSError."""
    temporary = path.with_name(path.name + ".tmp")
    try:
        with h5py.File(temporary, "w", libver="earliest") as file:
            fill(file, knowledge)
        with open(temporary, "rb") as written:
            os.fsync(written.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)

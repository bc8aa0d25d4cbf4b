# SPDX-License-Identifier: BSD-3-Clause
"""Knowledge-set files: the format of README.md, and nothing else in data/ knows HDF5."""

import io
import os
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np

FORMAT = "knowscale knowledge set"
FORMAT_VERSION = 1


@dataclass(frozen=True)
class KnowledgeSet:
    name: str
    source: str
    licence: str
    keys: np.ndarray  # count x dimension
    labels: list[str]
    words: list[str]
    word_vectors: np.ndarray  # words x dimension
    sequences: list[list[int]]  # word numbers
    parameters: dict[str, int | float | str] = field(default_factory=dict)  # what made it: more attributes

    @property
    def tokens(self) -> np.ndarray:
        return np.array([number for sequence in self.sequences for number in sequence], dtype="<i4")

    @property
    def offsets(self) -> np.ndarray:
        return np.cumsum([0, *map(len, self.sequences)], dtype="<i8")


def check(knowledge: KnowledgeSet) -> None:
    """Raises ValueError for what the format forbids."""
    for name, vectors, texts in (
        ("keys", knowledge.keys, knowledge.labels),
        ("sequences/vectors", knowledge.word_vectors, knowledge.words),
    ):
        if len(vectors) != len(texts):
            raise ValueError(f"{len(vectors)} rows of {name} with {len(texts)} names")
        bad = np.flatnonzero(~np.isfinite(vectors).all(axis=1) | ~vectors.any(axis=1))
        if bad.size:
            raise ValueError(f"row {bad[0]} of {name} is zero or not finite")
    if knowledge.keys.shape[1] != knowledge.word_vectors.shape[1]:
        raise ValueError(f"keys of dimension {knowledge.keys.shape[1]}, words of {knowledge.word_vectors.shape[1]}")
    tokens = knowledge.tokens
    if tokens.size and not 0 <= tokens.min() <= tokens.max() < len(knowledge.words):
        raise ValueError(f"tokens {tokens.min()} to {tokens.max()} with {len(knowledge.words)} words")


def fixed_length(texts: list[str]) -> np.ndarray:
    """Fixed-length UTF-8, as HDF5 calls it."""
    encoded = [text.encode("utf-8") for text in texts]
    return np.array(encoded, dtype=h5py.string_dtype("utf-8", max([1, *map(len, encoded)])))


def write_attribute(file: h5py.File, name: str, value: int | float | str) -> None:
    if isinstance(value, str):
        text = fixed_length([value])
        file.attrs.create(name, text[0], dtype=text.dtype)
    else:
        file.attrs.create(name, value, dtype="<i8" if isinstance(value, int) else "<f8")


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
    datasets = {
        "keys": knowledge.keys.astype("<f4"),
        "labels": fixed_length(knowledge.labels),
        "sequences/vectors": knowledge.word_vectors.astype("<f4"),
        "sequences/words": fixed_length(knowledge.words),
        "sequences/tokens": knowledge.tokens,
        "sequences/offsets": knowledge.offsets,
    }
    for name, value in attributes.items():
        write_attribute(file, name, value)
    for name, values in datasets.items():
        file.create_dataset(name, data=values, dtype=values.dtype, track_times=False)


def image(knowledge: KnowledgeSet) -> memoryview:
    """The bytes of the file. Made in memory: HDF5 that meets a full disk in its close takes the process with it."""
    check(knowledge)
    content = io.BytesIO()
    with h5py.File(content, "w", libver="earliest") as file:
        fill(file, knowledge)
    return content.getbuffer()


def sync_folder(folder: Path) -> None:
    """Makes a rename in the folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write(path: Path, knowledge: KnowledgeSet) -> None:
    """Whole and durable, or OSError and what was there before: a temporary file, fsync, rename, fsync of the folder."""
    content = image(knowledge)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)

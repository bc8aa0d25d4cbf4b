#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Builds the WordNet knowledge set: a vector for each of the 117,659 synsets, and the example sentences as sequences."""

import argparse
import os
import sys
import time
from pathlib import Path

# One thread and one code path: the same bytes on every machine with this library version.
for variable, value in {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_CORETYPE": "Haswell",
    "PYTHONHASHSEED": "0",
}.items():
    os.environ.setdefault(variable, value)

import embed
import knowledge_file
import numpy as np
import wordnet

SOURCE = "WordNet 3.0, Princeton University, https://wordnet.princeton.edu"
SAMPLE_SYNSETS = 2000
SAMPLE_SEQUENCES = 600
USAGE_ERROR, RESOURCE_ERROR = 2, 3


def parse_arguments() -> argparse.Namespace:
    here = Path(__file__).resolve().parent
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog="Word vectors: PPMI over windowed co-occurrence in lemmas and glosses, then truncated SVD. "
        "Exit status: 0 written, 2 usage, 3 no WordNet or not writable. The format is in data/README.md.",
    )
    parser.add_argument("-o", "--output", type=Path, default=here / "wordnet.h5", help="file to write (%(default)s)")
    parser.add_argument(
        "--wordnet",
        type=Path,
        default=Path(os.environ.get("WNSEARCHDIR", "/usr/share/wordnet")),
        help="folder with data.noun and the others ($WNSEARCHDIR, or %(default)s)",
    )
    parser.add_argument("--dimension", type=int, default=128, help="of the vectors (%(default)s)")
    parser.add_argument("--window", type=int, default=5, help="words on each side that count as near (%(default)s)")
    parser.add_argument("--min-count", type=int, default=3, help="rarer words get no vector (%(default)s)")
    parser.add_argument("--sample", action="store_true", help=f"write {SAMPLE_SYNSETS} synsets only, spread over all")
    parser.add_argument("--neighbours", metavar="WORD", nargs="+", default=[], help="print the words nearest to these")
    arguments = parser.parse_args()
    for name in ("dimension", "window", "min_count"):
        if getattr(arguments, name) < 1:
            parser.error(f"--{name.replace('_', '-')} {getattr(arguments, name)}: give a whole number of at least 1")
    return arguments


class NotWritable(Exception):
    """The knowledge set cannot be written; the message says why."""


class Progress:
    def __init__(self) -> None:
        self.start = time.monotonic()

    def say(self, what: str) -> None:
        print(f"wordnet [{time.monotonic() - self.start:5.1f} s] {what}", file=sys.stderr, flush=True)


def embed_words(synsets: list[wordnet.Synset], arguments: argparse.Namespace, progress: Progress):
    """Word numbers and vectors."""
    texts = [wordnet.text_of(synset) for synset in synsets]
    words = embed.vocabulary(texts, arguments.min_count)
    if arguments.dimension >= len(words):
        raise ValueError(f"--dimension {arguments.dimension} needs more than the {len(words)} words there are")
    progress.say(f"{len(synsets)} synsets, {len(words)} words; counting pairs")
    matrix = embed.ppmi(embed.cooccurrence(texts, words, arguments.window))
    progress.say(f"{matrix.nnz} informative pairs; singular value decomposition in {arguments.dimension} dimensions")
    return words, embed.word_vectors(matrix, arguments.dimension)


def with_vectors(synsets, words, vectors):
    """The synsets of which a word is known, and their vectors; the few others would be rows of zeros."""
    lemmas = [wordnet.words_of(" ".join(synset.lemmas)) for synset in synsets]
    glosses = [wordnet.words_of(" ".join([synset.definition, *synset.examples])) for synset in synsets]
    keys = embed.text_vectors(lemmas, glosses, words, vectors)
    known = np.flatnonzero(np.linalg.norm(keys, axis=1) > 0)
    return [synsets[i] for i in known], keys[known]


def sequences_of(synsets: list[wordnet.Synset], words: dict[str, int]) -> list[list[int]]:
    """Example sentences as word numbers, unknown words left out, empty ones dropped."""
    numbers = ([words[w] for w in wordnet.words_of(text) if w in words] for synset in synsets for text in synset.examples)
    return [sequence for sequence in numbers if sequence]


def sampled(items: list, count: int) -> list[int]:
    """`count` indices spread evenly over the items."""
    return sorted({int(i) for i in np.linspace(0, len(items) - 1, min(count, len(items)))})


def used_words(sequences, words, vectors):
    """Sequences renumbered to the words that occur in them, those words, and their vectors."""
    used = sorted({n for sequence in sequences for n in sequence})
    renumbered = {n: i for i, n in enumerate(used)}
    spelling = list(words)
    return [[renumbered[n] for n in s] for s in sequences], [spelling[n] for n in used], vectors[used]


def build(arguments: argparse.Namespace) -> None:
    if not arguments.output.resolve().parent.is_dir():
        raise NotWritable(f"{arguments.output}: its folder is not there")
    progress = Progress()
    progress.say(f"reading {arguments.wordnet}")
    synsets = wordnet.read_synsets(arguments.wordnet)
    licence = wordnet.read_licence(arguments.wordnet)
    words, vectors = embed_words(synsets, arguments, progress)
    spelling = list(words)
    for word in arguments.neighbours:
        if word not in words:
            print(f"{word}: not among the {len(words)} words")
            continue
        nearest = np.argsort(-(vectors @ vectors[words[word]]), kind="stable")[1:9]
        print(f"{word}: {', '.join(spelling[i] for i in nearest)}")
    progress.say("synset vectors")
    synsets, keys = with_vectors(synsets, words, vectors)
    sequences = sequences_of(synsets, words)
    if arguments.sample:
        chosen = sampled(synsets, SAMPLE_SYNSETS)
        synsets, keys = [synsets[i] for i in chosen], keys[chosen]
        sequences = [sequences[i] for i in sampled(sequences, SAMPLE_SEQUENCES)]
    sequences, spelling, word_vectors = used_words(sequences, words, vectors)
    tokens = np.array([n for sequence in sequences for n in sequence][:256])
    effective = np.median(embed.effective_count(word_vectors[tokens], keys))
    progress.say(f"a query attends to {effective:.0f} of {len(keys)} vectors (median of {len(tokens)} tokens)")
    knowledge = knowledge_file.KnowledgeSet(
        name="wordnet-sample" if arguments.sample else "wordnet",
        source=SOURCE,
        licence=licence,
        keys=keys,
        labels=[synset.label for synset in synsets],
        words=spelling,
        word_vectors=word_vectors,
        sequences=sequences,
        parameters={"window": arguments.window, "min_count": arguments.min_count},
    )
    try:
        knowledge_file.write(arguments.output, knowledge)
    except OSError as error:
        raise NotWritable(f"{arguments.output}: {error}") from error
    size = arguments.output.stat().st_size
    progress.say(f"wrote {arguments.output}: {len(keys)} x {keys.shape[1]}, {len(sequences)} sequences, {size / 1e6:.1f} MB")


def main() -> int:
    arguments = parse_arguments()
    try:
        build(arguments)
    except NotWritable as error:
        print(f"build_wordnet: error: {error}: choose another file with -o", file=sys.stderr)
        return RESOURCE_ERROR
    except OSError as error:
        remedy = "install the package wordnet-base, or name its folder with --wordnet"
        print(f"build_wordnet: error: {error.filename}: {error.strerror}: {remedy}", file=sys.stderr)
        return RESOURCE_ERROR
    except ValueError as error:
        print(f"build_wordnet: error: {error}", file=sys.stderr)
        return USAGE_ERROR
    return 0


if __name__ == "__main__":
    sys.exit(main())

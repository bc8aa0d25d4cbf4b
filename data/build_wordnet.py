#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Builds the WordNet knowledge set: a vector for each of the 117,659 synsets, and example sentences as sequences."""

import argparse
import dataclasses
import os
import platform
import sys
import time
import warnings
from pathlib import Path

# The same bytes on x86-64 machines with AVX2, for one version of the libraries: with other numbers of threads, other
# kernels of OpenBLAS, or AVX-512 in numpy, the last bits of the vectors differ. Read when numpy loads.
os.environ.update({"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"})
if platform.machine() == "x86_64":
    os.environ.setdefault("OPENBLAS_CORETYPE", "Haswell")
    os.environ.setdefault("NPY_DISABLE_CPU_FEATURES", "AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL")
    warnings.filterwarnings("ignore", message="During parsing environment variable")  # has no AVX-512 to disable

import assemble
import embed
import knowledge_file
import numpy as np
import wordnet

SAMPLE_SYNSETS = 2000
SAMPLE_SEQUENCES = 550  # the file stays below 2 MB
NEIGHBOURS = 8
ATTENTION_QUERIES = 256
USAGE_ERROR, RESOURCE_ERROR, INTERRUPTED = 2, 3, 130


class Refusal(Exception):
    """Ends the command with one line, which names value and remedy, and an exit status."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class Progress:
    def __init__(self) -> None:
        self.start = time.monotonic()

    def say(self, what: str) -> None:
        print(f"wordnet [{time.monotonic() - self.start:5.1f} s] {what}", file=sys.stderr, flush=True)


def at_least_one(text: str) -> int:
    """An option's whole number."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: give a whole number of at least 1")
    return int(text)


def parse_arguments() -> argparse.Namespace:
    here = Path(__file__).resolve().parent
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog="Word vectors: PPMI over windowed co-occurrence in lemmas and glosses, then truncated SVD. "
        "Exit status: 0 done, 2 usage, 3 no WordNet or not writable, 130 interrupted. The format is in data/README.md.",
    )
    parser.add_argument(
        "-o", "--output", type=Path, help="file to write (wordnet.h5, or wordnet-sample.h5, beside this program)"
    )
    parser.add_argument(
        "--wordnet",
        type=Path,
        default=Path(os.environ.get("WNSEARCHDIR") or "/usr/share/wordnet"),
        metavar="DIR",
        help="folder with data.noun and the others ($WNSEARCHDIR or /usr/share/wordnet: %(default)s)",
    )
    parser.add_argument("--dimension", type=at_least_one, default=128, metavar="D", help="of the vectors (%(default)s)")
    parser.add_argument(
        "--window", type=at_least_one, default=5, metavar="W", help="words on each side that are near (%(default)s)"
    )
    parser.add_argument(
        "--min-count", type=at_least_one, default=3, metavar="N", help="rarer words get no vector (%(default)s)"
    )
    parser.add_argument(
        "--sample",
        action="store_true",
        help=f"write {SAMPLE_SYNSETS} synsets and {SAMPLE_SEQUENCES} sentences only, spread over all",
    )
    parser.add_argument(
        "--neighbours", metavar="WORD", nargs="+", help="print the words nearest to these, and write nothing"
    )
    arguments = parser.parse_args()
    arguments.output = arguments.output or here / ("wordnet-sample.h5" if arguments.sample else "wordnet.h5")
    return arguments


def require_place_for(output: Path) -> None:
    """Refuses before the work what could not be written after it."""
    remedy = "choose another file with -o"
    if output.exists() and not output.is_file():  # a device, say, which the rename would replace
        raise Refusal(f"{output}: is there and no regular file: {remedy}", RESOURCE_ERROR)
    if not output.parent.is_dir():
        raise Refusal(f"{output}: its folder is not there: make it, or {remedy}", RESOURCE_ERROR)
    if not os.access(output.parent, os.W_OK):
        raise Refusal(f"{output}: its folder is not writable: {remedy}", RESOURCE_ERROR)


def read(folder: Path) -> tuple[list[wordnet.Synset], str]:
    """Synsets and licence."""
    remedy = "install the package wordnet-base, or name the folder of data.noun with --wordnet"
    try:
        return wordnet.read_synsets(folder), wordnet.read_licence(folder)
    except OSError as error:
        raise Refusal(f"{error.filename}: {error.strerror}: {remedy}", RESOURCE_ERROR) from error
    except wordnet.DamagedDatabase as error:
        raise Refusal(f"{error}: {remedy}", RESOURCE_ERROR) from error


def learn_words(synsets: list[wordnet.Synset], arguments: argparse.Namespace, progress: Progress) -> embed.Embedding:
    texts = assemble.texts_of(synsets)
    numbers = embed.vocabulary(texts, arguments.min_count)
    if arguments.dimension >= len(numbers):
        raise Refusal(
            f"--dimension {arguments.dimension}: only {len(numbers)} words occur {arguments.min_count} times or more: "
            "give less than that, or a smaller --min-count",
            USAGE_ERROR,
        )
    progress.say(f"{len(synsets)} synsets, {len(numbers)} words; counting pairs")
    matrix = embed.ppmi(embed.cooccurrence(texts, numbers, arguments.window))
    progress.say(f"{matrix.nnz} informative pairs; singular value decomposition in {arguments.dimension} dimensions")
    return embed.Embedding(numbers, embed.word_vectors(matrix, arguments.dimension))


def print_neighbours(embedding: embed.Embedding, words: list[str]) -> None:
    for word in words:
        if word in embedding.numbers:
            print(f"{word}: {', '.join(embed.neighbours(embedding, word, NEIGHBOURS))}")
        else:
            print(f"{word}: not among the {len(embedding.numbers)} words")


def write(arguments: argparse.Namespace, knowledge: knowledge_file.KnowledgeSet, progress: Progress) -> None:
    low, middle, high = np.quantile(assemble.attended(knowledge, ATTENTION_QUERIES), [0.05, 0.5, 0.95])
    spread = f"90 % of the tokens to {low:.0f} to {high:.0f}"
    progress.say(f"a token attends to {middle:.0f} of {len(knowledge.keys)} keys (exp entropy, median; {spread})")
    try:
        knowledge_file.write(arguments.output, knowledge)
    except OSError as error:
        remedy = "make room, or choose another file with -o"
        raise Refusal(f"{arguments.output}: {error.strerror}: {remedy}", RESOURCE_ERROR) from error
    count, dimension = knowledge.keys.shape
    size = arguments.output.stat().st_size / 1e6
    sequences = len(knowledge.sequences)
    progress.say(f"wrote {arguments.output}: {count} x {dimension}, {sequences} sequences, {size:.1f} MB")


def run(arguments: argparse.Namespace) -> None:
    if not arguments.neighbours:
        require_place_for(arguments.output)
    progress = Progress()
    progress.say(f"reading {arguments.wordnet}")
    synsets, licence = read(arguments.wordnet)
    embedding = learn_words(synsets, arguments, progress)
    if arguments.neighbours:
        print_neighbours(embedding, arguments.neighbours)
        return
    progress.say("synset vectors")
    knowledge = assemble.assemble(synsets, embedding, licence)
    if arguments.sample:
        knowledge = assemble.sample(knowledge, SAMPLE_SYNSETS, SAMPLE_SEQUENCES)
    settings = {"window": arguments.window, "min_count": arguments.min_count, **knowledge.parameters}
    write(arguments, assemble.with_words_in_use(dataclasses.replace(knowledge, parameters=settings)), progress)


def main() -> int:
    arguments = parse_arguments()
    try:
        run(arguments)
    except Refusal as refusal:
        print(f"build_wordnet: error: {refusal}", file=sys.stderr)
        return refusal.status
    except KeyboardInterrupt:
        print("build_wordnet: interrupted: nothing was written", file=sys.stderr)
        return INTERRUPTED
    return 0


if __name__ == "__main__":
    sys.exit(main())

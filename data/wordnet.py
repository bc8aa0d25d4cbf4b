# SPDX-License-Identifier: BSD-3-Clause
"""Reads WordNet's database files (format: wndb(5WN)): synsets with lemmas, definition and example sentences."""

import re
from dataclasses import dataclass
from pathlib import Path

# File ending to the letter of the part of speech, in the order in which synsets are numbered.
PARTS_OF_SPEECH = {"noun": "n", "verb": "v", "adj": "a", "adv": "r"}

EXAMPLE = re.compile(r'"([^"]+)"?')
WORD = re.compile(r"[a-z0-9]+(?:'[a-z]+)?")


@dataclass(frozen=True)
class Synset:
    label: str  # first lemma, part of speech, offset in the data file: unique
    lemmas: tuple[str, ...]
    definition: str
    examples: tuple[str, ...]


def parse_line(line: str, part_of_speech: str) -> Synset:
    """One synset line: offset, file, type, word count (hexadecimal), (word, id)..., pointers | gloss."""
    data, _, gloss = line.partition(" | ")
    fields = data.split()
    count = int(fields[3], 16)
    lemmas = tuple(re.sub(r"\([a-z]+\)$", "", fields[4 + 2 * i]) for i in range(count))
    examples = tuple(text.strip() for text in EXAMPLE.findall(gloss))
    definition = gloss.partition('"')[0].strip().rstrip(";")
    return Synset(f"{lemmas[0]}.{part_of_speech}.{fields[0]}", lemmas, definition, examples)


def read_synsets(folder: Path) -> list[Synset]:
    """All synsets, nouns first, in file order. Raises OSError for a missing file, ValueError for a damaged one."""
    synsets = []
    for name, letter in PARTS_OF_SPEECH.items():
        path = folder / f"data.{name}"
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if line.startswith("  "):
                continue  # the licence, in front of the data
            try:
                synsets.append(parse_line(line, letter))
            except (IndexError, ValueError) as error:
                raise ValueError(f"{path}:{number}: not a line of a WordNet data file") from error
    return synsets


def read_licence(folder: Path) -> str:
    """The notice that WordNet wants on all copies, as it stands in front of its data."""
    lines = (folder / "data.noun").read_text(encoding="utf-8").splitlines()
    return "\n".join(line[4:].strip() for line in lines if line.startswith("  ")).strip() + "\n"


def words_of(text: str) -> list[str]:
    """Lower-case words; the parts of a collocation count one by one."""
    return WORD.findall(text.lower().replace("_", " "))


def text_of(synset: Synset) -> list[str]:
    """The running text in which words meet: lemmas, definition, examples."""
    return words_of(" ".join([*synset.lemmas, synset.definition, *synset.examples]))

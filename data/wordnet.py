# SPDX-License-Identifier: BSD-3-Clause
"""Reads WordNet's database files (format: wndb(5WN)): synsets with lemmas, definition and example sentences."""

import re
from dataclasses import dataclass
from pathlib import Path

# File ending to the letter of the part of speech, in the order in which synsets are numbered.
PARTS_OF_SPEECH = {"noun": "n", "verb": "v", "adj": "a", "adv": "r"}

# A few glosses of WordNet 3.0 lack the closing quotation mark of their last example.
EXAMPLE = re.compile(r'"([^"]+)"?')
WORD = re.compile(r"[a-z0-9]+(?:'[a-z]+)?")


class DamagedDatabase(Exception):
    """A file that is there, but is no WordNet data file; the message names file and line."""


@dataclass(frozen=True)
class Synset:
    label: str  # first lemma, part of speech, offset in the data file: unique
    lemmas: tuple[str, ...]
    definition: str
    examples: tuple[str, ...]


def parse_line(line: str, part_of_speech: str) -> Synset:
    """One synset line: offset, file, type, word count (hexadecimal), (word, id)..., pointers | gloss.

    The definition ends at the first quotation mark; what stands after it outside of quotation marks (in 715 glosses,
    mostly the names of the authors quoted) is left out. Raises IndexError or ValueError for another kind of line.
    """
    data, _, gloss = line.partition(" | ")
    fields = data.split()
    count = int(fields[3], 16)
    lemmas = tuple(re.sub(r"\([a-z]+\)$", "", fields[4 + 2 * i]) for i in range(count))
    examples = tuple(text.strip() for text in EXAMPLE.findall(gloss))
    definition = gloss.partition('"')[0].strip().rstrip(";")
    return Synset(f"{lemmas[0]}.{part_of_speech}.{fields[0]}", lemmas, definition, examples)


def read_lines(path: Path) -> list[str]:
    """Raises OSError, and DamagedDatabase for what is no text."""
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise DamagedDatabase(f"{path}: no text in UTF-8 from byte {error.start} on") from error


def is_licence(line: str) -> bool:
    """Whether the line belongs to the notice in front of the data, the lines of which are indented and numbered."""
    return line.startswith("  ")


def read_part(path: Path, part_of_speech: str) -> list[Synset]:
    """The synsets of one data file, in its order."""
    synsets = []
    for number, line in enumerate(read_lines(path), 1):
        if is_licence(line):
            continue
        try:
            synsets.append(parse_line(line, part_of_speech))
        except (IndexError, ValueError) as error:
            raise DamagedDatabase(f"{path}:{number}: not a line of a WordNet data file") from error
    if not synsets:
        raise DamagedDatabase(f"{path}: no synset in it")
    return synsets


def read_synsets(folder: Path) -> list[Synset]:
    """All synsets, nouns first. Raises OSError for a missing file, DamagedDatabase for one that is no data file."""
    return [synset for name, letter in PARTS_OF_SPEECH.items() for synset in read_part(folder / f"data.{name}", letter)]


def read_licence(folder: Path) -> str:
    """The notice that WordNet wants on all copies, as it stands in front of its data."""
    numbered = filter(is_licence, read_lines(folder / "data.noun"))
    return "\n".join(re.sub(r"^ +[0-9]+", "", line).strip() for line in numbered).strip() + "\n"


def version_in(licence: str) -> str:
    """`WordNet 3.0` and the like, as the notice calls itself."""
    named = re.search(r"WordNet [0-9.]+[0-9]", licence)
    return named.group() if named else "WordNet"


def words_of(text: str) -> list[str]:
    """Lower-case words; the parts of a collocation count one by one."""
    return WORD.findall(text.lower().replace("_", " "))

# SPDX-License-Identifier: BSD-3-Clause
"""A WordNet of a few synsets, and one of made-up words, in the format of the real one; the command that reads them."""

import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

DATA = Path(__file__).resolve().parents[3] / "data"
sys.path.insert(0, str(DATA))

LICENCE = "  1 This software is licensed.  \n  2 WordNet 9.8 by nobody.  \n"
LINES = {
    "noun": [
        "00001740 05 n 02 dog 0 domestic_dog 0 001 @ 00001930 n 0000 "
        '| a domestic animal that barks; "the dog barked all night"; "a good dog"  ',
        "00001930 05 n 01 cat 0 000 | a domestic animal that meows  ",
        "00002137 05 n 0b a 0 b 0 c 0 d 0 e 0 f 0 g 0 h 0 i 0 j 0 kk 0 000 | eleven letters of an animal  ",
    ],
    "verb": [
        "00002000 30 v 01 bark 0 001 @ 00001930 v 0000 01 + 02 00 "
        '| make the sound of a dog; "The dog barked at the cat"; "dog!"  '
    ],
    "adj": ["00003000 00 a 01 good(p) 0 000 | having the right qualities of a dog or a cat  "],
    "adv": ["00004000 02 r 01 well 0 000 | in a good manner of an animal that barks  "],
}


def write_database(folder: Path, lines: dict[str, list[str]]) -> Path:
    folder.mkdir()
    for name, part in lines.items():
        (folder / f"data.{name}").write_text(LICENCE + "\n".join(part) + "\n")
    return folder


@pytest.fixture
def tiny_wordnet(tmp_path: Path) -> Path:
    return write_database(tmp_path / "wordnet", LINES)


@pytest.fixture
def random_wordnet(tmp_path: Path) -> Path:
    """1,000 synsets with glosses of 20 out of 400 words: enough for rounding to depend on the code path."""
    draw = random.Random(1)
    glosses = [" ".join(f"word{int(400 * draw.random() ** 2)}" for _ in range(20)) for _ in range(1000)]
    nouns = [f'{i:08} 03 n 01 noun{i} 0 000 | {gloss}; "{gloss}"' for i, gloss in enumerate(glosses)]
    return write_database(tmp_path / "random", {**LINES, "noun": nouns})


Build = Callable[..., subprocess.CompletedProcess]


@pytest.fixture
def build() -> Build:
    """Runs the command; keywords are variables of its environment."""

    def run(*arguments, **environment: str) -> subprocess.CompletedProcess:
        words = [sys.executable, DATA / "build_wordnet.py", *arguments]
        return subprocess.run(
            [str(word) for word in words], capture_output=True, text=True, check=False, env={**os.environ, **environment}
        )

    return run


@pytest.fixture
def build_tiny(build: Build, tiny_wordnet: Path) -> Build:
    """The same on the small WordNet."""

    def run(*arguments, **environment: str) -> subprocess.CompletedProcess:
        return build("--wordnet", tiny_wordnet, "--dimension", 4, "--min-count", 1, *arguments, **environment)

    return run


@pytest.fixture
def sample_path() -> Path:
    return DATA / "wordnet-sample.h5"

# SPDX-License-Identifier: BSD-3-Clause
"""A WordNet of a few synsets, in the format of the real one."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "data"))

LICENCE = "  1 This software is licensed.  \n  2 By nobody.  \n"
LINES = {
    "noun": [
        '00001740 05 n 02 dog 0 domestic_dog 0 001 @ 00001930 n 0000 | a domestic animal that barks; "the dog barked all night"; "a good dog"  ',
        "00001930 05 n 01 cat 0 000 | a domestic animal that meows  ",
        "00002137 05 n 0b a 0 b 0 c 0 d 0 e 0 f 0 g 0 h 0 i 0 j 0 kk 0 000 | eleven letters of an animal  ",
    ],
    "verb": ['00002000 30 v 01 bark 0 001 @ 00001930 v 0000 01 + 02 00 | make the sound of a dog; "The dog barked at the cat"  '],
    "adj": ["00003000 00 a 01 good(p) 0 000 | having the right qualities of a dog or a cat  "],
    "adv": ["00004000 02 r 01 well 0 000 | in a good manner of an animal that barks  "],
}


@pytest.fixture
def tiny_wordnet(tmp_path) -> Path:
    folder = tmp_path / "wordnet"
    folder.mkdir()
    for name, lines in LINES.items():
        (folder / f"data.{name}").write_text(LICENCE + "\n".join(lines) + "\n")
    return folder

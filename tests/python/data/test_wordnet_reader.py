# SPDX-License-Identifier: BSD-3-Clause
"""WordNet's data files, read."""

import pytest
import wordnet

# Lines of WordNet 3.0; its notice is in data/WORDNET-LICENSE.
SATELLITE = (
    "00014358 00 s 02 abounding 0 galore(ip) 0 001 & 00013887 a 0000 "
    '| existing in abundance; "abounding confidence"; "whiskey galore"  '
)
VERB_WITH_FRAMES = (
    "01775553 37 v 01 love 1 008 @ 01775182 v 0000 + 01459422 a 0102 + 01459422 a 0101 + 09849598 n 0105 "
    "+ 05813229 n 0101 + 07543288 n 0101 + 09622302 n 0101 ~ 01775800 v 0000 01 + 09 00 "
    '| be enamored or in love with; "She loves her husband deeply"  '
)
WITH_AUTHOR = (
    "00010047 02 r 02 imperfectly 0 amiss 3 002 ! 00009650 r 0101 \\ 01752168 a 0101 "
    '| in an imperfect or faulty way; "The lobe was imperfectly developed"; '
    '"Miss Bennet would not play at all amiss if she practiced more"- Jane Austen  '
)
WITHOUT_EXAMPLE = (
    "00001740 03 n 01 entity 0 003 ~ 00001930 n 0000 ~ 00002137 n 0000 ~ 04424418 n 0000 "
    "| that which is perceived or known or inferred to have its own distinct existence (living or nonliving)  "
)


@pytest.mark.parametrize(
    ("line", "letter", "expected"),
    [
        (
            SATELLITE,
            "a",
            wordnet.Synset(
                "abounding.a.00014358",
                ("abounding", "galore"),
                "existing in abundance",
                ("abounding confidence", "whiskey galore"),
            ),
        ),
        (
            VERB_WITH_FRAMES,
            "v",
            wordnet.Synset(
                "love.v.01775553", ("love",), "be enamored or in love with", ("She loves her husband deeply",)
            ),
        ),
        (
            WITH_AUTHOR,
            "r",
            wordnet.Synset(
                "imperfectly.r.00010047",
                ("imperfectly", "amiss"),
                "in an imperfect or faulty way",
                (
                    "The lobe was imperfectly developed",
                    "Miss Bennet would not play at all amiss if she practiced more",
                ),
            ),
        ),
        (
            WITHOUT_EXAMPLE,
            "n",
            wordnet.Synset(
                "entity.n.00001740",
                ("entity",),
                "that which is perceived or known or inferred to have its own distinct existence (living or nonliving)",
                (),
            ),
        ),
    ],
    ids=["satellite adjective", "verb with frames", "author of the example", "no example"],
)
def test_real_lines_are_read(line, letter, expected):
    assert wordnet.parse_line(line, letter) == expected


def test_a_last_example_without_closing_mark_is_one():
    line = '00000001 03 n 01 notice 0 000 | an announcement; "an obituary notice"; "a notice of sale'
    assert wordnet.parse_line(line, "n").examples == ("an obituary notice", "a notice of sale")


def test_all_parts_of_speech_are_read_nouns_first(tiny_wordnet):
    synsets = wordnet.read_synsets(tiny_wordnet)
    assert [synset.label for synset in synsets] == [
        "dog.n.00001740",
        "cat.n.00001930",
        "a.n.00002137",
        "bark.v.00002000",
        "good.a.00003000",
        "well.r.00004000",
    ]


def test_the_number_of_lemmas_is_hexadecimal(tiny_wordnet):
    assert len(wordnet.read_synsets(tiny_wordnet)[2].lemmas) == 11


def test_a_damaged_line_is_named(tiny_wordnet):
    path = tiny_wordnet / "data.verb"
    path.write_text(path.read_text() + "half a line\n")
    with pytest.raises(wordnet.DamagedDatabase, match=r"data\.verb:4"):
        wordnet.read_synsets(tiny_wordnet)


def test_bytes_that_are_no_text_are_refused(tiny_wordnet):
    (tiny_wordnet / "data.adj").write_bytes(b"00003000 \xff")
    with pytest.raises(wordnet.DamagedDatabase, match=r"data\.adj: .* byte 9"):
        wordnet.read_synsets(tiny_wordnet)


def test_an_empty_file_is_refused(tiny_wordnet):
    (tiny_wordnet / "data.adv").write_text("")
    with pytest.raises(wordnet.DamagedDatabase, match=r"data\.adv: no synset"):
        wordnet.read_synsets(tiny_wordnet)


def test_the_licence_is_the_notice_in_front_of_the_data(tiny_wordnet):
    assert wordnet.read_licence(tiny_wordnet) == "This software is licensed.\nWordNet 9.8 by nobody.\n"


def test_the_version_is_the_one_in_the_notice():
    assert wordnet.version_in("...\nWordNet 3.0 Copyright 2006 by ...") == "WordNet 3.0"
    assert wordnet.version_in("another notice") == "WordNet"


def test_words_of_collocations_count_one_by_one():
    assert wordnet.words_of("Domestic_dog's 2nd night!") == ["domestic", "dog's", "2nd", "night"]

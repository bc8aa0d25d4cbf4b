# SPDX-License-Identifier: BSD-3-Clause
"""What a person reads of the attended vectors."""

import h5py
import pytest

from analysis import attended
from analysis.__main__ import main


def test_a_sentence_is_one_line_and_a_token_another(result_file, capsys):
    assert main(["attended", str(result_file)]) == 0
    heading, *lines = capsys.readouterr().out.splitlines()
    assert heading == "case 2: knowledge/blas/packed f32; strong: gaussian, n = 6, d = 8, 2 heads, m = 300"
    assert lines == [
        "",
        "sequence 0: the dog",
        "  the  0.500 article.n  0.125 entity",
        "  dog  0.500 dog.n      0.125 entity",
        "",
        "sequence 1: 1 token",
        "  token 0  head 0  0.250 vector 5",
        "  token 0  head 1  0.250 vector 6",
    ]


def test_sentences_and_places_are_as_many_as_asked(result_file, capsys):
    assert main(["attended", str(result_file), "--sentences", "1", "--top", "1"]) == 0
    out = capsys.readouterr().out
    assert "article.n" in out and "entity" not in out and "sequence 1" not in out


def test_a_label_loses_the_offset_alone():
    assert [attended.short(label) for label in ("dog.n.02084071", "version 2.5", "word")] == ["dog.n", "version 2.5", "word"]


@pytest.mark.parametrize("words", [["--sentences", "0"], ["--top", "x"]])
def test_no_sentences_are_a_mistake_of_usage(result_file, words):
    with pytest.raises(SystemExit) as stopped:
        main(["attended", str(result_file), *words])
    assert stopped.value.code == 2


def test_another_case_has_none_and_the_error_says_which_have(result_file, capsys):
    assert main(["attended", str(result_file), "--case", "1"]) == 2
    err = capsys.readouterr().err
    assert "none of case 1, but of 2" in err and err.count("\n") == 1


def test_a_file_without_them_names_the_remedy(result_file, capsys):
    with h5py.File(result_file, "r+") as file:
        del file["attended"]
    assert main(["attended", str(result_file)]) == 2
    err = capsys.readouterr().err
    assert "run with --top-k 5" in err and err.count("\n") == 1

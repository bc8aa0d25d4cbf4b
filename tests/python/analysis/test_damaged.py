# SPDX-License-Identifier: BSD-3-Clause
"""Files of others: one line and status 3 for what cannot be read, and any text readable."""

import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

from analysis import load, printable
from analysis.__main__ import main

ROOT = Path(__file__).resolve().parents[3]


def in_file(change):
    def damage(path: Path) -> Path:
        with h5py.File(path, "r+") as file:
            change(file)
        return path

    return damage


def replaced(name: str, values: object):
    def change(file: h5py.File) -> None:
        del file[name]
        if values is not None:
            file[name] = values

    return in_file(change)


def attribute(name: str, value: object):
    return in_file(lambda file: file.attrs.__setitem__(name, value))


def bytes_of(change):
    def damage(path: Path) -> Path:
        path.write_bytes(change(path.read_bytes()))
        return path

    return damage


def knowledge_set(path: Path) -> Path:
    return ROOT / "data" / "wordnet-sample.h5"


def left_open(path: Path) -> Path:
    """As a writer leaves it that did not close it: the consistency flags of superblock version 3."""
    other = path.with_name("open.h5")
    if (child := os.fork()) == 0:
        file = h5py.File(other, "w", libver="latest")
        file.flush()
        os._exit(0)
    os.waitpid(child, 0)
    return other


N = 11  # cases of the golden file
DAMAGES = {
    "cut at the end": (bytes_of(lambda raw: raw[: len(raw) // 2]), "truncated"),
    "cut in its first bytes": (bytes_of(lambda raw: raw[:40]), "not HDF5, or damaged"),
    "empty": (bytes_of(lambda raw: b""), "not HDF5, or damaged"),
    "of zeros": (bytes_of(lambda raw: bytes(len(raw))), "not HDF5, or damaged"),
    "without names": (bytes_of(lambda raw: raw.replace(b"SNOD", b"XXXX")), "damaged"),
    "not closed by its writer": (left_open, "h5clear"),
    "a folder": (lambda path: path.parent, "is no file"),
    "a device": (lambda path: Path("/dev/null"), "is no file"),
    "no file": (lambda path: path.with_name("none.h5"), "not found"),
    "a name that is too long": (lambda path: path.with_name("n" * 300), "name too long"),
    "a knowledge set": (knowledge_set, "is a knowledge set"),
    "an earlier schema": (attribute("schema_version", 4), "has schema 4, this analysis reads 5 to 7"),
    "a later schema": (attribute("schema_version", 8), "has schema 8, this analysis reads 5 to 7"),
    "a schema that is a text": (attribute("schema_version", "five"), "has schema five"),
    "a schema of several numbers": (attribute("schema_version", [5, 5]), "has schema that is no number"),
    "a campaign that is a number": (attribute("campaign", 7), "campaign has no name"),
    "no cases": (replaced("cases", None), "no knowscale result"),
    "cases that are a column": (replaced("cases", np.arange(N)), "cases is no table"),
    "no column m": (replaced("cases/m", None), "table cases has no column m"),
    "a text for m": (replaced("cases/m", [b"many"] * N), "column m of table cases"),
    "fractions for m": (replaced("cases/m", np.full(N, 1.5)), "column m of table cases"),
    "numbers for models": (replaced("cases/model", np.arange(N)), "column model of table cases"),
    "a scalar column": (replaced("cases/m", 3), "cases/m is no column"),
    "a column of pairs": (replaced("cases/m", np.ones((N, 2), int)), "cases/m is no column"),
    "a short column": (replaced("cases/m", [1]), "several lengths"),
    "a column that is a group": (replaced("cases/m", None), "no column m"),
    "a role that is a number": (in_file(lambda file: file["cases/m"].attrs.__setitem__("role", 7)), "the role of column m is no text"),
    "roles that are a list": (in_file(lambda file: file["cases/m"].attrs.__setitem__("role", [1, 2])), "the role of column m is no text"),
    "0 ranks": (replaced("cases/ranks", np.zeros(N, int)), "column ranks of table cases holds 0"),
    "a case twice": (replaced("cases/case", np.ones(N, int)), "a case twice"),
    "samples without seconds": (replaced("samples/seconds", None), "table samples has no column seconds"),
    "vectors of another case": (replaced("attended/case", np.full(6, 99)), "table attended is of cases that"),
}  # fmt: skip


@pytest.mark.parametrize("command", ["report", "check", "attended"])
@pytest.mark.parametrize("how", DAMAGES)
def test_what_cannot_be_read_is_one_line_and_status_3(result_file, tmp_path, capsys, how, command):
    damage, words = DAMAGES[how]
    path = damage(result_file)
    output = ["-o", str(tmp_path / "out")] if command == "report" else []
    assert main([command, str(path), *output]) == 3
    out, err = capsys.readouterr()
    assert err.startswith("analysis: error: ") and err.count("\n") == 1
    assert words.lower() in err.lower() and path.name in err
    assert out == "" and not (tmp_path / "out").exists()


def test_kept_matrices_of_another_kind_are_damage(result_file, capsys):
    for name, values, words in (("io/1/keys", np.arange(3), "io/1/keys is no matrix"), ("io/1/keys", [[b"a"]], "no matrix"), ("io", 1, "io is no group")):
        replaced(name, values)(result_file)
        assert main(["check", str(result_file)]) == 3
        assert words in capsys.readouterr().err


def test_kept_matrices_that_are_missing_fail_their_case(result_file, capsys):
    replaced("io/1/output", None)(result_file)
    assert main(["check", str(result_file)]) == 1
    out = capsys.readouterr().out
    assert "no output kept" in out and 'failed=1 untold=0 reason="case 1"' in out


@pytest.mark.parametrize("column, value, words", [("heads", 0, "0 heads"), ("heads", 3, "3 heads"), ("kv_heads", 0, "0 kv heads"), ("precision", b"f8", "precision f8")])
def test_cases_that_have_no_formula_fail(result_file, capsys, column, value, words):
    replaced(f"cases/{column}", np.full(N, value))(result_file)
    assert main(["check", str(result_file)]) == 1
    assert words in capsys.readouterr().out


def test_random_bytes_of_a_file_never_end_in_a_traceback(result_file, tmp_path, capsys):
    random, whole = np.random.default_rng(11), result_file.read_bytes()
    statuses = set()
    for _ in range(40):
        raw = bytearray(whole)
        for place in random.integers(0, len(raw), random.integers(1, 30)):
            raw[place] = random.integers(0, 256)
        result_file.write_bytes(raw)
        statuses |= {main(["check", str(result_file)]), main(["attended", str(result_file)])}
    assert statuses <= {0, 1, 2, 3} and 3 in statuses


ODD = [b"caf\xe9", b"\xff\xfe", b"a\nb", b"\x1b[31mred", "\u202eevil".encode(), "研究".encode(), b"", b"$\\frac$", b"<script>alert(1)</script>"]


def test_any_bytes_are_read_and_shown(result_file, tmp_path, capsys, put_table):
    for table, columns in {"cases": ["study", "knowledge", "reason"], "attended": ["word", "label"], "meta": ["value"]}.items():
        put_table(result_file, table, lambda old, columns=columns: old.assign(**{c: [ODD[i % len(ODD)] for i in range(len(old))] for c in columns}))
    with h5py.File(result_file, "r+") as file:
        file.attrs["campaign"] = np.bytes_(b"caf\xe9 <b>")
    for command in (["report", str(result_file), "-o", str(tmp_path / "out")], ["check", str(result_file)], ["attended", str(result_file)]):
        assert main(command) == 0
        out = capsys.readouterr().out
        assert "\x1b" not in out and "\u202e" not in out
    text = (tmp_path / "out" / "report.txt").read_text(encoding="utf-8")
    assert "campaign caf\\xe9 <b>," in text and "a\\nb" in text and "研究" in text
    assert "<script>" not in (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert pd.read_csv(tmp_path / "out" / "cases.csv")["study"][2] == "a\\nb"


def test_texts_of_variable_length_and_attributes_may_hold_any_bytes(result_file):
    with h5py.File(result_file, "r+") as file:
        del file["cases/study"]
        file["cases"].create_dataset("study", data=[b"caf\xe9"] * N, dtype=h5py.string_dtype())
        file.attrs.create("campaign", b"caf\xe9", dtype=h5py.string_dtype())
    result = load.load(result_file)
    assert result.campaign == "caf\\xe9" and result.cases["study"][0] == "caf\\xe9"


def test_printable_keeps_letters_of_every_script_and_tells_bytes_apart():
    for text in ("größe", "研究 données", "नमस्ते", "👩‍🔬", "a b", ""):
        assert printable.printable(text) == text == printable.printable(text.encode())
    assert printable.printable(os.fsdecode(b"caf\xe9\n")) == "caf\\xe9\\n"
    assert printable.printable("\ud800x") == "\\xed\\xa0\\x80x"
    assert printable.short("abcdefghij", 7) == "abcd…ij" and printable.short("abc", 3) == "abc"
    assert printable.distinct(["ab", "ac", "ab", "a (2)"], lambda text: text[:1] if len(text) < 3 else text) == {"ab": "a", "ac": "a (2)", "a (2)": "a (2) (2)"}


def shell(line: str, cwd: Path, **more: str) -> subprocess.CompletedProcess:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PY": sys.executable, **more}
    return subprocess.run(["bash", "-c", line], cwd=cwd, env=environment, capture_output=True, check=False)


def test_readers_that_leave_paths_of_any_bytes_and_plain_terminals(result_file):
    """What needs a real stdout."""
    os.rename(result_file, os.fsencode(result_file.parent) + b"/caf\xe9.h5")
    line = '"$PY" -m analysis check caf*.h5 | exec sleep 0; echo "${PIPESTATUS[0]}"; "$PY" -m analysis attended caf*.h5 --case 99 > /dev/full; echo $?; "$PY" -m analysis check caf*.h5 > /dev/full; echo $?'
    done = shell(line, result_file.parent, LC_ALL="C", PYTHONIOENCODING="ascii")
    assert done.stdout.split() == [b"0", b"2", b"3"]
    lines = done.stderr.splitlines()
    assert len(lines) == 2 and b"caf\\xe9.h5: holds none of case 99" in lines[0] and b"No space left" in lines[1]


@pytest.mark.parametrize("words", [[], ["report"], ["draw", "x"], ["attended", "x", "--top", "0"], ["attended", "x", "--top", "9" * 5000], ["attended", "x", "--case", "one"]])
def test_usage_is_status_2(words, capsys):
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2 and "usage:" in capsys.readouterr().err

# SPDX-License-Identifier: BSD-3-Clause
"""The commands: report and check, and what they refuse."""

import h5py
import numpy as np
import pandas as pd
import pytest

from analysis import load
from analysis.__main__ import main


def test_report_draws_every_figure_and_writes_the_tables(result_file, tmp_path, capsys):
    assert main(["report", str(result_file), "-o", str(tmp_path / "out")]) == 0
    for name in ("strong", "efficiency", "weak", "growth", "split", "bounds"):
        for ending in ("png", "svg"):
            assert (tmp_path / "out" / f"{name}.{ending}").stat().st_size > 5000
    text = (tmp_path / "out" / "report.txt").read_text()
    assert "11 cases, 1 invalid" in text
    assert "INVALID: error 1 exceeds" in text
    assert "knowledge/blas/two_phase f32, 800 ms" in text
    assert "Some CPU" in text
    assert len((tmp_path / "out" / "cases.csv").read_text().splitlines()) == 12
    assert 'src="growth.png"' in (tmp_path / "out" / "index.html").read_text()
    assert text in capsys.readouterr().out


def test_what_has_no_data_is_not_drawn_and_the_report_says_why(result_file, tmp_path):
    with h5py.File(result_file, "r+") as file:
        file["cases/ranks"][:] = 1
        file["cases/model"][:] = b"knowledge"
    assert main(["report", str(result_file), "-o", str(tmp_path / "out")]) == 0
    assert not (tmp_path / "out" / "strong.png").exists()
    text = (tmp_path / "out" / "report.txt").read_text()
    assert "no figure strong: it needs" in text
    assert "no figure growth: it needs" in text


def test_columns_are_typed_and_texts_decoded(result_file):
    result = load.load(result_file)
    assert result.cases["study"].iloc[0] == "strong"
    assert result.cases["m"].dtype == np.int64
    assert result.meta("cpu") == "Some CPU"
    assert result.meta("gpu") == "unknown"
    assert result.machine_lines == ["Some CPU, unknown cores, host unknown host; unknown; unknown; unknown; knowscale unknown; unknown"]


def test_texts_of_variable_length_are_read_as_those_of_fixed_length(result_file):
    with h5py.File(result_file, "r+") as file:
        del file["meta/value"]
        file["meta"].create_dataset("value", data=["wörter " * 1000], dtype=h5py.string_dtype("utf-8"))
    assert load.load(result_file).meta("cpu") == "wörter " * 1000


def test_check_agrees_with_right_outputs(result_file, capsys):
    assert main(["check", str(result_file)]) == 0
    assert "analysis check: VALID cases=2" in capsys.readouterr().out


def skip_a_shard(output, io):
    k, v, q = io["keys"][:150], io["values"][:150], io["queries"][:]
    for head in range(2):
        own = slice(4 * head, 4 * head + 4)
        weights = np.exp(0.5 * q[:, own] @ k.T)
        output[:, own] = weights @ v / weights.sum(axis=1, keepdims=True)
    return output


WRONG = {
    "perturbed": lambda output, io: output * (1 + 1e-3),
    "zeros": lambda output, io: 0 * output,
    "NaN": lambda output, io: np.full_like(output, np.nan),
    "a skipped shard": skip_a_shard,
    "exchanged heads": lambda output, io: np.roll(output, 4, axis=1),
}


@pytest.mark.parametrize("how", WRONG)
def test_check_catches_wrong_outputs(result_file, capsys, how):
    with h5py.File(result_file, "r+") as file:
        io = file["io/2"]
        io["output"][:] = WRONG[how](io["output"][:], io)
    assert main(["check", str(result_file)]) == 1
    out = capsys.readouterr().out
    assert 'analysis check: INVALID cases=2 failed=1 untold=0 reason="case 2"' in out


def test_check_without_kept_io_names_the_remedy(result_file, capsys):
    with h5py.File(result_file, "r+") as file:
        del file["io"]
    assert main(["check", str(result_file)]) == 2
    assert "--keep-io" in capsys.readouterr().err


def broken(tmp_path, result_file):
    text = tmp_path / "text.h5"
    text.write_text("no HDF5")
    other = tmp_path / "other.h5"
    with h5py.File(other, "w") as file:
        file["x"] = 1
    with h5py.File(result_file, "r+") as file:
        file.attrs["schema_version"] = 99
    return {"missing": (tmp_path / "none.h5", "not found"), "text": (text, "not HDF5"), "other": (other, "no knowscale result"), "schema": (result_file, "schema 99")}


@pytest.mark.parametrize("kind", ["missing", "text", "other", "schema"])
def test_files_that_cannot_be_read_end_with_status_3(tmp_path, result_file, capsys, kind):
    path, words = broken(tmp_path, result_file)[kind]
    assert main(["report", str(path)]) == 3
    err = capsys.readouterr().err
    assert words in err and str(path) in err and err.count("\n") == 1


def test_the_report_names_devices_and_shows_copies(result_file, tmp_path, put_table):
    devices = ["Some GPU at 0000:01:00.0", "Some GPU at 0000:02:00.0", "-"]
    put_table(result_file, "ranks", pd.DataFrame({"case": 2, "launch": 1, "host": "node", "device": devices}))
    with h5py.File(result_file, "r+") as file:
        file["cases/copy"][:] = 0.05
        file["cases/transport"][:] = b"n"
    assert main(["report", str(result_file), "-o", str(tmp_path / "out")]) == 0
    text = (tmp_path / "out" / "report.txt").read_text()
    assert "cores, Some GPU, host" in text
    assert "packed by n f32" in text
    assert "copy" in (tmp_path / "out" / "split.svg").read_text()

# SPDX-License-Identifier: BSD-3-Clause
"""The table of symmetries from checks of known size, and that no failure hides in it."""

import h5py
import numpy as np
import pandas as pd
import pytest

from analysis import load, plot_symmetry, symmetry
from analysis.__main__ import main


def cell(cells: pd.DataFrame, model: str, name: str, expected: str) -> pd.Series:
    (row,) = cells[(cells["model"] == model) & (cells["symmetry"] == name) & (cells["expected"] == expected)].to_dict("records")
    return row


@pytest.fixture
def result(result_file) -> load.Result:
    return load.load(result_file)


def test_the_worst_of_what_is_kept_is_nearest_to_its_bound(result):
    row = cell(symmetry.worst(result.symmetry, result.cases), "knowledge", "O(d)", "keeps")
    assert (row["error_units"], row["bound_units"]) == (pytest.approx(4), pytest.approx(200))  # not 8 of 800
    assert (row["count"], row["failed"], row["when"]) == (3, 0, "1 kv head")


def test_the_worst_of_what_is_broken_is_nearest_to_its_bound(result):
    row = cell(symmetry.worst(result.symmetry, result.cases), "knowledge", "O(d)", "breaks")
    assert (row["error_units"], row["bound_units"]) == (pytest.approx(6e6), pytest.approx(900))  # not 3e6 of 400
    assert (row["count"], row["when"]) == (3, "2 kv heads")


def test_cells_stand_in_the_order_of_models_and_symmetries(result):
    cells = symmetry.worst(result.symmetry.iloc[::-1], result.cases)
    assert list(cells["model"] + ": " + cells["symmetry"]) == ["knowledge: O(d)", "knowledge: O(d)", "knowledge: ranks", "lstm: O(d)"]
    assert cell(cells, "lstm", "O(d)", "breaks")["when"] == ""


def test_a_mask_tells_cases_apart_where_heads_do_not(result):
    table = result.symmetry.iloc[:2].assign(symmetry="permuted sequence", expected=["keeps", "breaks"])
    cases = result.cases.assign(causal=np.where(result.cases["case"] == 2, "yes", "no"))
    cells = symmetry.worst(table, cases)
    assert list(cells["when"]) == ["no mask", "causal"]


WRONG = {
    "kept, over the bound": (1, 300, 200),
    "kept, not a number": (0, np.nan, 200),
    "broken, not far enough": (4, 400, 300),
    "broken, not a number": (4, np.nan, 300),
}


@pytest.mark.parametrize("how", WRONG)
def test_one_failure_among_many_checks_is_what_the_cell_shows(result, how):
    at, error, bound = WRONG[how]
    table = result.symmetry.copy()
    table.loc[at, ["error", "bound"]] = np.array([error, bound]) * 2.0**-24
    table.loc[at, "passed"] = 0
    row = cell(symmetry.worst(table, result.cases), "knowledge", "O(d)", table["expected"][at])
    assert row["failed"] == 1
    np.testing.assert_allclose(row["error_units"], error)
    text = "\n".join(symmetry.lines(symmetry.worst(table, result.cases)))
    (line,) = [line for line in text.splitlines() if "FAILED" in line]
    assert line.endswith("FAILED: 1") and table["expected"][at] in line


def test_what_cannot_be_told_is_named_and_hides_nothing_else(result):
    table = result.symmetry.assign(told=1)
    table.loc[4, ["error", "told"]] = [0.0, 0]  # broken by nothing, the nearest to failing
    row = cell(symmetry.worst(table, result.cases), "knowledge", "O(d)", "breaks")
    assert (row["error_units"], row["untold"], symmetry.result_text(row)) == (pytest.approx(6e6), 1, "as expected, 1 cannot be told")
    table.loc[3:5, "told"] = 0
    cells = symmetry.worst(table, result.cases)
    assert symmetry.result_text(cell(cells, "knowledge", "O(d)", "breaks")) == "cannot be told"
    ((figure, _),) = plot_symmetry.table(table, result.cases, ["machine"])
    assert "cannot be told" in [text.get_text() for text in figure.axes[0].texts]


@pytest.mark.parametrize("error, passed", [(0, 1), (2, 0)])
def test_a_bound_of_nothing_asks_for_the_same_bits(result, error, passed):
    row = result.symmetry[result.symmetry["symmetry"] == "ranks"].assign(bound=0.0)
    table = pd.concat([row, row.assign(error=error * 2.0**-24, passed=passed)], ignore_index=True)
    kept = cell(symmetry.worst(table, result.cases), "knowledge", "ranks", "keeps")
    assert (kept["error_units"], kept["failed"]) == (error, 1 - passed)
    assert list(plot_symmetry.table(table, result.cases, ["machine"]))


@pytest.mark.parametrize("failed", [0, 1])
def test_a_failure_is_written_into_its_cell(result, failed):
    table = result.symmetry.copy()
    table.loc[1, "passed"] = 1 - failed
    ((figure, _),) = plot_symmetry.table(table, result.cases, ["machine"])
    assert [text.get_text() for text in figure.axes[0].texts].count("FAILED: should keep") == failed


def test_an_error_lies_on_the_side_of_its_bound():
    assert plot_symmetry.place(0, 1e7) == plot_symmetry.place(plot_symmetry.LEAST, 1e7) == pytest.approx(plot_symmetry.MARGIN)
    ordered = [plot_symmetry.place(units, 1e7) for units in (1, 300, 301, 1e7)]
    assert ordered == sorted(ordered) and ordered[-1] == pytest.approx(1 - plot_symmetry.MARGIN)
    assert plot_symmetry.place(np.nan, 1e7) == ordered[-1]
    assert plot_symmetry.place(1e3, 1e7) == pytest.approx(0.5)


def test_units_are_short():
    assert [plot_symmetry.units_text(units) for units in (0, 0.26, 12.4, 999.4, 4.2e6, 9e15, np.inf)] == ["0", "0.3", "12", "999", "4e6", "9e15", "not a number"]


def test_the_report_shows_the_table(result_file, tmp_path):
    assert main(["report", str(result_file), "-o", str(tmp_path / "out")]) == 0
    for ending in ("png", "svg"):
        assert (tmp_path / "out" / f"symmetry.{ending}").stat().st_size > 5000
    text = (tmp_path / "out" / "report.txt").read_text()
    assert "keeps (1 kv head)" in text and "breaks (2 kv heads)" in text and "as expected" in text
    assert "<h2>Symmetries</h2>" in (tmp_path / "out" / "index.html").read_text()


def test_a_result_without_checks_says_nothing_of_them(result_file, tmp_path):
    with h5py.File(result_file, "r+") as file:
        del file["symmetry"]
    assert main(["report", str(result_file), "-o", str(tmp_path / "out")]) == 0
    assert not (tmp_path / "out" / "symmetry.png").exists()
    assert "ymmetr" not in (tmp_path / "out" / "report.txt").read_text()

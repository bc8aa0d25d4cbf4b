# SPDX-License-Identifier: BSD-3-Clause
"""Columns take part in comparisons by their roles: those of files without, and one that no code here knows."""

from pathlib import Path

import h5py
import pandas as pd
import pytest

from analysis import load, plot, reductions, roles, scaling
from analysis.__main__ import main

GOLDEN = Path(__file__).parent / "golden"
CASES = {5: 20, 6: 20, 7: 20}  # in schema-N.h5


@pytest.fixture
def tagged(result_file):
    """The result file, whose fourth case has another value of a column `tag`."""

    def make(role: str) -> pd.DataFrame:
        with h5py.File(result_file, "r+") as file:
            cases = file["cases"]
            names = sorted(name for name in cases if name != "row")
            for name in names:
                if name in roles.OF_SCHEMA_5:
                    cases[name].attrs["role"] = roles.OF_SCHEMA_5[name]
            cases.pop("tag", None)
            cases["tag"] = [b"b" if number == 4 else b"a" for number in cases["case"][:]]
            cases["tag"].attrs["role"] = role
        return load.load(result_file).cases

    return make


def test_a_column_of_the_method_is_a_line_of_its_own(tagged):
    cases = tagged("method")
    table = scaling.strong_scaling(cases)
    labels = [label for label, _ in plot.series_of(table[table["reduction"] == "two_phase"])]
    assert labels == ["knowledge/blas/two_phase f32, tag = a", "knowledge/blas/two_phase f32, tag = b"]


def test_roles_go_with_cases_into_panels(tagged):
    table = scaling.strong_scaling(tagged("method"))
    (panel,) = plot.panels_of(table[table["study"] == "strong"], [*scaling.problem(table), "precision"], scaling.series(table), "model")
    assert len(plot.series_of(panel)) == 3, "packed, and two_phase with either tag"


def test_a_column_of_the_exchange_is_a_series_of_its_contest(tagged):
    cases = tagged("exchange")
    both = cases[cases["case"].isin([2, 4])].assign(reduction="packed", reduction_asked="packed")
    larger = [both.assign(n=n, tokens=n, case=both["case"] + 100 * n) for n in (10, 20)]
    table = roles.like(pd.concat([both, *larger]), cases)
    samples = pd.DataFrame([{"case": case, "seconds": 1.0, "exchange": 0.1} for case in table["case"] for _ in range(6)])
    (contest,) = reductions.contests(reductions.exchange(table, samples))
    assert set(contest["label"]) == {"packed, tag a", "packed, tag b"}


def test_a_column_of_the_problem_has_bases_of_its_own(tagged):
    assert 4 in set(scaling.strong_scaling(tagged("method"))["case"])
    assert 4 not in set(scaling.strong_scaling(tagged("problem"))["case"]), "no case of one rank has its tag"


def test_a_column_without_a_role_changes_nothing(tagged):
    cases = tagged("")
    assert "tag" not in roles.columns(cases, "problem", "model", "method", "exchange", "place")
    labels = [label for label, _ in plot.series_of(scaling.strong_scaling(cases))]
    assert labels.count("knowledge/blas/two_phase f32") == 1


def test_roles_are_those_of_the_file(tagged):
    assert roles.columns(tagged("place"), "place") == ["sequence", "threads", "ranks", "tag"]
    assert "tag" not in roles.columns(tagged("of another kind"), "problem", "model", "method", "exchange", "place")


def test_labels_name_what_differs_where_they_are_alike():
    rows = pd.DataFrame({"n": [1, 2, 2], "m": [3, 3, 3], "d": [4, 4, 5]})
    assert roles.told_apart(["a", "a", "b"], rows, ["m", "n", "d"]) == ["a, n = 1", "a, n = 2", "b"]
    assert roles.told_apart(["a", "a", "a"], rows, ["n", "d"]) == ["a, n = 1", "a, n = 2, d = 4", "a, n = 2, d = 5"]


@pytest.mark.parametrize("schema", CASES)
def test_files_of_every_schema_are_read(schema, tmp_path):
    """From 5 on: a report, with pictures, from the file as the program of then wrote it."""
    result = load.load(GOLDEN / f"schema-{schema}.h5")
    assert len(result.cases) == CASES[schema]
    assert main(["report", str(GOLDEN / f"schema-{schema}.h5"), "-o", str(tmp_path)]) == 0
    assert {"strong.png", "growth.png", "symmetry.png", "report.txt"} <= {path.name for path in tmp_path.iterdir()}
    assert len(reductions.traffic(result.cases)) == 2


def test_the_program_gives_the_columns_of_schema_5_the_roles_that_they_had():
    written = load.load(GOLDEN / "schema-7.h5").cases.attrs[roles.ROLES]
    assert {name: role for name, role in written.items() if name in roles.OF_SCHEMA_5} == roles.OF_SCHEMA_5
    assert written["tag"] == "problem"


def test_files_without_roles_have_those_of_schema_5():
    cases = load.load(GOLDEN / "schema-5.h5").cases
    assert cases.attrs[roles.ROLES] == {}
    assert set(roles.columns(cases, "place")) == {"sequence", "threads", "ranks"}

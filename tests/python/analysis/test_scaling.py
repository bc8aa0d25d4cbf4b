# SPDX-License-Identifier: BSD-3-Clause
"""Numbers worked out by hand."""

import numpy as np
import pandas as pd
import pytest

from analysis import plot, scaling


def test_the_interval_takes_the_ranks_of_the_binomial_table():
    assert scaling.median_interval(np.arange(10, 0, -1)) == (5.5, 2, 9)
    assert scaling.median_interval(np.arange(1, 101)) == (50.5, 40, 61)


def test_too_few_samples_give_the_extremes():
    assert scaling.median_interval(np.array([3.0, 1.0, 2.0])) == (2, 1, 3)


def test_speed_up_is_over_the_best_one_rank_time(cases):
    table = scaling.strong_scaling(cases).set_index("case")
    assert table.loc[1, "base_seconds"] == 0.8
    assert table.loc[1, "base_label"] == "knowledge/blas/two_phase f32"
    assert table.loc[2, "speedup"] == pytest.approx(1.6)
    assert table.loc[2, "speedup_low"] == pytest.approx(0.8 / 0.6)
    assert table.loc[2, "speedup_high"] == pytest.approx(2.0)
    assert table.loc[4, "efficiency"] == pytest.approx(1.0)


def test_an_invalid_case_takes_no_part(cases):
    assert 11 not in set(scaling.strong_scaling(cases)["case"])


def test_weak_efficiency_compares_equal_shares(cases):
    table = scaling.weak_scaling(cases).set_index("case")
    assert list(table.index) == [5, 6]
    assert table.loc[6, "efficiency"] == pytest.approx(0.8)


def test_growth_wants_both_models_and_several_sizes(cases):
    table = scaling.growth(cases)
    assert set(table["study"]) == {"growth"}
    assert list(scaling.lstm_ratio(table)["ratio"]) == pytest.approx([4.0, 4.0])
    assert scaling.growth(cases[cases["model"] == "knowledge"]).empty


def test_slope_is_the_exponent():
    assert scaling.slope(np.array([1, 2, 4]), np.array([3, 12, 48])) == pytest.approx(2)


def test_series_tell_models_masks_and_sharded_tokens_apart(cases):
    row = cases.iloc[0]
    assert scaling.series_label(row) == "knowledge/blas/packed f32"
    changed = {"model": "joint", "causal": "yes", "sequence": "sharded"}
    assert scaling.series_label(pd.Series(row.to_dict() | changed)) == "joint causal/blas/packed tokens sharded f32"
    linear = {"model": "linear", "kernel": "-", "reduction": "-", "placement": "-", "overlap": "-"}
    assert scaling.series_label(pd.Series(row.to_dict() | linear)) == "linear f32"


def test_problems_tell_lengths_and_no_knowledge_apart(cases):
    row = cases.iloc[0].to_dict() | {"batch": 3, "tokens": 1200}
    assert scaling.problem_label(pd.Series(row)) == "strong: gaussian, n = 6, d = 8, batch 3, 2 heads"
    row |= {"lengths": "random", "knowledge": "-"}
    assert scaling.problem_label(pd.Series(row)) == "strong: no knowledge, n = 6, d = 8, batch 3 of random lengths (1,200 tokens), 2 heads"


@pytest.mark.parametrize("column, value", [("model", "joint"), ("causal", "yes"), ("lengths", "random"), ("tokens", 7)])
def test_a_base_does_the_same_work(cases, column, value):
    cases.loc[cases["case"] == 3, column] = value  # the fastest of one rank
    table = scaling.strong_scaling(cases).set_index("case")
    assert table.loc[2, "base_seconds"] == 1.0


def test_a_base_may_have_its_tokens_elsewhere(cases):
    cases.loc[cases["case"] == 3, "sequence"] = "sharded"
    assert scaling.strong_scaling(cases).set_index("case").loc[2, "base_seconds"] == 0.8


def test_without_knowledge_there_is_strong_scaling_alone(cases):
    cases.loc[cases["study"].isin(["strong", "weak"]), ["model", "knowledge", "m"]] = ["self", "-", 0]
    assert 2 in set(scaling.strong_scaling(cases)["case"])
    assert scaling.weak_scaling(cases).empty


def with_linear(cases: pd.DataFrame) -> pd.DataFrame:
    """The growing problem has a model without kernel as well, ten times as fast."""
    linear = cases[(cases["study"] == "growth") & (cases["model"] == "knowledge")]
    linear = linear.assign(model="linear", kernel="-", reduction="-", seconds_median=linear["seconds_median"] / 10, case=linear["case"] + 100)
    return pd.concat([cases, linear], ignore_index=True)


def test_a_model_without_kernel_is_no_lstm(cases):
    table = scaling.lstm_ratio(scaling.growth(with_linear(cases)))
    ratios = {label: list(mine["ratio"]) for label, mine in table.groupby("label")}
    assert ratios == {"knowledge": pytest.approx([4, 4]), "linear": pytest.approx([40, 40])}
    without = with_linear(cases)
    assert scaling.growth(without[without["model"] != "lstm"]).empty


def test_ratios_compare_the_same_problem_alone(cases):
    other = cases[cases["study"] == "growth"].assign(n=600, tokens=600)
    other.loc[other["model"] == "lstm", "seconds_median"] *= 100
    table = scaling.lstm_ratio(scaling.growth(pd.concat([cases, other], ignore_index=True)))
    assert {n: list(mine["ratio"]) for n, mine in table.groupby("n")} == {6: pytest.approx([4, 4]), 600: pytest.approx([400, 400])}


def test_a_crowded_problem_gets_a_panel_for_each_model(cases):
    few = cases[cases["study"] == "strong"]
    assert len(plot.panels_of(few, ["study", "m"], scaling.series(few), "model")) == 1
    many = pd.concat([few.assign(model=model, threads=threads) for model in ("knowledge", "joint") for threads in (1, 2, 3)])
    assert [set(mine["model"]) for mine in plot.panels_of(many, ["study", "m"], scaling.series(few), "model")] == [{"knowledge"}, {"joint"}]


def test_styles_of_many_lines_differ():
    looks = {(plot.style(number)["color"], plot.style(number)["marker"]) for number in range(49)}
    assert len(looks) == 49

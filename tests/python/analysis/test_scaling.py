# SPDX-License-Identifier: BSD-3-Clause
"""Numbers worked out by hand."""

import numpy as np
import pytest

from analysis import scaling


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

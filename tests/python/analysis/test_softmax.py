# SPDX-License-Identifier: BSD-3-Clause
"""Bounds of a softmax whose scores are off, held against scores that are off by so much."""

import numpy as np
import pytest

from analysis import softmax
from analysis.rounding import FORMATS, Computed, exact

N, M, WIDTH = 12, 40, 6
NUMBERS = FORMATS["f64"]


def problem(off: float, spread: float, seed: int) -> softmax.Softmax:
    """Scores of the first column, spread over that range, each of which may be off by `off`."""
    random = np.random.default_rng(seed)
    q, k = np.zeros((N, 2)), np.zeros((M, 2))
    q[:, 0], k[:, 0] = 1 + random.random(N), spread * random.random(M)
    k[:, 1] = off / NUMBERS.unit  # times an error of 1
    asked = Computed(q, np.outer(np.ones(N), [0, 1]), np.abs(q), NUMBERS)
    return softmax.Softmax(asked, exact(k, NUMBERS), exact(random.standard_normal((M, WIDTH)), NUMBERS), 1.0, 0)


def outputs(s: softmax.Softmax, off: np.ndarray) -> np.ndarray:
    scores = s.q.value @ s.k.value.T + off
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    return weights @ s.v.value / weights.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("spread", [0.0, 1.0, 30.0, 1e4])
@pytest.mark.parametrize("off", [1e-9, 1e-3, 0.3, 2.0, 30.0, 1e3, 1e6])
def test_no_rounding_of_scores_leaves_the_bound(off, spread, monkeypatch):
    monkeypatch.setattr(softmax, "BLOCK", 7)
    random = np.random.default_rng(3)
    s = problem(off, spread, 1)
    found = softmax.attention(s, 8)
    for _ in range(20):
        for moved in (random.uniform(-off, off, (N, M)), off * random.choice([-1, 1], (N, M)), off * np.sign(s.v.value[:, 0]) * np.ones((N, 1))):
            assert (np.abs(outputs(s, moved) - found.value) <= found.allowed).all()


def row_of(scores: np.ndarray, values: np.ndarray, off: float) -> softmax.Softmax:
    """One row of these scores, each of which may be off by so much."""
    k = np.column_stack([scores, np.full(len(scores), off / NUMBERS.unit)])
    asked = Computed(np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]]), np.array([[1.0, 0.0]]), NUMBERS)
    return softmax.Softmax(asked, exact(k, NUMBERS), exact(values[:, None], NUMBERS), 1.0, 0)


@pytest.mark.parametrize("leader, other", [(0.0, 1.0), (1.0, 0.0)])
def test_many_keys_behind_the_leading_one_count_together(leader, other):
    behind = np.arange(2001) > 0
    s = row_of(np.where(behind, -9.7, 0.0), np.where(behind, other, leader), 1.0)
    found, moved = softmax.attention(s, 8), np.where(behind, 1.0, -1.0)
    assert (np.abs(outputs(s, moved) - found.value) <= found.allowed).all()
    assert np.abs(outputs(s, moved) - leader).item() > 0.4


def test_a_light_key_that_gains_while_all_others_lose_is_within_the_bound():
    light = np.arange(1000) == 0
    s = row_of(np.where(light, np.log(1e-3 * 999), 0.0), np.where(light, 1.0, -1e-3), 1.0)
    found, moved = softmax.attention(s, 8), np.where(light, 1.0, -1.0)
    assert (np.abs(outputs(s, moved) - found.value) <= found.allowed).all()


@pytest.mark.parametrize("off, spread", [(1e-9, 1.0), (1e-3, 30.0), (2.0, 1e4), (30.0, 1e6), (1e3, 1e7)])
def test_bounds_are_no_wider_than_they_need_be(off, spread):
    """A tenth of the rows at most is left with a bound of the size of values: those of two near scores."""
    found = softmax.attention(problem(off, spread, 2), 8)
    assert (found.allowed < 0.2).all(axis=1).mean() >= 0.9


def test_what_all_keys_may_lead_says_nothing():
    found = softmax.attention(problem(1e3, 1.0, 3), 8)
    values = problem(1e3, 1.0, 3).v.value
    assert (found.allowed >= found.size).all()
    assert (found.allowed <= 1.001 * np.ptp(values, axis=0) / 2).all()  # but the hull holds


def test_blocks_make_no_difference(monkeypatch):
    for off in (1e-6, 3.0):
        whole = softmax.attention(problem(off, 1e3, 4), 8)
        with monkeypatch.context() as patch:
            patch.setattr(softmax, "BLOCK", 3)
            parts = softmax.attention(problem(off, 1e3, 4), 8)
        for name in ("value", "error", "size"):
            np.testing.assert_allclose(getattr(parts, name), getattr(whole, name), rtol=1e-9, atol=1e-9)

# SPDX-License-Identifier: BSD-3-Clause
"""softmax(b q k^T) v with bounds, in blocks of keys.

Where the score s_k may be off by e_k, an output is a mean of the values with weights exp(s_k + r_k), |r_k| <= e_k. With
w_k = exp(s_k - max s) two intervals follow for each component, whatever the r_k are:

- near y = sum_k w_k v_k / sum_k w_k: the mean of (v_k - y) under w is 0, so that the output is off by at most
  sum_k w_k (exp(e_k) - 1) |v_k - y| / sum_k w_k exp(-e_k), which is about sum_k w_k e_k |v_k - y| for small e_k. It
  grows with e^e: from errors of about 1 it says nothing;
- no key's share exceeds exp(s_k + e_k - R), R the largest s_k - e_k. Outputs lie between the least and the largest value
  of the keys that may have a share (those that lead given the rounding), but for what all others have at most: to
  roundoff at the leading value where one score is clear, anywhere between tied ones, however large scores are.

Where e_k is not small the output is held against what both allow.

What underflows: a weight below the smallest one that kernels tell from less may count as that one, or as none, and so may
all of a block of keys whose scores are that far below those of another block: 2 weight sum_k |v_k|, the largest weight
being 1; and each of the m products may lose the least number.
"""

from dataclasses import dataclass

import numpy as np

from .rounding import Computed

BLOCK = 2048  # keys at a time, so that memory stays bounded
COARSE = 2.0**-10  # of the first interval, over the values: the second is worth its time from here
LEADING = 2.0**-10  # share from which a key is among those that lead
MOST_EXPONENT = 700.0  # that exp() stands


@dataclass
class Softmax:
    """q n x d, k m x d, v m x d'. Of the first `causal` keys, token i sees none after the i-th."""

    q: Computed
    k: Computed
    v: Computed
    scale: float
    causal: int

    @property
    def blocks(self) -> list[slice]:
        return [slice(begin, begin + BLOCK) for begin in range(0, len(self.k.value), BLOCK)]

    def scores(self, block: slice, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Those rows' scores of the block's keys, and how far rounding may have moved them."""
        found, numbers = self.q[rows] @ self.k[block].T, self.q.format
        error = numbers.unit * found.error + 2 * numbers.factors * found.size
        key = block.start + np.arange(found.value.shape[1])
        hidden = (key < self.causal) & (key > rows[:, None])
        return np.where(hidden, -np.inf, self.scale * found.value), abs(self.scale) * error

    def references(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The largest score of each row, and the largest that it has whatever the rounding."""
        top = sure = np.full((len(rows), 1), -np.inf)
        for block in self.blocks:
            score, error = self.scores(block, rows)
            top = np.maximum(top, score.max(axis=1, keepdims=True))
            sure = np.maximum(sure, (score - error).max(axis=1, keepdims=True))
        return top, sure


@dataclass
class Mean:
    """Weighted means of values, how far rounding of scores may have moved them, and the means of their magnitudes."""

    value: np.ndarray
    moved: np.ndarray
    size: np.ndarray

    def within(self, rows: np.ndarray, middle: np.ndarray, reach: np.ndarray) -> None:
        """Cuts those rows' intervals down to middle +- reach. Their size is what they tell from 0, if they are no use."""
        value, moved, size = self.value[rows], self.moved[rows], self.size[rows]
        low, high = np.maximum(value - moved, middle - reach), np.minimum(value + moved, middle + reach)
        self.value[rows] = (low + high) / 2
        self.moved[rows] = np.maximum(high - low, 0) / 2
        self.size[rows] = np.where(moved < size, size, np.abs(self.value[rows]))


def quotient(sums: np.ndarray, total: np.ndarray) -> np.ndarray:
    """0 / 0 is 0: no value, nothing to weigh."""
    return np.divide(sums, total, out=np.where(sums > 0, np.inf, 0.0), where=total > 0)


def near_the_mean(s: Softmax, top: np.ndarray) -> tuple[Mean, np.ndarray]:
    """The first interval, and the sum of w_k (exp(e_k) - 1) over that of w_k exp(-e_k), which decides whether it is of use."""
    rows = np.arange(len(s.q.value))
    total, least, shift = (np.zeros((len(rows), 1)) for _ in range(3))
    value, size, moved = (np.zeros((len(rows), s.v.value.shape[1])) for _ in range(3))
    for block in s.blocks:
        (score, error), v = s.scores(block, rows), s.v[block]
        weights = np.exp(score - top)
        more = np.exp(np.minimum(score + error - top, MOST_EXPONENT)) * -np.expm1(-error)
        total += weights.sum(axis=1, keepdims=True)
        least += np.exp(score - error - top).sum(axis=1, keepdims=True)
        shift += more.sum(axis=1, keepdims=True)
        value += weights @ v.value
        size += weights @ np.abs(v.value)
        moved += more @ np.abs(v.value) + (weights + more) @ v.allowed
    mean = Mean(value / total, quotient(moved, least), size / total)
    mean.moved += np.where(mean.value == 0, 0.0, np.abs(mean.value) * quotient(shift, least))
    return mean, quotient(shift, least)


def between_leaders(s: Softmax, rows: np.ndarray, sure: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Middle and reach of the second interval of those rows."""
    shape = (len(rows), s.v.value.shape[1])
    low, high, rest = np.full(shape, np.inf), np.full(shape, -np.inf), np.zeros(shape)
    left = np.zeros((len(rows), 1))
    for block in s.blocks:
        (score, error), v = s.scores(block, rows), s.v[block]
        share = np.exp(np.minimum(score + error - sure, 0.0))
        leads = share > LEADING
        for i in np.flatnonzero(leads.any(axis=1)):  # few keys each, as a rule: no n x m x d numbers
            low[i] = np.minimum(low[i], (v.value - v.allowed)[leads[i]].min(axis=0))
            high[i] = np.maximum(high[i], (v.value + v.allowed)[leads[i]].max(axis=0))
        share[leads] = 0.0
        left += share.sum(axis=1, keepdims=True)
        rest += share @ (np.abs(v.value) + v.allowed)
    middle = (low + high) / 2
    return middle, (high - low) / 2 + rest + left * np.abs(middle)


def attention(s: Softmax, sums: float) -> Computed:
    """softmax(b q k^T) v; `sums`: what adding up over the keys costs, in units of roundoff."""
    numbers, keys = s.q.format, len(s.k.value)
    top, sure = s.references(np.arange(len(s.q.value)))
    mean, shift = near_the_mean(s, top)
    magnitude = mean.size.copy()
    coarse = np.flatnonzero(~(shift[:, 0] < COARSE))
    if coarse.size:
        mean.within(coarse, *between_leaders(s, coarse, sure[coarse]))
        magnitude[coarse] = np.abs(mean.value[coarse]) + mean.moved[coarse]
    relative = sums + 2 * (numbers.weights + numbers.factors) / numbers.unit
    everything = np.abs(s.v.value).sum(axis=0) + keys * np.abs(mean.value)
    underflow = 2 * numbers.weight * everything + keys * numbers.least
    error = (mean.moved + underflow) / numbers.unit + relative * magnitude
    return Computed(mean.value, error, mean.size, numbers)

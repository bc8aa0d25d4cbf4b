# SPDX-License-Identifier: BSD-3-Clause
"""Recomputes kept attention in numpy f64, sharing nothing with the C++, so that nobody has to trust its own oracle."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

ROUNDOFF = {"f32": 2.0**-24, "f64": 2.0**-53, "bf16": 2.0**-24, "f16": 2.0**-24}  # of the sums
WEIGHT_ROUNDOFF = {"bf16": 2.0**-9 + 2.0**-13}  # weights may be rounded to bf16, and their exponential be as coarse
BLOCK = 4096  # keys at a time, so that memory stays bounded


@dataclass
class Check:
    case: int
    label: str
    error: float
    bound: float

    @property
    def passed(self) -> bool:
        return self.error <= self.bound


def attention(q: np.ndarray, k: np.ndarray, v: np.ndarray, scale: float) -> tuple[np.ndarray, np.ndarray, float]:
    """softmax(scale q k^T) v of one head; also sum_k w_k |v_k|, and the largest scale sum_c |q_c k_c|."""
    top = np.full(len(q), -np.inf)
    largest = 0.0
    for begin in range(0, len(k), BLOCK):
        block = k[begin : begin + BLOCK]
        top = np.maximum(top, scale * (q @ block.T).max(axis=1))
        largest = max(largest, scale * float((np.abs(q) @ np.abs(block).T).max()))
    total = np.zeros(len(q))
    out = np.zeros((len(q), v.shape[1]))
    magnitude = np.zeros_like(out)
    for begin in range(0, len(k), BLOCK):
        weights = np.exp(scale * (q @ k[begin : begin + BLOCK].T) - top[:, None])
        total += weights.sum(axis=1)
        out += weights @ v[begin : begin + BLOCK]
        magnitude += weights @ np.abs(v[begin : begin + BLOCK])
    return out / total[:, None], magnitude / total[:, None], largest


def relative_error(output: np.ndarray, expected: np.ndarray, magnitude: np.ndarray) -> float:
    """Largest componentwise error over sum_k w_k |v_k|; infinite for NaN or a wrong shape."""
    if output.shape != expected.shape or not np.isfinite(output).all():
        return np.inf
    difference = np.abs(output - expected)
    ratio = np.divide(difference, magnitude, out=np.where(difference > 0, np.inf, 0.0), where=magnitude > 0)
    return float(ratio.max())


def error_bound(case: pd.Series, head_dim: int, m: int, largest_score: float) -> float:
    """Roundoff times: scores (a dot product and exp, in numerator and denominator), sums over keys, the rest."""
    scores = 2 * largest_score * (np.sqrt(head_dim) + 4)
    sums = 4 * (np.sqrt(min(m, 512)) + np.sqrt(m / 512) + np.log2(case["ranks"]))
    return ROUNDOFF[case["precision"]] * (scores + sums + 8) + 2 * WEIGHT_ROUNDOFF.get(case["precision"], 0.0)


def check_case(case: pd.Series, kept: dict[str, np.ndarray]) -> Check:
    heads, kv_heads = int(case["heads"]), int(case["kv_heads"])
    width = int(case["d"]) // heads
    error = bound = 0.0
    for head in range(heads):
        own = slice(head * width, (head + 1) * width)
        group = head // (heads // kv_heads)
        shared = slice(group * width, (group + 1) * width)
        q, k, v = kept["queries"][:, own], kept["keys"][:, shared], kept["values"][:, shared]
        expected, magnitude, largest = attention(q, k, v, float(case["scale"]))
        error = max(error, relative_error(kept["output"][:, own], expected, magnitude))
        bound = max(bound, error_bound(case, width, len(k), largest))
    label = f"{case['model']}/{case['kernel']}/{case['reduction']} {case['precision']}, {case['ranks']} ranks"
    return Check(int(case["case"]), label, error, bound)


def check_all(cases: pd.DataFrame, kept: dict[int, dict[str, np.ndarray]]) -> list[Check]:
    """One check for each kept case of attention; a recurrence (no kernel) has no such formula."""
    chosen = cases[cases["case"].isin(kept) & (cases["kernel"] != "-")]
    return [check_case(case, kept[int(case["case"])]) for _, case in chosen.iterrows()]

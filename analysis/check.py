# SPDX-License-Identifier: BSD-3-Clause
"""Recomputes kept outputs of attention in numpy f64, sharing nothing with the C++, so that nobody has to trust its own oracle.

Every number carries a componentwise bound of its error in units of roundoff (running error analysis: Higham, Accuracy and
Stability of Numerical Algorithms, 3.3), in which a sum of n terms costs sqrt(n) (Higham and Mary, SISC 2019), not n. So
a model below is its definition and nothing else. An LSTM is left out: it is a recurrence, and no formula of this kind.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from . import scaling

ROUNDOFF = {"f32": 2.0**-24, "f64": 2.0**-53, "bf16": 2.0**-24, "f16": 2.0**-24}  # of the sums
STORED = {"bf16": 2.0**-8, "f16": 2.0**-11}  # of what is kept in 16 bits on the way
WEIGHT_ROUNDOFF = {"bf16": 2.0**-9 + 2.0**-13}  # weights may be rounded to bf16, and their exponential be as coarse
POOLED_IN_16_BITS = ("self", "joint")  # other models make theirs of f32 numbers
WEIGHED_IN_16_BITS = ("knowledge", "self", "joint", "equivariant")  # a softmax over the numbers as they are stored
BLOCK = 2048  # keys at a time, so that memory stays bounded


@dataclass
class Check:
    case: int
    label: str
    error: float
    bound: float

    @property
    def passed(self) -> bool:
        return self.error <= self.bound


@dataclass
class Computed:
    """A matrix, and how far rounding may have moved each component where it was computed, in units of roundoff."""

    value: np.ndarray
    error: np.ndarray

    def __add__(self, other: "Computed") -> "Computed":
        value = self.value + other.value
        return Computed(value, self.error + other.error + np.abs(value))

    def __matmul__(self, other: "Computed") -> "Computed":
        """The rows' scalar products; 4: scaling them, and the rounding of the result."""
        size, other_size = np.abs(self.value), np.abs(other.value)
        own = (np.sqrt(self.value.shape[1]) + 4) * size
        return Computed(self.value @ other.value, (own + self.error) @ other_size + size @ other.error)

    def __getitem__(self, index: slice | tuple) -> "Computed":
        return Computed(self.value[index], self.error[index])

    @property
    def T(self) -> "Computed":  # noqa: N802, as numpy calls it
        return Computed(self.value.T, self.error.T)


def exact(value: np.ndarray) -> Computed:
    return Computed(value, np.zeros_like(value))


def stack(parts: list[Computed], axis: int) -> Computed:
    return Computed(*(np.concatenate([getattr(part, name) for part in parts], axis) for name in ("value", "error")))


@dataclass
class Problem:
    """A kept case. `columns` of the tokens are a head's, of the knowledge a key/value head's."""

    case: pd.Series
    kept: dict[str, np.ndarray]

    @property
    def width(self) -> int:
        return int(self.case["d"]) // int(self.case["heads"])

    @property
    def group(self) -> int:
        """Heads that share a key/value head."""
        return int(self.case["heads"]) // int(self.case["kv_heads"])

    @property
    def sequences(self) -> list[slice]:
        ends = np.cumsum(self.kept["lengths"].ravel()).astype(int)
        return [slice(begin, end) for begin, end in zip([0, *ends], ends)]

    def columns(self, head: int) -> slice:
        return slice(head * self.width, (head + 1) * self.width)

    def coarse(self, roundoff: dict[str, float], models: tuple[str, ...]) -> float:
        """That of 16-bit storage on the way, in units of roundoff; 0 for models that keep nothing in 16 bits there."""
        precision = self.case["precision"]
        return roundoff.get(precision, 0.0) / ROUNDOFF[precision] if self.case["model"] in models else 0.0

    def tokens(self, head: int) -> Computed:
        return exact(self.kept["queries"][:, self.columns(head)])

    def pooled(self, head: int) -> Computed:
        """The tokens as keys and values of that head's group: the mean over its heads."""
        first = head // self.group * self.group
        heads = np.stack([self.kept["queries"][:, self.columns(h)] for h in range(first, first + self.group)])
        if self.group == 1:
            return exact(heads[0])
        mean, size = heads.mean(axis=0), np.abs(heads).mean(axis=0)
        return Computed(mean, (np.sqrt(self.group) + 2) * size + self.coarse(STORED, POOLED_IN_16_BITS) * np.abs(mean))

    def knowledge(self, head: int) -> tuple[Computed, Computed]:
        """Keys and values of that head's group."""
        shared = self.columns(head // self.group)
        return exact(self.kept["keys"][:, shared]), exact(self.kept["values"][:, shared])

    def sums(self, terms: int) -> float:
        """Units of roundoff of a sum over keys, in blocks and over ranks: products, rescaling, and the rest."""
        return 4 * (np.sqrt(min(terms, 512)) + np.sqrt(terms / 512) + np.log2(self.case["ranks"])) + 8


def scores(p: Problem, q: Computed, k: Computed, begin: int, causal: int) -> Computed:
    """b q k^T with keys begin, begin + 1, ...; of the first `causal` keys, token i sees none after the i-th."""
    found = q @ k.T
    key = begin + np.arange(len(k.value))
    hidden = (key < causal) & (key > np.arange(len(q.value))[:, None])
    scale = float(p.case["scale"])
    return Computed(np.where(hidden, -np.inf, scale * found.value), abs(scale) * found.error)


def attention(p: Problem, q: Computed, k: Computed, v: Computed, causal: int = 0) -> Computed:
    """softmax(b q k^T) v.

    To first order in the scores' errors e, the sum moves by sum_k w_k e_k |v_k| + |sum| sum_k w_k e_k, w the weights.
    """
    blocks = [slice(begin, begin + BLOCK) for begin in range(0, len(k.value), BLOCK)]
    rows = (len(q.value), 1)
    top = np.full(rows, -np.inf)
    for block in blocks:
        top = np.maximum(top, scores(p, q, k[block], block.start, causal).value.max(axis=1, keepdims=True))
    total, moved = np.zeros(rows), np.zeros(rows)
    value, error, size = (np.zeros((len(q.value), v.value.shape[1])) for _ in range(3))
    for block in blocks:
        found, mine = scores(p, q, k[block], block.start, causal), v[block]
        weights = np.exp(found.value - top)
        total += weights.sum(axis=1, keepdims=True)
        moved += (weights * found.error).sum(axis=1, keepdims=True)
        value += weights @ mine.value
        size += weights @ np.abs(mine.value)
        error += (weights * found.error) @ np.abs(mine.value) + weights @ mine.error
    value, error, size, moved = value / total, error / total, size / total, moved / total
    rest = p.sums(len(k.value)) + 2 * p.coarse(WEIGHT_ROUNDOFF, WEIGHED_IN_16_BITS)
    return Computed(value, error + np.abs(value) * moved + rest * size)


def own_attention(p: Problem, q: Computed, k: Computed, v: Computed) -> Computed:
    """Attention of each sequence over itself."""
    causal = [s.stop - s.start if p.case["causal"] == "yes" else 0 for s in p.sequences]
    return stack([attention(p, q[s], k[s], v[s], seen) for s, seen in zip(p.sequences, causal)], axis=0)


def mean_product(p: Problem, k: Computed, v: Computed, weight: np.ndarray) -> Computed:
    """1/m sum_k weight_k k v^T, weights positive."""
    weighted, size = weight[:, None] * k.value / len(weight), weight[:, None] * np.abs(k.value) / len(weight)
    return Computed(weighted.T @ v.value, (p.sums(len(weight)) + np.sqrt(p.width)) * size.T @ np.abs(v.value))


def knowledge(p: Problem, head: int) -> Computed:
    return attention(p, p.tokens(head), *p.knowledge(head))


def self_attention(p: Problem, head: int) -> Computed:
    own = p.pooled(head)
    return own_attention(p, p.tokens(head), own, own)


def joint(p: Problem, head: int) -> Computed:
    """One softmax over a sequence's own tokens, which alone the causal mask hides, and the knowledge."""
    q, own, (k, v) = p.tokens(head), p.pooled(head), p.knowledge(head)
    parts = []
    for s in p.sequences:
        causal = s.stop - s.start if p.case["causal"] == "yes" else 0
        parts.append(attention(p, q[s], stack([own[s], k], 0), stack([own[s], v], 0), causal))
    return stack(parts, axis=0)


def moment(p: Problem, head: int) -> Computed:
    """softmax(b X A X^T) X B; A and B are the knowledge's moments, longer vectors damped."""
    (k, v), own = p.knowledge(head), p.pooled(head)
    damping = 1 / (1 + (k.value**2).sum(axis=1) / p.width)
    a, b = mean_product(p, k, k, damping), mean_product(p, k, v, np.sqrt(damping))
    return own_attention(p, p.tokens(head) @ a, own, own @ b)


def linear(p: Problem, head: int) -> Computed:
    k, v = p.knowledge(head)
    return p.tokens(head) @ mean_product(p, k, v, np.ones(len(k.value)))


def equivariant(p: Problem, head: int) -> Computed:
    return moment(p, head) + knowledge(p, head)


def by_head(model: Callable[[Problem, int], Computed]) -> Callable[[Problem], Computed]:
    return lambda p: stack([model(p, head) for head in range(int(p.case["heads"]))], axis=1)


def transformer(p: Problem) -> Computed:
    """Fixed projections; a head's attention over its sequence and over the knowledge are added, and projected."""
    x, keys, values = (exact(p.kept[name]) for name in ("queries", "keys", "values"))
    to_query, to_key, to_value, to_output = (exact(p.kept[f"{name}_weights"]) for name in ("query", "key", "value", "output"))
    q, own_k, own_v, k, v = x @ to_query, x @ to_key, x @ to_value, keys @ to_key, values @ to_value
    heads = []
    for head in range(int(p.case["heads"])):
        mine, shared = (slice(None), p.columns(head)), (slice(None), p.columns(head // p.group))
        heads.append(own_attention(p, q[mine], own_k[shared], own_v[shared]) + attention(p, q[mine], k[shared], v[shared]))
    return stack(heads, axis=1) @ to_output


MODELS = {
    "knowledge": by_head(knowledge),
    "self": by_head(self_attention),
    "joint": by_head(joint),
    "moment": by_head(moment),
    "linear": by_head(linear),
    "equivariant": by_head(equivariant),
    "transformer": transformer,
}


def compare(output: np.ndarray, expected: Computed, roundoff: float) -> tuple[float, float]:
    """Error and bound of the component whose error is largest against its bound, both over the largest component.

    numpy's own rounding counts too.
    """
    difference, allowed = np.abs(output - expected.value), (roundoff + ROUNDOFF["f64"]) * expected.error
    ratio = np.divide(difference, allowed, out=np.where(difference > 0, np.inf, 0.0), where=allowed > 0)
    worst, largest = ratio.argmax(), np.abs(expected.value).max() or 1.0
    return float(difference.flat[worst] / largest), float(allowed.flat[worst] / largest)


def defect(kept: dict[str, np.ndarray]) -> str:
    """Why there is nothing to compare; empty where there is."""
    if int(kept["lengths"].sum()) != len(kept["queries"]):
        return "lengths do not add up"
    if kept["output"].shape != kept["queries"].shape:
        return "output of a wrong shape"
    unfit = [name for name, values in kept.items() if not np.isfinite(values).all()]
    return f"not finite: {', '.join(unfit)}" if unfit else ""


def check_case(case: pd.Series, kept: dict[str, np.ndarray]) -> Check:
    used = [scaling.model_label(case), *(case[name] for name in ("kernel", "reduction") if case[name] != "-")]
    label = f"{'/'.join(used)} {case['precision']}, {case['ranks']} ranks"
    if found := defect(kept):
        return Check(int(case["case"]), f"{label}: {found}", np.inf, 0.0)
    expected = MODELS[case["model"]](Problem(case, kept))
    return Check(int(case["case"]), label, *compare(kept["output"], expected, ROUNDOFF[case["precision"]]))


def check_all(cases: pd.DataFrame, kept: dict[int, dict[str, np.ndarray]]) -> list[Check]:
    """One check for each kept case of a model of attention."""
    chosen = cases[cases["case"].isin(kept) & cases["model"].isin(MODELS)]
    return [check_case(case, kept[int(case["case"])]) for _, case in chosen.iterrows()]


def left_out(cases: pd.DataFrame, kept: dict[int, dict[str, np.ndarray]]) -> pd.DataFrame:
    """The kept cases that are not checked."""
    return cases[cases["case"].isin(kept) & ~cases["model"].isin(MODELS)]

# SPDX-License-Identifier: BSD-3-Clause
"""Recomputes kept outputs of attention in numpy f64, sharing nothing with the C++, so that nobody has to trust its own oracle.

Every number carries a bound of its error (rounding.py, softmax.py), so that a model below is its definition and nothing
else. An LSTM is left out: it is a recurrence, and no formula of this kind.

An output fails outside of its bound. Inside it nothing is known where the bound is as large as what was added up for the
output: a row of which that holds in every component cannot be told, and neither can a case of which most rows are such.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from . import scaling
from .rounding import FORMATS, Computed, Format, exact, format_of, stack
from .softmax import Softmax
from .softmax import attention as softmax_attention


@dataclass
class Check:
    case: int
    label: str
    error: float  # of the component nearest to its bound, or farthest beyond; both over the largest component
    bound: float
    rows: int
    told: int  # rows of which the bound says something

    @property
    def failed(self) -> bool:
        return not self.error <= self.bound

    @property
    def untold(self) -> bool:
        return not self.failed and 2 * self.told < self.rows

    @property
    def passed(self) -> bool:
        return not self.failed and not self.untold

    @property
    def verdict(self) -> str:
        if self.failed:
            return "FAILED"
        rows = f"{self.rows - self.told} of {self.rows} rows cannot be told"
        return rows if self.untold else "ok" if self.told == self.rows else f"ok, but {rows}"


@dataclass
class Problem:
    """A kept case. `columns` of the tokens are a head's, of the knowledge a key/value head's."""

    case: pd.Series
    kept: dict[str, np.ndarray]

    @cached_property
    def format(self) -> Format:
        return format_of(self.case)

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

    def stored(self, name: str, columns: slice = slice(None)) -> Computed:
        return exact(self.kept[name][:, columns], self.format)

    def tokens(self, head: int) -> Computed:
        return self.stored("queries", self.columns(head))

    def pooled(self, head: int) -> Computed:
        """The tokens as keys and values of that head's group: the mean over its heads."""
        first = head // self.group * self.group
        heads = [self.tokens(h) for h in range(first, first + self.group)]
        if self.group == 1:
            return heads[0]
        mean, error, size = (np.mean([getattr(h, name) for h in heads], axis=0) for name in ("value", "error", "size"))
        own = (np.sqrt(self.group) + 2) * size + self.format.stored / self.format.unit * np.abs(mean)
        underflow = (self.format.least + self.format.stored_least) / self.format.unit
        return Computed(mean, error + own + underflow, size, self.format)

    def knowledge(self, head: int) -> tuple[Computed, Computed]:
        """Keys and values of that head's group."""
        shared = self.columns(head // self.group)
        return self.stored("keys", shared), self.stored("values", shared)

    def sums(self, terms: int) -> float:
        """Units of roundoff of a sum over keys, in blocks and over ranks: products, rescaling, and the rest."""
        return 4 * (np.sqrt(min(terms, 512)) + np.sqrt(terms / 512) + np.log2(self.case["ranks"])) + 8


def attention(p: Problem, q: Computed, k: Computed, v: Computed, causal: int = 0) -> Computed:
    """softmax(b q k^T) v; of the first `causal` keys, token i sees none after the i-th."""
    return softmax_attention(Softmax(q, k, v, float(p.case["scale"]), causal), p.sums(len(k.value)))


def own_attention(p: Problem, q: Computed, k: Computed, v: Computed) -> Computed:
    """Attention of each sequence over itself."""
    causal = [s.stop - s.start if p.case["causal"] == "yes" else 0 for s in p.sequences]
    return stack([attention(p, q[s], k[s], v[s], seen) for s, seen in zip(p.sequences, causal)], axis=0)


def mean_product(p: Problem, k: Computed, v: Computed, weight: np.ndarray) -> Computed:
    """1/m sum_k weight_k k v^T, weights positive."""
    weighted = weight[:, None] * k.value / len(weight)
    size, stored = np.abs(weighted).T @ np.abs(v.value), weight[:, None] * k.error / len(weight)
    error = stored.T @ np.abs(v.value) + np.abs(weighted).T @ v.error + p.format.least / p.format.unit
    return Computed(weighted.T @ v.value, error + (p.sums(len(weight)) + np.sqrt(p.width)) * size, size, p.format)


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
    x, keys, values = (p.stored(name) for name in ("queries", "keys", "values"))
    to_query, to_key, to_value, to_output = (p.stored(f"{name}_weights") for name in ("query", "key", "value", "output"))
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


def compare(output: np.ndarray, expected: Computed) -> tuple[float, float, int]:
    """Error and bound of the component whose error is largest against its bound, both over the largest component, and how
    many rows can be told. Those that cannot count only where they fail.
    """
    known = np.isfinite(expected.value) & np.isfinite(expected.allowed)
    value, allowed = np.where(known, expected.value, 0.0), np.where(known, expected.allowed, np.inf)
    told = ((allowed < expected.size) | (expected.size == 0) & known).any(axis=1)
    difference = np.abs(output - value)
    ratio = np.divide(difference, allowed, out=np.where(difference > 0, np.inf, 0.0), where=allowed > 0)
    if ratio.max() <= 1 and told.any():
        ratio[~told] = -1.0
    worst, largest = np.unravel_index(ratio.argmax(), ratio.shape), np.abs(value).max() or 1.0
    return float(difference[worst] / largest), float(allowed[worst] / largest), int(told.sum())


def shapes(case: pd.Series) -> dict[str, tuple[int, int]]:
    """Of the kept matrices."""
    tokens, m, d = (int(case[name]) for name in ("tokens", "m", "d"))
    shared = d // int(case["heads"]) * int(case["kv_heads"])
    projected = case["model"] == "transformer"
    found = {"queries": (tokens, d), "output": (tokens, d), "lengths": (int(case["batch"]), 1)}
    if case["model"] != "self":
        found |= dict.fromkeys(["keys", "values"], (m, d if projected else shared))
    if projected:
        found |= {"query_weights": (d, d), "key_weights": (d, shared), "value_weights": (d, shared), "output_weights": (d, d)}
    return found


def defect(case: pd.Series, kept: dict[str, np.ndarray]) -> str:
    """Why there is nothing to compare; empty where there is."""
    if case["precision"] not in FORMATS:
        return f"precision {case['precision']} has no bound"
    heads, kv_heads = int(case["heads"]), int(case["kv_heads"])
    if min(heads, kv_heads) < 1 or heads % kv_heads or int(case["d"]) % heads:
        return f"{heads} heads, {kv_heads} kv heads and d = {case['d']}"
    for name, shape in shapes(case).items():
        if name not in kept:
            return f"no {name} kept"
        if kept[name].shape != shape:
            return f"{name} of a wrong shape"
    if unfit := [name for name, values in kept.items() if not np.isfinite(values).all()]:
        return f"not finite: {', '.join(unfit)}"
    lengths = kept["lengths"]
    whole = (lengths >= 1).all() and (lengths == lengths.astype(int)).all()
    return "" if whole and lengths.sum() == len(kept["queries"]) else "lengths do not add up"


def check_case(case: pd.Series, kept: dict[str, np.ndarray]) -> Check:
    used = [scaling.model_label(case), *(case[name] for name in ("kernel", "reduction") if case[name] != "-")]
    label = f"{'/'.join(used)} {case['precision']}, {case['ranks']} ranks"
    if found := defect(case, kept):
        return Check(int(case["case"]), f"{label}: {found}", np.inf, 0.0, 0, 0)
    with np.errstate(over="ignore", invalid="ignore"):  # what f64 does not hold cannot be told
        error, bound, told = compare(kept["output"], MODELS[case["model"]](Problem(case, kept)))
    return Check(int(case["case"]), label, error, bound, len(kept["output"]), told)


def check_all(cases: pd.DataFrame, kept: dict[int, dict[str, np.ndarray]]) -> list[Check]:
    """One check for each kept case of a model of attention."""
    chosen = cases[cases["case"].isin(kept) & cases["model"].isin(MODELS)]
    return [check_case(case, kept[int(case["case"])]) for _, case in chosen.iterrows()]


def left_out(cases: pd.DataFrame, kept: dict[int, dict[str, np.ndarray]]) -> pd.DataFrame:
    """The kept cases that are not checked."""
    return cases[cases["case"].isin(kept) & ~cases["model"].isin(MODELS)]

# SPDX-License-Identifier: BSD-3-Clause
"""Every model against its definition, a token and a head at a time; and wrong definitions, which must be caught."""

import numpy as np
import pytest

from analysis import check, load
from analysis.__main__ import main

HEADS, WIDTH, M = 4, 5, 50
LENGTHS = [4, 1, 7]
MODELS = ["knowledge", "self", "joint", "moment", "linear", "equivariant", "transformer"]
MASKED = ["self", "joint", "moment", "equivariant", "transformer"]


class Definition:
    """Output of a case from its kept inputs, in f32 or f64. Wrong definitions override a part."""

    def __init__(self, case: dict, kept: dict[str, np.ndarray], number: type):
        self.case, self.kv_heads, self.scale = case, case["kv_heads"], number(case["scale"])
        self.kept = {name: values.astype(number) for name, values in kept.items()}
        self.lengths = kept["lengths"].ravel().astype(int)

    def columns(self, head):
        return slice(head * WIDTH, (head + 1) * WIDTH)

    def group(self, head):
        return head // (HEADS // self.kv_heads)

    def seen(self, i, n):
        return i + 1 if self.case["causal"] == "yes" else n

    def own(self, x, head):
        mine = [x[:, self.columns(h)] for h in range(HEADS) if self.group(h) == self.group(head)]
        return sum(mine) / x.dtype.type(len(mine))

    def shard(self, rows):
        return rows

    def knowledge_of(self, head):
        return [self.shard(self.kept[name])[:, self.columns(self.group(head))] for name in ("keys", "values")]

    def attend(self, q, k, v):
        scores = self.scale * (k @ q)
        weights = np.exp(scores - scores.max())
        return weights @ v / weights.sum()

    def knowledge(self, x, i, head):
        return self.attend(x[i, self.columns(head)], *self.knowledge_of(head))

    def self(self, x, i, head):
        own = self.own(x, head)[: self.seen(i, len(x))]
        return self.attend(x[i, self.columns(head)], own, own)

    def joint(self, x, i, head):
        own = self.own(x, head)[: self.seen(i, len(x))]
        k, v = self.knowledge_of(head)
        return self.attend(x[i, self.columns(head)], np.vstack([own, k]), np.vstack([own, v]))

    def damping(self, k):
        return 1 + k @ k / k.dtype.type(WIDTH)

    def moment(self, x, i, head):
        own = self.own(x, head)[: self.seen(i, len(x))]
        pairs = list(zip(*self.knowledge_of(head)))
        a = sum(np.outer(k, k) / self.damping(k) for k, _ in pairs) / x.dtype.type(len(pairs))
        b = sum(np.outer(k, v) / np.sqrt(self.damping(k)) for k, v in pairs) / x.dtype.type(len(pairs))
        return self.attend(x[i, self.columns(head)] @ a, own, own @ b)

    def linear(self, x, i, head):
        k, v = self.knowledge_of(head)
        return x[i, self.columns(head)] @ (k.T @ v / x.dtype.type(len(k)))

    def equivariant(self, x, i, head):
        return self.moment(x, i, head) + self.knowledge(x, i, head)

    def transformer(self, x, i, head):
        seen, shared = self.seen(i, len(x)), self.columns(self.group(head))
        query = (x[i] @ self.kept["query_weights"])[self.columns(head)]
        to_key, to_value = (self.kept[f"{name}_weights"][:, shared] for name in ("key", "value"))
        keys, values = (self.shard(self.kept[name]) for name in ("keys", "values"))
        return self.attend(query, x[:seen] @ to_key, x[:seen] @ to_value) + self.attend(query, keys @ to_key, values @ to_value)

    def project(self, row):
        return row @ self.kept["output_weights"] if self.case["model"] == "transformer" else row

    def output(self):
        model, rows = getattr(self, self.case["model"]), []
        for x in np.split(self.kept["queries"], np.cumsum(self.lengths)[:-1]):
            rows += [self.project(np.concatenate([model(x, i, head) for head in range(HEADS)])) for i in range(len(x))]
        return np.array(rows)


def stored(values: np.ndarray, precision: str) -> np.ndarray:
    """As that precision stores it; bf16 cuts an f32."""
    rounded = values.astype({"f64": np.float64, "f16": np.float16}.get(precision, np.float32))
    if precision == "bf16":
        rounded = (rounded.view(np.uint32) & np.uint32(0xFFFF0000)).view(np.float32)
    return rounded.astype(float)


def problem(model: str, **more) -> tuple[dict, dict[str, np.ndarray]]:
    """A case, and its inputs; keys are longer than their square root of d_h, so that some weights are large."""
    case = {"model": model, "kernel": "simd", "reduction": "packed", "causal": "no", "d": HEADS * WIDTH, "heads": HEADS, "kv_heads": 2}
    case |= {"scale": 0.45, "m": M, "n": max(LENGTHS), "batch": len(LENGTHS), "lengths": "random", "tokens": sum(LENGTHS), "precision": "f32"} | more
    if model == "self":
        case |= {"knowledge": "-", "m": 0}
    shared, d = case["kv_heads"] * WIDTH, HEADS * WIDTH
    wide = d if model == "transformer" else shared
    shapes = {"queries": (sum(LENGTHS), d), "keys": (case["m"], wide), "values": (case["m"], wide)}
    if model == "transformer":
        shapes |= {"query_weights": (d, d), "key_weights": (d, shared), "value_weights": (d, shared), "output_weights": (d, d)}
    random = np.random.default_rng(5)
    scales = {name: 1 / np.sqrt(d) if name.endswith("weights") else 1.5 for name in shapes}
    kept = {name: stored(scales[name] * random.standard_normal(shape), case["precision"]) for name, shape in shapes.items()}
    return case, kept | {"lengths": np.array(LENGTHS, float)[:, None]}


def checked(kept_file, case: dict, kept: dict, definition: type = Definition) -> check.Check:
    """The check of what that definition puts out, computed in the case's precision."""
    number = np.float64 if case["precision"] == "f64" else np.float32
    path = kept_file(case, kept | {"output": definition(case, kept, number).output().astype(float)})
    (one,) = check.check_all(load.load(path).cases, load.load_kept(path))
    return one


@pytest.fixture
def verdict_of(case_row):
    def of(case: dict, kept: dict, output: np.ndarray) -> str:
        return check.check_case(case_row(**case), kept | {"output": output}).verdict

    return of


@pytest.mark.parametrize("precision", ["f32", "f64", "bf16"])
@pytest.mark.parametrize("kv_heads", [1, 2, 4])
@pytest.mark.parametrize("model, causal", [(model, "no") for model in MODELS] + [(model, "yes") for model in MASKED])
def test_right_outputs_pass(kept_file, model, causal, kv_heads, precision):
    one = checked(kept_file, *problem(model, causal=causal, kv_heads=kv_heads, precision=precision))
    assert one.passed and one.error > 0
    assert one.bound < {"f32": 1e-3, "f64": 1e-11, "bf16": 0.1}[precision]


class AnotherGroup(Definition):
    def group(self, head):
        return head % self.kv_heads


class FirstHeadOfTheGroup(Definition):
    def own(self, x, head):
        return x[:, self.columns(self.group(head) * (HEADS // self.kv_heads))]


class SumOfTheGroup(Definition):
    def own(self, x, head):
        return super().own(x, head) * x.dtype.type(HEADS // self.kv_heads)


class NoMask(Definition):
    def seen(self, i, n):
        return n


class MaskOneTooFar(Definition):
    def seen(self, i, n):
        return min(i + 2, n)


class SequencesRunTogether(Definition):
    def __init__(self, *given):
        super().__init__(*given)
        self.lengths = np.array([sum(LENGTHS)])


class SkippedVector(Definition):
    def shard(self, rows):
        return rows[:-1]


class MaskedKnowledge(Definition):
    def joint(self, x, i, head):
        own, (k, v) = self.own(x, head)[: i + 1], self.knowledge_of(head)
        return self.attend(x[i, self.columns(head)], np.vstack([own, k[: i + 1]]), np.vstack([own, v[: i + 1]]))


class TwoSoftmaxes(Definition):
    def joint(self, x, i, head):
        return (self.self(x, i, head) + self.knowledge(x, i, head)) / x.dtype.type(2)


class NoDamping(Definition):
    def damping(self, k):
        return k.dtype.type(1)


class NoOutputProjection(Definition):
    def project(self, row):
        return row


class OtherScale(Definition):
    def __init__(self, *given):
        super().__init__(*given)
        self.scale *= type(self.scale)(1.01)


KNOWING = [model for model in MODELS if model != "self"]
WRONG = [
    *((AnotherGroup, model) for model in MODELS),
    *((wrong, model) for wrong in (FirstHeadOfTheGroup, SumOfTheGroup) for model in ("self", "joint", "moment", "equivariant")),
    *((wrong, model) for wrong in (NoMask, MaskOneTooFar, SequencesRunTogether) for model in MASKED),
    *((SkippedVector, model) for model in KNOWING),
    *((OtherScale, model) for model in MODELS if model != "linear"),
    (MaskedKnowledge, "joint"),
    (TwoSoftmaxes, "joint"),
    (NoDamping, "moment"),
    (NoDamping, "equivariant"),
    (NoOutputProjection, "transformer"),
]


@pytest.mark.parametrize("wrong, model", WRONG)
def test_wrong_definitions_are_caught(kept_file, wrong, model):
    causal = "yes" if model in MASKED else "no"
    one = checked(kept_file, *problem(model, causal=causal), wrong)
    assert one.error > 10 * one.bound


def test_an_error_in_a_small_component_counts(kept_file):
    case, kept = problem("knowledge")
    kept["values"][:, 0] *= 1e-9
    output = Definition(case, kept, np.float32).output().astype(float)
    output[0, 0] *= 1.5  # less than the others are off by rounding
    path = kept_file(case, kept | {"output": output})
    (one,) = check.check_all(load.load(path).cases, load.load_kept(path))
    assert not one.passed


FEATURES = {
    "a column of zeros": lambda x: x * (np.arange(x.shape[1]) % WIDTH > 0),
    "rectified": lambda x: np.maximum(x, 0),
    "far below the rest": lambda x: x * np.where(np.arange(x.shape[1]) % 2 > 0, 1.0, 1e-37),
}


@pytest.mark.parametrize("features", FEATURES)
@pytest.mark.parametrize("model, precision", [*((model, "f32") for model in MODELS), ("knowledge", "f64"), ("joint", "bf16")])
def test_zeros_and_what_is_near_to_them_are_no_errors(kept_file, model, features, precision):
    case, kept = problem(model, precision=precision, scale=30.0)
    kept |= {name: stored(FEATURES[features](kept[name]), precision) for name in ("queries", "keys", "values")}
    one = checked(kept_file, case, kept)
    assert one.verdict == "ok"


SMALLEST = {"f32": 2.0**-125, "bf16": 2.0**-125, "f64": 2.0**-1021}


@pytest.mark.parametrize("precision", SMALLEST)
def test_weights_below_the_smallest_are_rounding(verdict_of, precision):
    """Of keys that no output sees, beside zeros of all that are seen."""
    case, kept = problem("knowledge", precision=precision, scale=1e4)
    kept["values"][:, 0] = 0
    unseen = np.arange(M) < M // 2  # half of the keys far behind all others
    kept["queries"][:, 0] = np.abs(kept["queries"][:, 0]) + 1
    kept["keys"][unseen, 0] -= 1000
    kept["values"][unseen, 0] = 100
    right = Definition(case, kept, np.float64).output()
    assert (right[:, 0] == 0).all()
    for extra, verdict in {1: "ok", 1000: "FAILED"}.items():
        output = right.copy()
        output[:, 0] += extra * M * SMALLEST[precision] * 100
        assert verdict_of(case, kept, output) == verdict


@pytest.mark.parametrize("size", [1e-39, 1e-41])
def test_subnormal_numbers_are_told(verdict_of, size):
    case, kept = problem("knowledge", scale=0.5 / size)
    kept |= {name: stored(size * kept[name], "f32") for name in ("keys", "values")}
    right = Definition(case, kept, np.float64).output()
    assert verdict_of(case, kept, stored(right, "f32")) == "ok"
    assert verdict_of(case, kept, 1.5 * right) == "FAILED"


def test_sums_of_products_that_underflow_may_lose_a_last_bit_each(verdict_of):
    case, kept = problem("knowledge")
    kept["values"][:, 0] = 3 * 2.0**-149
    right = Definition(case, kept, np.float64).output()
    for lost, verdict in {M / 2: "ok", 4 * M: "FAILED"}.items():
        output = right.copy()
        output[:, :WIDTH:WIDTH] += lost * 2.0**-149
        assert verdict_of(case, kept, output) == verdict


def test_products_that_underflow_are_not_told(verdict_of):
    case, kept = problem("knowledge", scale=1e80)
    kept |= {name: stored(1e-40 * kept[name], "f32") for name in ("queries", "keys")}
    assert verdict_of(case, kept, np.zeros_like(kept["queries"])) == "12 of 12 rows cannot be told"


LARGE = [("f32", 1e4), ("f32", 1e30), ("bf16", 1e12), ("f64", 1e8), ("f64", 1e16), ("f64", 1e30)]
SOFTMAXES = ["knowledge", "self", "joint", "moment", "transformer"]


@pytest.mark.parametrize("model, precision, scale", [*((model, "f32", 1e8) for model in SOFTMAXES), *(("knowledge", *more) for more in LARGE)])
def test_rows_whose_leading_score_is_clear_are_its_value(verdict_of, model, precision, scale):
    case, kept = problem(model, precision=precision, scale=scale)
    right = Definition(case, kept, np.float64).output()
    assert verdict_of(case, kept, right) == "ok"
    for wrong in (0 * right, right[::-1], right * 1.2, -right):
        assert verdict_of(case, kept, wrong) == "FAILED"
    row = right.copy()
    row[3] = right[4]  # one row alone
    assert verdict_of(case, kept, row) == "FAILED"


def tied(values: list[float], scale: float = 1e12) -> tuple[dict, dict[str, np.ndarray]]:
    """Two keys alone that f32 cannot tell apart, with these values in every component."""
    case, kept = problem("knowledge", m=2, scale=scale)
    kept["keys"][1] = kept["keys"][0] * (1 + 2.0**-23)
    kept["values"] = np.array(values)[:, None] * np.ones_like(kept["values"])
    return case, kept


def test_tied_keys_may_share_as_they_like_and_no_more(verdict_of):
    case, kept = tied([1, 3])
    outputs = {1: "ok", 2: "ok", 3: "ok", 0: "FAILED", 0.999: "FAILED", 3.001: "FAILED"}
    for number, verdict in outputs.items():
        assert verdict_of(case, kept, np.full_like(kept["queries"], number)) == verdict


def test_rows_that_nothing_is_known_of_are_no_success(verdict_of, kept_file, capsys):
    case, kept = tied([-2, 3])
    assert verdict_of(case, kept, np.full_like(kept["queries"], 3.01)) == "FAILED"
    path = kept_file(case, kept | {"output": np.zeros_like(kept["queries"])})
    assert main(["check", str(path)]) == 1
    out = capsys.readouterr().out
    assert "cannot be told" in out and "INVALID" in out and 'reason="case 1 cannot be told"' in out


def test_some_rows_that_nothing_is_known_of_are_named(verdict_of, kept_file, capsys):
    case, kept = tied([-2, 3])
    kept["queries"][2:] = stored(1e-12 * kept["queries"][2:], "f32")  # scores of a few units: told apart
    output = Definition(case, kept, np.float64).output()
    assert verdict_of(case, kept, output) == "ok, but 2 of 12 rows cannot be told"
    assert main(["check", str(kept_file(case, kept | {"output": output}))]) == 0
    assert "2 of 12 rows" in capsys.readouterr().out
    kept["queries"][6:] *= 1e12
    assert verdict_of(case, kept, output) == "8 of 12 rows cannot be told"
    output[5] = -1.99
    assert verdict_of(case, kept, output) == "FAILED"


def test_what_f64_does_not_hold_is_not_told(verdict_of):
    case, kept = problem("knowledge", precision="f64")
    kept["keys"] *= 1e200
    kept["queries"] *= 1e200
    assert verdict_of(case, kept, np.zeros_like(kept["queries"])) == "12 of 12 rows cannot be told"


def test_pooled_keys_may_be_stored_in_16_bits(kept_file):
    class Stored(Definition):
        def own(self, x, head):
            return stored(super().own(x, head), "bf16").astype(np.float32)

    for model, passes in {"self": True, "joint": True, "moment": False}.items():
        assert checked(kept_file, *problem(model, precision="bf16"), Stored).passed == passes


def test_pooled_numbers_of_f16_may_be_subnormal(kept_file):
    class Stored(Definition):
        def own(self, x, head):
            return stored(super().own(x, head), "f16").astype(np.float32)

    case, kept = problem("self", precision="f16")
    kept["queries"] = stored(2e-6 * kept["queries"], "f16")
    assert checked(kept_file, case, kept, Stored).verdict == "ok"


@pytest.mark.parametrize("precision, verdict", [("bf16", "12 of 12 rows cannot be told"), ("f32", "FAILED")])
def test_products_of_bf16_alone_may_take_subnormal_numbers_for_0(verdict_of, precision, verdict):
    case, kept = problem("knowledge", precision=precision, scale=32.0)
    kept["queries"] = np.full_like(kept["queries"], 2.0**124)
    kept["keys"] = np.sign(kept["keys"]) * 2.0**-130
    flushed = Definition(case, kept | {"keys": 0 * kept["keys"]}, np.float64).output()
    assert verdict_of(case, kept, flushed) == verdict


DEFECTS = {
    "lengths do not add up": lambda kept: {"lengths": kept["lengths"][::-1] * [[1], [1], [2]]},
    "lengths of a wrong shape": lambda kept: {"lengths": kept["lengths"][:-1]},
    "keys of a wrong shape": lambda kept: {"keys": kept["keys"][:-1]},
    "output of a wrong shape": lambda kept: {"output": kept["queries"][:-1]},
    "not finite: output": lambda kept: {"output": np.full_like(kept["queries"], np.nan)},
    "not finite: keys": lambda kept: {"keys": np.full_like(kept["keys"], np.inf)},
}


@pytest.mark.parametrize("words", DEFECTS)
def test_what_cannot_be_compared_fails_and_says_why(kept_file, capsys, words):
    case, kept = problem("joint")
    kept["output"] = Definition(case, kept, np.float32).output().astype(float)
    assert main(["check", str(kept_file(case, kept | DEFECTS[words](kept)))]) == 1
    out = capsys.readouterr().out
    assert words in out and "error inf" in out


def test_a_recurrence_is_left_out_and_said_to_be(kept_file, capsys):
    case, kept = problem("knowledge")
    path = kept_file(case | {"model": "lstm", "kernel": "-", "reduction": "-"}, kept | {"output": kept["queries"]})
    assert main(["check", str(path)]) == 1
    out = capsys.readouterr().out
    assert "lstm" in out and "left out" in out and "no kept attention case" in out


def test_linear_needs_no_kernel_to_be_checked(kept_file, capsys):
    case, kept = problem("linear", kernel="-", reduction="-")
    path = kept_file(case, kept | {"output": Definition(case, kept, np.float32).output().astype(float)})
    assert main(["check", str(path)]) == 0
    assert "linear f32" in capsys.readouterr().out

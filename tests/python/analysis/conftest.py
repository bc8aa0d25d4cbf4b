# SPDX-License-Identifier: BSD-3-Clause
"""A small result file of known numbers, as knowscale writes them."""

import sys
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

CASE = {
    "study": "strong", "knowledge": "gaussian", "model": "knowledge", "causal": "-", "kernel": "blas", "reduction": "packed", "query_block": 0, "key_block": 0,
    "precision": "f32", "n": 6, "m": 300, "d": 8, "heads": 2, "kv_heads": 1, "hidden": 0, "scale": 0.5, "batch": 1,
    "sequence": "replicated", "lengths": "equal", "tokens": 6, "reused": 0,
    "ranks": 1, "threads": 1, "scaling": "strong", "launch": 1, "repetitions": 3, "seconds_median": 1.0,
    "seconds_low": 0.9, "seconds_high": 1.1, "stopped_by": "interval", "compute": 0.9, "copy": 0.0, "exchange": 0.06, "wait": 0.04,
    "placement": "natural", "overlap": "no", "query_tile": 0, "chunk": 0, "node_size": 0, "transport": "-", "exchange_hidden": 0.0,
    "exchange_predicted": 0.05, "bytes_counted": np.nan, "messages_counted": np.nan,
    "flops": 1e9, "bytes_read": 1e6, "bytes_sent": 0.0, "messages_sent": 0.0, "bound": "fma_f32",
    "fraction_of_bound": 0.5, "error": 1e-7, "error_bound": 1e-5, "valid": 1, "reason": "",
}  # fmt: skip
LSTM = {"model": "lstm", "kernel": "-", "reduction": "-", "heads": 0, "kv_heads": 0, "hidden": 8, "scale": 0.0}


def case_table() -> pd.DataFrame:
    rows = [
        {"seconds_median": 1.0},
        {"seconds_median": 0.5, "seconds_low": 0.4, "seconds_high": 0.6, "ranks": 2},
        {"seconds_median": 0.8, "reduction": "two_phase", "seconds_low": 0.75, "seconds_high": 0.85},
        {"seconds_median": 0.4, "reduction": "two_phase", "ranks": 2},
        {"study": "weak", "scaling": "weak", "m": 300, "seconds_median": 1.0},
        {"study": "weak", "scaling": "weak", "m": 600, "seconds_median": 1.25, "ranks": 2},
        *({"study": "growth", "m": m, "seconds_median": 1e-3 * m} for m in (100, 400)),
        *({"study": "growth", "m": m, "seconds_median": 4e-3 * m, **LSTM} for m in (100, 400)),
        {"seconds_median": 0.001, "ranks": 2, "reduction": "reduce_scatter", "valid": 0, "reason": "error 1 exceeds"},
    ]
    table = pd.DataFrame([{"case": i + 1, **CASE, **row} for i, row in enumerate(rows)])
    return table.assign(reduction_asked=table["reduction"])


def symmetry_table() -> pd.DataFrame:
    """Case 1 is attention, with one and with two key/value heads; case 9 an LSTM."""
    check = {"roundoff": 2.0**-24, "n": 6, "m": 40, "d": 12, "heads": 2, "kv_heads": 1, "batch": 1, "passed": 1}
    rows = [
        {"case": 1, "symmetry": "O(d)", "expected": "keeps", "error": 3, "bound": 400},
        {"case": 2, "symmetry": "O(d)", "expected": "keeps", "error": 8, "bound": 800},
        {"case": 3, "symmetry": "O(d)", "expected": "keeps", "error": 4, "bound": 200},
        {"case": 1, "symmetry": "O(d)", "expected": "breaks", "error": 3e6, "bound": 400, "kv_heads": 2},
        {"case": 2, "symmetry": "O(d)", "expected": "breaks", "error": 9e6, "bound": 300, "kv_heads": 2},
        {"case": 3, "symmetry": "O(d)", "expected": "breaks", "error": 6e6, "bound": 900, "kv_heads": 2},
        {"case": 1, "symmetry": "ranks", "expected": "keeps", "error": 0, "bound": 100},
        {"case": 9, "symmetry": "O(d)", "expected": "breaks", "error": 5e6, "bound": 500, "heads": 0, "kv_heads": 0},
    ]  # errors in units of roundoff
    table = pd.DataFrame([{**check, **row} for row in rows])
    return table.assign(error=table["error"] * table["roundoff"], bound=table["bound"] * table["roundoff"])


def attended_table() -> pd.DataFrame:
    """Two sentences of case 2, the second without words and labels, in two heads."""
    rows = []
    for token, (word, label) in enumerate([("the", "article.n.00000001"), ("dog", "dog.n.02084071")]):
        rows.append({"sequence": 0, "token": token, "word": word, "head": 0, "place": 2, "vector": 7, "weight": 0.125, "label": "entity"})
        rows.append({"sequence": 0, "token": token, "word": word, "head": 0, "place": 1, "vector": token, "weight": 0.5, "label": label})
    rows += [{"sequence": 1, "token": 0, "word": "", "head": head, "place": 1, "vector": 5 + head, "weight": 0.25, "label": ""} for head in range(2)]
    return pd.DataFrame([{"case": 2, **row} for row in rows])


def attention(q, k, v, scale, heads, kv_heads):
    """The definition, all scores at once."""
    width = q.shape[1] // heads
    out = np.empty_like(q)
    for head in range(heads):
        own, group = slice(head * width, (head + 1) * width), head * kv_heads // heads
        shared = slice(group * width, (group + 1) * width)
        scores = scale * q[:, own] @ k[:, shared].T
        weights = np.exp(scores - scores.max(axis=1, keepdims=True))
        out[:, own] = weights @ v[:, shared] / weights.sum(axis=1, keepdims=True)
    return out


def write_table(file: h5py.File, name: str, table: pd.DataFrame) -> None:
    group = file.create_group(name)
    group["row"] = np.arange(len(table))
    for column in table:
        values = table[column]
        text = values.dtype == object
        group[column] = np.array([v if isinstance(v, bytes) else v.encode() for v in values]) if text else values.to_numpy()


@pytest.fixture
def cases() -> pd.DataFrame:
    """As `load` gives them, of one machine."""
    return case_table().assign(machine="")


@pytest.fixture
def put_table():
    """Replaces a table of a result file, or changes it by a function of the old one."""

    def put(path: Path, name: str, change) -> None:
        with h5py.File(path, "r+") as file:
            old = pd.DataFrame({column: file[name][column][:] for column in file[name] if column != "row"}) if name in file else None
            if name in file:
                del file[name]
            write_table(file, name, change(old) if callable(change) else change)

    return put


@pytest.fixture
def case_row():
    """Makes a row of the case table."""
    return lambda **more: pd.Series({"case": 1, **CASE, **more})


@pytest.fixture
def kept_file(tmp_path):
    """Writes a result file of one case with kept inputs and outputs."""

    def write(case: dict, kept: dict[str, np.ndarray]) -> Path:
        path = tmp_path / "kept.h5"
        with h5py.File(path, "w") as file:
            file.attrs["schema_version"] = 6
            file.attrs["campaign"] = "kept"
            write_table(file, "cases", pd.DataFrame([{"case": 1, **CASE, "reduction_asked": CASE["reduction"], **case}]))
            for name, values in kept.items():
                file[f"io/1/{name}"] = values
        return path

    return write


@pytest.fixture
def result_file(tmp_path) -> Path:
    path = tmp_path / "result.h5"
    table = case_table()
    random = np.random.default_rng(7)
    samples = pd.DataFrame(
        [{"case": c, "launch": 1, "repetition": i, "seconds": s * (1 + 0.01 * i)} for c, s in zip(table["case"], table["seconds_median"]) for i in range(3)]
    )
    with h5py.File(path, "w") as file:
        file.attrs["schema_version"] = 6
        file.attrs["campaign"] = "golden"
        write_table(file, "cases", table)
        write_table(file, "samples", samples)
        write_table(file, "symmetry", symmetry_table())
        write_table(file, "attended", attended_table())
        write_table(file, "meta", pd.DataFrame({"launch": [1], "name": ["cpu"], "value": ["Some CPU"]}))
        for case in (1, 2):
            q = random.standard_normal((6, 8)).astype(np.float32).astype(float)
            k, v = (random.standard_normal((300, 4)).astype(np.float32).astype(float) for _ in range(2))
            out = attention(q, k, v, 0.5, 2, 1).astype(np.float32)
            for name, values in {"queries": q, "keys": k, "values": v, "lengths": np.array([[6.0]]), "output": out.astype(float)}.items():
                file[f"io/{case}/{name}"] = values
    return path

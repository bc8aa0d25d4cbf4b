# SPDX-License-Identifier: BSD-3-Clause
"""Crossovers, intervals and ratios worked out by hand, on frames as small as they can be."""

import h5py
import numpy as np
import pandas as pd
import pytest

from analysis import load, plot_exchange, reductions
from analysis.__main__ import main

CASE = {
    "machine": "", "study": "size", "knowledge": "gaussian", "model": "knowledge", "causal": "-", "kernel": "simd", "precision": "f32",
    "sequence": "replicated", "lengths": "equal", "reused": 0, "m": 64, "d": 64,
    "heads": 1, "kv_heads": 1, "hidden": 0, "batch": 1, "scale": 0.125, "scaling": "strong", "threads": 1, "query_block": 0, "key_block": 0,
    "ranks": 2, "placement": "natural", "overlap": "no", "query_tile": 0, "chunk": 0, "node_size": 0, "transport": "-", "copy": 0.0, "n": 1, "launch": 1,
    "repetitions": 9, "seconds_median": 1.0, "seconds_low": 0.9, "seconds_high": 1.1, "stopped_by": "interval", "compute": 0.8,
    "exchange": 0.2, "wait": 0.0, "exchange_predicted": 1e-5, "flops": 1e9, "bytes_read": 1e6, "bytes_sent": 264.0, "messages_sent": 1.0,
    "bytes_counted": np.nan, "messages_counted": np.nan, "bound": "fma_f32", "fraction_of_bound": 0.5, "error": 1e-7,
    "error_bound": 1e-5, "valid": 1, "reason": "",
}  # fmt: skip
ROW = 264  # bytes of the state of a query
SIZES = [1, 4, 16]


def frame(*rows: dict) -> pd.DataFrame:
    table = pd.DataFrame([{"case": number + 1, **CASE, **row} for number, row in enumerate(rows)])
    tokens = table["n"] * table["batch"]
    table = table.assign(tokens=table.get("tokens", tokens).fillna(tokens))
    return table.assign(reduction_asked=table.get("reduction_asked", table["reduction"]).fillna(table["reduction"]))


def samples_of(medians: list[float], width: float = 0.01, count: int = 9) -> pd.DataFrame:
    """Samples of each case about its median, from 1 - width to 1 + width of it."""
    spread = 1 + width * np.linspace(-1, 1, count)
    rows = [{"case": case + 1, "seconds": 1.0, "exchange": median * one} for case, median in enumerate(medians) for one in spread]
    return pd.DataFrame(rows)


def race(times: dict[str, list[float]], width: float = 0.01, count: int = 9, **more) -> pd.DataFrame:
    """The only contest of reductions whose exchange took these times (s) at 1, 4 and 16 queries."""
    rows = [{"reduction": name, "n": n, **more} for name, mine in times.items() for n in SIZES[: len(mine)]]
    table = reductions.exchange(frame(*rows), samples_of([one for mine in times.values() for one in mine], width, count))
    (contest,) = reductions.contests(table)
    return contest


def test_the_state_has_two_numbers_a_head_more_than_the_output():
    row = {"reduction": "packed", "n": 3, "batch": 5, "d": 64, "heads": 4}
    sizes = reductions.state_bytes(frame(row, row | {"precision": "f64"}, row | {"precision": "bf16"}))
    assert list(sizes) == [5 * 3 * 4 * (16 + 2) * w for w in (4, 8, 4)]


def test_the_state_counts_the_tokens_there_are():
    sizes = reductions.state_bytes(frame({"reduction": "packed", "n": 3, "batch": 5, "lengths": "random", "tokens": 11}))
    assert list(sizes) == [11 * ROW]


@pytest.mark.parametrize("what", [{"model": "joint"}, {"causal": "yes"}, {"sequence": "sharded"}, {"lengths": "random"}])
def test_what_does_other_work_is_another_contest(what):
    rows = [{"reduction": "packed"}, {"reduction": "tree"} | what]
    table = frame(*[row | {"n": n} for row in rows for n in SIZES])
    assert len(reductions.contests(reductions.exchange(table, samples_of([1.0] * len(table))))) == 2


def test_the_interval_is_that_of_the_samples_exchange():
    row = race({"packed": [1.0, 2.0, 3.0]}, width=0.1).iloc[2]
    assert (row["state"], row["exchange"], row["measured"]) == (16 * ROW, pytest.approx(3.0), 9)
    assert row["exchange_low"] == pytest.approx(3 * 0.925)  # the second of nine, and the last but one
    assert row["exchange_high"] == pytest.approx(3 * 1.075)


def test_lines_that_cross_in_logarithms_cross_where_they_meet():
    changes = reductions.crossovers(race({"packed": [1.0, 2.0, 16.0], "tree": [4.0, 4.0, 4.0]}))
    (change,) = changes.to_dict("records")
    assert (change["before"], change["after"], change["decided"]) == ("packed", "tree", True)
    assert (change["below"], change["above"]) == (4 * ROW, 16 * ROW)
    # 2 (n / 4)^1.5 = 4
    assert change["state"] == pytest.approx(4 * 2 ** (1 / 1.5) * ROW)


def test_every_change_is_found():
    changes = reductions.crossovers(race({"packed": [1.0, 4.0, 4.0], "tree": [4.0, 1.0, 4.0], "two_phase": [9.0, 9.0, 1.0]}))
    assert list(changes["before"] + ">" + changes["after"]) == ["packed>tree", "tree>two_phase"]
    assert changes["state"].iloc[0] == pytest.approx(2 * ROW)


def test_the_same_winner_everywhere_has_no_crossover():
    contest = race({"packed": [1.0, 2.0, 3.0], "tree": [2.0, 3.0, 4.0]})
    assert reductions.crossovers(contest).empty
    assert list(reductions.fastest(contest)["label"]) == ["packed"] * 3
    assert reductions.fastest(contest)["clear"].all()


TIED = {  # exchange with packed at 1, 4, 16 queries, where tree takes 2, 2, 2; and between which sizes they change places
    "at the smaller size": ([1.0, 1.999, 4.0], (1, 16)),
    "at the larger size": ([1.0, 2.001, 4.0], (1, 16)),
    "at the larger size, the last": ([1.0, 1.0, 2.001], (4, 16)),
    "at both": ([1.999, 1.999, 2.001], (1, 16)),
}


@pytest.mark.parametrize("where", TIED)
def test_a_change_is_undecided_where_intervals_meet(where):
    packed, (below, above) = TIED[where]
    (change,) = reductions.crossovers(race({"packed": packed, "tree": [2.0, 2.0, 2.0]})).to_dict("records")
    assert (change["before"], change["after"], change["decided"]) == ("packed", "tree", False)
    assert np.isnan(change["state"])
    assert (change["below"], change["above"]) == (below * ROW, above * ROW)


def test_a_tie_elsewhere_leaves_a_change_decided():
    contest = race({"packed": [1.999, 1.0, 4.0], "tree": [2.0, 2.0, 2.0]})
    assert list(reductions.crossovers(contest)["state"]) == pytest.approx([8 * ROW])
    assert list(reductions.fastest(contest)["clear"]) == [False, True, True]


def test_too_few_samples_decide_nothing():
    times = {"packed": [1.0, 1.0, 8.0], "tree": [4.0, 4.0, 4.0]}
    assert not reductions.crossovers(race(times, count=5))["decided"].any()
    assert reductions.crossovers(race(times, count=6))["decided"].all()
    assert not reductions.fastest(race(times, count=5))["clear"].any()


def test_a_series_without_one_of_the_sizes_is_not_compared():
    assert reductions.crossovers(race({"packed": [1.0, 1.0, 1.0], "tree": [0.5, 0.5]})).empty


def test_results_that_lie_elsewhere_are_not_compared():
    rows = [{"reduction": "packed"}, {"reduction": "ring"}, {"reduction": "packed", "placement": "sharded"}, {"reduction": "all_to_all", "placement": "replicated"}]
    table = frame(*[row | {"n": n} for row in rows for n in SIZES])
    replicated, sharded = reductions.contests(reductions.exchange(table, samples_of([1.0] * len(table))))
    assert set(replicated["result"] + ": " + replicated["label"]) == {"replicated: packed", "replicated: all_to_all, gathered"}
    assert set(sharded["result"] + ": " + sharded["label"]) == {"sharded: packed, sliced", "sharded: ring"}


def test_options_name_a_series_where_they_differ():
    rows = [{"reduction": "hierarchical", "node_size": size} for size in (2, 4)] + [{"reduction": "reproducible", "chunk": 8}]
    table = frame(*[row | {"n": n} for row in rows for n in SIZES])
    labels = set(reductions.exchange(table, samples_of([1.0] * len(table)))["label"])
    assert labels == {"hierarchical, nodes of 2", "hierarchical, nodes of 4", "reproducible"}


def test_transports_are_series_of_their_own():
    rows = [{"reduction": "two_phase", "kernel": "cuda", "transport": transport} for transport in ("host", "nccl")]
    table = frame(*[row | {"n": n} for row in rows for n in SIZES])
    (contest,) = reductions.contests(reductions.exchange(table, samples_of([1.0] * 3 + [2.0] * 3)))
    assert set(contest["label"]) == {"two_phase, by host", "two_phase, by nccl"}
    assert len(contest) == 6, "no row is dropped"
    assert set(reductions.fastest(contest)["label"]) == {"two_phase, by host"}


LEFT_OUT = {
    "one rank": {"ranks": 1},
    "overlapped": {"overlap": "yes"},
    "chosen by auto": {"reduction_asked": "auto"},
    "invalid": {"valid": 0},
    "no reduction": {"reduction": "-"},
}


@pytest.mark.parametrize("why", LEFT_OUT)
def test_what_is_no_plain_exchange_forms_no_series(why):
    table = frame(*[{"reduction": "packed", "n": n, **LEFT_OUT[why]} for n in SIZES])
    assert reductions.exchange(table, samples_of([1.0] * 3)).empty


def test_two_sizes_form_no_series():
    table = frame({"reduction": "packed", "n": 1}, {"reduction": "packed", "n": 4})
    assert reductions.exchange(table, samples_of([1.0] * 2)).empty


def test_measured_over_predicted_has_its_median_and_where_it_is_worst():
    contest = race({"packed": [1e-5, 4e-5, 2e-5]})
    (row,) = reductions.model_error(contest).to_dict("records")
    assert (row["label"], row["ranks"], row["sizes"]) == ("packed", 2, 3)
    assert [row[name] for name in ("median", "least", "most")] == pytest.approx([2, 1, 4])
    assert (row["least_at"], row["most_at"]) == (ROW, 4 * ROW)


def test_counted_traffic_is_held_against_the_formula():
    table = frame(
        {"reduction": "packed", "bytes_counted": 264.0, "messages_counted": 1.0},
        {"reduction": "packed", "bytes_counted": 330.0, "messages_counted": 1.0},
        {"reduction": "packed"},
        {"reduction": "packed", "ranks": 1, "bytes_counted": 9.0, "messages_counted": 9.0},
        {"reduction": "tree"},
        {"reduction": "hierarchical", "bytes_sent": 0.0, "messages_sent": 0.0, "bytes_counted": 0.0, "messages_counted": 0.0},
        {"reduction": "ring", "bytes_sent": 0.0, "bytes_counted": 4.0, "messages_counted": 1.0},
    )
    rows = reductions.traffic(table).set_index("reduction")
    assert list(rows.loc["packed", ["cases", "counted", "messages_equal", "bytes_equal"]]) == [3, 2, 2, 1]
    assert rows.loc["packed", "worst"] == pytest.approx(0.25)
    assert rows.loc["tree", "counted"] == 0 and np.isnan(rows.loc["tree", "worst"])
    assert rows.loc["hierarchical", "bytes_equal"] == 1 and rows.loc["hierarchical", "worst"] == 0
    assert np.isinf(rows.loc["ring", "worst"])


def test_an_overlapped_case_is_held_against_its_plain_one():
    yes = {"overlap": "yes", "n": 100}
    table = frame(
        {"reduction": "packed", "n": 100, "seconds_median": 2.0, "seconds_low": 1.6, "seconds_high": 2.5, "exchange": 0.5},
        {"reduction": "packed", "n": 100, "query_tile": 40, "seconds_median": 4.0},
        {"reduction": "packed", "n": 100, "query_tile": 9, "seconds_median": 9.0},
        {"reduction": "packed", "query_tile": 50, **yes},
        {"reduction": "packed", "query_tile": 40, **yes},
        {"reduction": "packed", "ranks": 4, **yes},
        {"reduction": "ring", **yes},
    )
    first, second = reductions.overlap(table).to_dict("records")
    assert (first["label"], first["case"], first["case_plain"]) == ("packed, 2 tiles", 4, 1)
    assert [first[name] for name in ("ratio", "ratio_low", "ratio_high")] == pytest.approx([0.5, 0.9 / 2.5, 1.1 / 1.6])
    assert first["hidden_ratio"] == pytest.approx(0.75)
    assert (second["label"], second["case"], second["case_plain"]) == ("packed, 3 tiles", 5, 2)


def test_pictures_need_data(tmp_path):
    alone = frame(*[{"reduction": "packed", "n": n, "ranks": 1} for n in SIZES])
    assert not list(plot_exchange.exchange(alone, samples_of([1.0] * 3), ["machine"]))
    assert not list(plot_exchange.overlap(alone, ["machine"]))


def test_sizes_have_binary_prefixes():
    assert [plot_exchange.bytes_text(size) for size in (264, 1023, 1024, 3.3 * 2**20)] == ["264 B", "1023 B", "1 KiB", "3.3 MiB"]


def add_reductions(file: h5py.File) -> None:
    """In place of the golden cases: a crossover at 2 queries, a count that is off, and an overlapped case."""
    times = {"packed": [1e-5, 4e-5, 4e-5], "tree": [4e-5, 1e-5, 2e-5], "ring": [1e-5, 1e-5, 1e-5]}
    rows = [{"reduction": name, "n": n, "bytes_counted": 528.0, "messages_counted": 1.0} for name in times for n in SIZES]
    rows.append({"reduction": "packed", "n": 16, "query_tile": 8, "overlap": "yes", "seconds_median": 0.5, "seconds_low": 0.4, "seconds_high": 0.6})
    samples = samples_of([*sum(times.values(), []), 4e-5])
    for name, table in {"cases": frame(*rows), "samples": samples.assign(launch=1, repetition=1)}.items():
        del file[name]
        group = file.create_group(name)
        for column in table:
            values = table[column]
            group[column] = np.array([v.encode() for v in values]) if values.dtype == object else values.to_numpy()


def test_the_report_has_a_section_of_reductions(result_file, tmp_path):
    with h5py.File(result_file, "r+") as file:
        add_reductions(file)
    assert main(["report", str(result_file), "-o", str(tmp_path / "out")]) == 0
    for name in ("reductions", "overlap"):
        for ending in ("png", "svg"):
            assert (tmp_path / "out" / f"{name}.{ending}").stat().st_size > 5000
    text = (tmp_path / "out" / "report.txt").read_text()
    page = (tmp_path / "out" / "index.html").read_text()
    for words in ("\nReductions\n", "result replicated:\n    packed at 264 B\n    tree from 528 B\n", "ring at 264 B", "4.00 at 1.03 KiB", "100 %", "packed, 2 tiles, n = 16"):
        assert words in text
        assert words in page
    assert "<h2>Reductions</h2>" in page and 'src="overlap.png"' in page


def test_a_result_without_reductions_says_nothing_of_them(result_file, tmp_path):
    assert main(["report", str(result_file), "-o", str(tmp_path / "out")]) == 0
    assert not (tmp_path / "out" / "reductions.png").exists()
    for name in ("report.txt", "index.html"):
        text = (tmp_path / "out" / name).read_text()
        assert "Reductions" not in text and "no figure reductions" not in text and "no figure overlap" not in text
    assert reductions.overlap(load.load(result_file).cases).empty
    assert (reductions.traffic(load.load(result_file).cases)["counted"] == 0).all()

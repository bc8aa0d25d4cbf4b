# SPDX-License-Identifier: BSD-3-Clause
"""What exchange costs with each reduction, and which is fastest at which size; pure functions, data frame in, out.

A contest is what can be compared: cases of one machine that differ in reduction and queries only, and leave their result
in the same place. A series is one reduction of a contest. The state of a rank has S = tokens h (d_h + 2) w bytes, whatever the
reduction sends; `ring` sends keys and values and never states. Only valid cases of two ranks or more take part, and
not those where "auto" chose, for they repeat another.
"""

import numpy as np
import pandas as pd

from . import roles, scaling

NATURAL = {  # where a reduction leaves the result, unless placement says otherwise
    **dict.fromkeys(["packed", "two_phase", "tree", "hierarchical", "reproducible"], "replicated"),
    **dict.fromkeys(["reduce_scatter", "all_to_all", "ring", "ring_q"], "sharded"),
}
MOVED = {"replicated": "gathered", "sharded": "sliced"}  # to lie so
STATE_NUMBER = {"f32": 4, "bf16": 4, "f16": 4, "f64": 8, "int8": 4, "fp8": 4}  # w, bytes
VARIANTS = {"query_tile": "tiles of", "chunk": "chunks of", "node_size": "nodes of", "transport": "by"}  # in labels
FEWEST_SIZES = 3
FEWEST_SAMPLES = 6  # fewer bound no median with 95 %


def contest_columns(table: pd.DataFrame) -> list[str]:
    """The columns that cases of a contest have in common."""
    return [*roles.columns(table, "problem", "model", "method", "place", but=("n", "tokens")), "result"]


def option_columns(table: pd.DataFrame, *but: str) -> list[str]:
    """Those that a reduction is told, but for what `result` says of it and overlap."""
    return roles.columns(table, "exchange", but=("reduction", "placement", "overlap", *but))


def series_columns(table: pd.DataFrame) -> list[str]:
    return [*contest_columns(table), "reduction", *option_columns(table)]


def state_bytes(cases: pd.DataFrame) -> pd.Series:
    """S, bytes of one rank's state of all sequences."""
    numbers = cases["tokens"] * cases["heads"] * (cases["d"] // cases["heads"] + 2)
    return numbers * cases["precision"].map(STATE_NUMBER)


def result_placement(cases: pd.DataFrame) -> pd.Series:
    """Where results lie: "replicated" or "sharded"."""
    return cases["placement"].where(cases["placement"] != "natural", cases["reduction"].map(NATURAL))


def labels(cases: pd.DataFrame) -> list[str]:
    """The reduction, what moves its result, and those of its options that differ among these cases."""
    variants = option_columns(cases)
    several = cases.groupby("reduction")[variants].nunique() > 1
    texts = []
    for _, row in cases.iterrows():
        words = [row["reduction"]]
        if row["result"] != NATURAL[row["reduction"]]:
            words.append(MOVED[row["result"]])
        words += [f"{VARIANTS.get(name, name)} {row[name]}" for name in variants if several.loc[row["reduction"], name]]
        texts.append(", ".join(words))
    return texts


def contest_label(row: pd.Series) -> str:
    """What the cases of a contest have in common, but for ranks and the result's place."""
    heads = f", {row['heads']} heads" if row["heads"] > 1 else ""
    batch = f", batch {row['batch']}" if row["batch"] > 1 else ""
    tokens = ", tokens sharded" if row["sequence"] == "sharded" else ""
    threads = f", {row['threads']} threads" if row["threads"] > 1 else ""
    shape = f"{scaling.knowledge_label(row)}, m = {row['m']:,}, d = {row['d']}{heads}{batch}{scaling.LENGTHS.get(row['lengths'], '')}{tokens}"
    return f"{scaling.study_label(row)}: {scaling.model_label(row)}, {shape}, {row['kernel']} {row['precision']}{threads}"


def comparable(cases: pd.DataFrame) -> pd.DataFrame:
    """The cases that take part, with state (bytes) and result."""
    chosen = scaling.valid(cases)
    known = chosen["reduction"].isin(NATURAL) & (chosen["reduction"] == chosen["reduction_asked"])
    chosen = chosen[known & (chosen["ranks"] > 1)]
    return chosen.assign(state=state_bytes(chosen), result=result_placement(chosen))


def exchange(cases: pd.DataFrame, samples: pd.DataFrame) -> pd.DataFrame:
    """A row for each size of each series of a contest with three sizes or more, not overlapped.

    Adds label, state (bytes), exchange, exchange_low and exchange_high (s; the median and its 95 % interval), and
    measured (how many samples). exchange_predicted (s) is the model's, as in the file.
    """
    chosen = comparable(cases)
    chosen = chosen[chosen["overlap"] == "no"]
    chosen = chosen[chosen.groupby(contest_columns(chosen))["state"].transform("nunique") >= FEWEST_SIZES]
    if chosen.empty or "exchange" not in samples:
        return pd.DataFrame(columns=[*chosen.columns, "label", "exchange_low", "exchange_high", "measured"])
    of_case = {case: mine.to_numpy() for case, mine in samples.groupby("case")["exchange"]}
    chosen = chosen[chosen["case"].isin(of_case)]
    found = np.array([scaling.median_interval(of_case[case]) for case in chosen["case"]]).reshape(-1, 3)
    chosen = chosen.assign(
        label=labels(chosen),
        exchange=found[:, 0],
        exchange_low=found[:, 1],
        exchange_high=found[:, 2],
        measured=[len(of_case[case]) for case in chosen["case"]],
    )
    return chosen[chosen["exchange"] > 0].sort_values([*series_columns(chosen), "state"]).reset_index(drop=True)


def contests(table: pd.DataFrame) -> list[pd.DataFrame]:
    """The rows of each contest of an `exchange` table, replicated results before sharded ones."""
    return [rows for _, rows in table.groupby(contest_columns(table), sort=True)]


def apart(one: pd.Series, other: pd.Series) -> bool:
    """Whether the intervals of two rows do not meet; never where one bounds nothing."""
    enough = min(one["measured"], other["measured"]) >= FEWEST_SAMPLES
    return bool(enough and (one["exchange_high"] < other["exchange_low"] or other["exchange_high"] < one["exchange_low"]))


def fastest(contest: pd.DataFrame) -> pd.DataFrame:
    """The fastest series at each size: state (bytes), label, and clear: apart from the second, if there is one."""
    rows = []
    for state, here in contest.groupby("state"):
        order = here.sort_values("exchange", kind="stable")
        clear = len(order) == 1 or apart(order.iloc[0], order.iloc[1])
        rows.append({"state": state, "label": order["label"].iloc[0], "clear": clear})
    return pd.DataFrame(rows)


def crossing(below: tuple[float, float, float], above: tuple[float, float, float]) -> float:
    """Where two times meet that are straight in logarithms between (size, one, other) below and above."""
    (size, *times), (next_size, *next_times) = below, above
    gap, next_gap = np.log(times[0] / times[1]), np.log(next_times[0] / next_times[1])
    return float(np.exp(np.log(size) + np.log(next_size / size) * gap / (gap - next_gap)))


def crossovers(contest: pd.DataFrame) -> pd.DataFrame:
    """Where the fastest series changes: `before` is fastest up to there, `after` from there on.

    state (bytes) is interpolated in logarithms between neighbouring sizes, and NaN (decided: False) unless the two
    intervals are apart at both. below and above (bytes) are those sizes; around an undecided change they go on to
    the next size, if any, at which the two are apart. A series not measured at both sizes is not compared.
    """
    wide = {label: rows.drop_duplicates("state").set_index("state") for label, rows in contest.groupby("label")}
    rows = []
    winners = fastest(contest)
    for here, there in zip(winners.index, winners.index[1:]):
        before, after = winners["label"][here], winners["label"][there]
        sizes = sorted(wide[before].index.intersection(wide[after].index))
        below, above = winners["state"][here], winners["state"][there]
        if before == after or below not in sizes or above not in sizes:
            continue
        tied = {size: not apart(wide[before].loc[size], wide[after].loc[size]) for size in sizes}
        decided = not tied[below] and not tied[above]
        times = [(size, *(wide[label].loc[size, "exchange"] for label in (before, after))) for size in (below, above)]
        while tied[below] and below > sizes[0]:
            below = sizes[sizes.index(below) - 1]
        while tied[above] and above < sizes[-1]:
            above = sizes[sizes.index(above) + 1]
        state = crossing(*times) if decided else np.nan
        rows.append({"before": before, "after": after, "below": below, "above": above, "state": state, "decided": decided})
    return pd.DataFrame(rows, columns=["before", "after", "below", "above", "state", "decided"])


def model_error(table: pd.DataFrame) -> pd.DataFrame:
    """Measured over predicted exchange of each reduction and rank count: median, least and most, and at which state.

    The columns: ranks, label, sizes, median, least, least_at (bytes), most, most_at (bytes).
    """
    compared = table[table["exchange_predicted"] > 0]
    compared = compared.assign(ratio=compared["exchange"] / compared["exchange_predicted"])
    rows = []
    for (ranks, label), mine in compared.groupby(["ranks", "label"], sort=True):
        least, most = mine.loc[mine["ratio"].idxmin()], mine.loc[mine["ratio"].idxmax()]
        row = {"ranks": ranks, "label": label, "sizes": len(mine), "median": mine["ratio"].median()}
        rows.append(row | {"least": least["ratio"], "least_at": least["state"], "most": most["ratio"], "most_at": most["state"]})
    return pd.DataFrame(rows, columns=["ranks", "label", "sizes", "median", "least", "least_at", "most", "most_at"])


def traffic(cases: pd.DataFrame) -> pd.DataFrame:
    """Counted messages and bytes against the formulas, of each reduction and rank count, overlapped or not.

    cases: how many; counted: in how many MPI's calls were counted; messages_equal, bytes_equal: in how many of those
    both agree; worst: the largest |counted / formula - 1| of either, NaN where nothing was counted.
    """
    columns = ["ranks", "reduction", "cases", "counted", "messages_equal", "bytes_equal", "worst"]
    chosen = comparable(cases)
    if not {"bytes_counted", "messages_counted"} <= set(chosen) or chosen.empty:
        return pd.DataFrame(columns=columns)
    rows = []
    for (ranks, reduction), mine in chosen.groupby(["ranks", "reduction"], sort=True):
        counted = mine.dropna(subset=["bytes_counted", "messages_counted"])
        off = {name: deviation(counted[f"{name}_counted"], counted[f"{name}_sent"]) for name in ("messages", "bytes")}
        equal = {f"{name}_equal": int((off[name] < 1e-9).sum()) for name in off}
        worst = float(np.max([off["messages"], off["bytes"]])) if len(counted) else np.nan
        rows.append({"ranks": ranks, "reduction": reduction, "cases": len(mine), "counted": len(counted), **equal, "worst": worst})
    return pd.DataFrame(rows, columns=columns)


def deviation(counted: pd.Series, formula: pd.Series) -> np.ndarray:
    """|counted / formula - 1|; 0 where both are 0, infinite where the formula alone is."""
    counted, formula = counted.to_numpy(float), formula.to_numpy(float)
    difference = np.abs(counted - formula)
    return np.divide(difference, formula, out=np.where(difference > 0, np.inf, 0.0), where=formula > 0)


def overlap(cases: pd.DataFrame) -> pd.DataFrame:
    """Each overlapped case beside the plain one that differs in overlap only (or in tiles as well: overlap needs them).

    Adds label, ratio (median time overlapped over plain), ratio_low and ratio_high (both medians anywhere in their
    95 % intervals: 90 % at least), and hidden_ratio, the ratio if all of the plain case's exchange were hidden.
    """
    chosen = comparable(cases)
    same = [*contest_columns(chosen), "reduction", *option_columns(chosen, "query_tile"), "n"]
    plain = chosen[chosen["overlap"] == "no"]
    times = ["case", "query_tile", "seconds_median", "seconds_low", "seconds_high", "exchange"]
    pairs = chosen[chosen["overlap"] == "yes"].merge(plain[[*same, *times]], on=same, suffixes=("", "_plain"))
    pairs = pairs[pairs["query_tile_plain"].isin([0]) | (pairs["query_tile_plain"] == pairs["query_tile"])]
    pairs = pairs.sort_values("query_tile_plain", ascending=False).drop_duplicates("case").sort_values("case")
    return pairs.assign(
        label=[overlap_label(row) for _, row in pairs.iterrows()],
        ratio=pairs["seconds_median"] / pairs["seconds_median_plain"],
        ratio_low=pairs["seconds_low"] / pairs["seconds_high_plain"],
        ratio_high=pairs["seconds_high"] / pairs["seconds_low_plain"],
        hidden_ratio=1 - pairs["exchange_plain"] / pairs["seconds_median_plain"],
    ).reset_index(drop=True)


def overlap_label(row: pd.Series) -> str:
    """The reduction, and into how many tiles overlap cut the queries; `ring` and `ring_q` have none."""
    moved = f", {MOVED[row['result']]}" if row["result"] != NATURAL[row["reduction"]] else ""
    tiles = -(-row["n"] // row["query_tile"]) if row["query_tile"] > 0 else 0
    return row["reduction"] + moved + (f", {tiles} tile{'s' if tiles > 1 else ''}" if tiles else "")

# SPDX-License-Identifier: BSD-3-Clause
"""Speed-up, efficiency and ratios from the case table; pure functions, data frame in, data frame out.

A series is what one line of a plot shows: a model with its kernel, reduction and how that is run, precision, thread count
and forced blocks. A problem is what its cases have in common otherwise. Only valid cases take part.
"""

import numpy as np
import pandas as pd
from scipy.stats import binom

EXCHANGE = ["placement", "overlap", "query_tile", "chunk", "node_size"]
SERIES = ["model", "kernel", "reduction", "precision", "threads", "query_block", "key_block", *EXCHANGE]
AMOUNTS = {
    "query_block": "{} queries at a time",
    "key_block": "{} keys at a time",
    "query_tile": "tiles of {}",
    "chunk": "chunks of {}",
    "node_size": "nodes of {}",
}
PROBLEM = ["study", "knowledge", "n", "d", "batch", "heads", "kv_heads", "hidden"]


def median_interval(samples: np.ndarray) -> tuple[float, float, float]:
    """Median and the ends of its 95 % nonparametric interval; the extremes where fewer than 6 samples bound nothing."""
    ordered = np.sort(np.asarray(samples, dtype=float))
    count = len(ordered)
    ranks = [k for k in range(1, count // 2 + 1) if 1 - 2 * binom.cdf(k - 1, count, 0.5) >= 0.95]
    k = ranks[-1] if ranks else 1
    return float(np.median(ordered)), float(ordered[k - 1]), float(ordered[count - k])


def series_label(row: pd.Series) -> str:
    used = [str(row[name]) for name in ("model", "kernel", "reduction") if row[name] != "-"]
    threads = f", {row['threads']} threads" if row["threads"] > 1 else ""
    placement = f" {row['placement']}" if row["placement"] != "natural" else ""
    overlap = " overlapped" if row["overlap"] == "yes" else ""
    amounts = "".join(", " + text.format(row[name]) for name, text in AMOUNTS.items() if row[name] > 0)
    return f"{'/'.join(used)}{placement}{overlap} {row['precision']}{threads}{amounts}"


def problem_label(row: pd.Series) -> str:
    knowledge = str(row["knowledge"]).rsplit("/", 1)[-1]
    heads = f", {row['heads']} heads" if row["heads"] > 1 else ""
    batch = f", batch {row['batch']}" if row["batch"] > 1 else ""
    return f"{row['study']}: {knowledge}, n = {row['n']}, d = {row['d']}{heads}{batch}"


def valid(cases: pd.DataFrame) -> pd.DataFrame:
    return cases[cases["valid"] == 1]


def with_base(cases: pd.DataFrame, scaling: str) -> pd.DataFrame:
    """Cases of that scaling beside their base: the best one-rank time of the same problem, model and precision.

    Adds base_seconds, base_label. Under weak scaling the problem of p ranks is p times the base's. Cases without a
    one-rank base are left out.
    """
    chosen = valid(cases)
    chosen = chosen[chosen["scaling"] == scaling].copy()
    chosen["share"] = chosen["m"] // chosen["ranks"] if scaling == "weak" else chosen["m"]
    same = [name for name in PROBLEM if name != "hidden"] + ["share", "model", "precision", "threads", "hidden"]
    alone = chosen[chosen["ranks"] == 1].sort_values("seconds_median").drop_duplicates(same)
    base = alone[same].assign(
        base_seconds=alone["seconds_median"], base_label=[series_label(row) for _, row in alone.iterrows()]
    )
    return chosen.merge(base, on=same, how="inner")


def strong_scaling(cases: pd.DataFrame) -> pd.DataFrame:
    """Adds speedup, speedup_low, speedup_high and efficiency (speed-up over ranks)."""
    table = with_base(cases, "strong")
    table["speedup"] = table["base_seconds"] / table["seconds_median"]
    table["speedup_low"] = table["base_seconds"] / table["seconds_high"]
    table["speedup_high"] = table["base_seconds"] / table["seconds_low"]
    table["efficiency"] = table["speedup"] / table["ranks"]
    return table


def weak_scaling(cases: pd.DataFrame) -> pd.DataFrame:
    """Adds efficiency, efficiency_low, efficiency_high: one-rank time over the time of p ranks on p times the work."""
    table = with_base(cases, "weak")
    table["efficiency"] = table["base_seconds"] / table["seconds_median"]
    table["efficiency_low"] = table["base_seconds"] / table["seconds_high"]
    table["efficiency_high"] = table["base_seconds"] / table["seconds_low"]
    return table


def growth(cases: pd.DataFrame) -> pd.DataFrame:
    """Cases of problems in which both attention and an LSTM were measured for at least two sizes m."""
    chosen = valid(cases)
    same = ["study", "knowledge", "n", "d", "batch", "precision", "scaling"]
    kept = [
        group
        for _, group in chosen.groupby(same)
        if {"lstm"} < set(group["model"]) and group["m"].nunique() > 1 and (group["scaling"] == "strong").all()
    ]
    return pd.concat(kept) if kept else chosen.iloc[:0]


def slope(m: np.ndarray, seconds: np.ndarray) -> float:
    """Exponent a of seconds ~ m^a by least squares in logarithms."""
    return float(np.polyfit(np.log(m), np.log(seconds), 1)[0])


def lstm_ratio(table: pd.DataFrame) -> pd.DataFrame:
    """Time of the LSTM over that of the fastest attention, for each m and rank count."""
    best = table.assign(kind=np.where(table["model"] == "lstm", "lstm", "attention"))
    if best["kind"].nunique() < 2:
        return pd.DataFrame(columns=["study", "m", "ranks", "ratio"])
    wide = best.pivot_table(index=["study", "m", "ranks"], columns="kind", values="seconds_median", aggfunc="min")
    wide = wide.dropna().reset_index()
    wide["ratio"] = wide["lstm"] / wide["attention"]
    return wide

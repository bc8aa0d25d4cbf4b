# SPDX-License-Identifier: BSD-3-Clause
"""Speed-up, efficiency and ratios from the case table; pure functions, data frame in, data frame out.

A series is what one line of a plot shows: a model, how it is computed and exchanged, where its tokens lie, and threads. A
problem is what is given, the machine too: no time is divided by one of another. m = 0: a model without knowledge. Only
valid cases take part.
"""

import numpy as np
import pandas as pd
from scipy.stats import binom

from . import roles

AMOUNTS = {
    "query_block": "{} queries at a time",
    "key_block": "{} keys at a time",
    "query_tile": "tiles of {}",
    "chunk": "chunks of {}",
    "node_size": "nodes of {}",
}
LENGTHS = {"equal": "", "random": " of random lengths", "sentences": " of sentences"}


def series(table: pd.DataFrame) -> list[str]:
    """The columns that tell the lines of a plot apart."""
    return roles.columns(table, "model", "method", "exchange", "place", but=("ranks",))


def problem(table: pd.DataFrame, *but: str) -> list[str]:
    """The columns that tell what is given, to models of attention and to an LSTM alike."""
    return roles.columns(table, "problem", but=but)


def median_interval(samples: np.ndarray) -> tuple[float, float, float]:
    """Median and the ends of its 95 % nonparametric interval; the extremes where fewer than 6 samples bound nothing."""
    ordered = np.sort(np.asarray(samples, dtype=float))
    count = len(ordered)
    ranks = [k for k in range(1, count // 2 + 1) if 1 - 2 * binom.cdf(k - 1, count, 0.5) >= 0.95]
    k = ranks[-1] if ranks else 1
    return float(np.median(ordered)), float(ordered[k - 1]), float(ordered[count - k])


def model_label(row: pd.Series) -> str:
    return row["model"] + (" causal" if row["causal"] == "yes" else "")


def series_label(row: pd.Series) -> str:
    used = [model_label(row), *(row[name] for name in ("kernel", "reduction") if row[name] != "-")]
    tokens = " tokens sharded" if row["sequence"] == "sharded" else ""
    threads = f", {row['threads']} threads" if row["threads"] > 1 else ""
    placement = f" {row['placement']}" if row["placement"] not in ("natural", "-") else ""
    overlap = " overlapped" if row["overlap"] == "yes" else ""
    transport = f" by {row['transport']}" if row["transport"] not in ("host", "-") else ""
    amounts = "".join(", " + text.format(row[name]) for name, text in AMOUNTS.items() if row[name] > 0)
    return f"{'/'.join(used)}{placement}{overlap}{transport}{tokens} {row['precision']}{threads}{amounts}"


def problem_label(row: pd.Series) -> str:
    heads = f", {row['heads']} heads" if row["heads"] > 1 else ""
    return f"{shape_label(row)}{heads}"


def shape_label(row: pd.Series) -> str:
    """What models of attention and an LSTM have in common."""
    return f"{study_label(row)}: {knowledge_label(row)}, n = {row['n']}, d = {row['d']}{batch_label(row)}"


def study_label(row: pd.Series) -> str:
    """With the machine where there are several."""
    return row["study"] + (f" on {row['machine']}" if row["machine"] else "")


def knowledge_label(row: pd.Series) -> str:
    return str(row["knowledge"]).rsplit("/", 1)[-1] if row["knowledge"] != "-" else "no knowledge"


def batch_label(row: pd.Series) -> str:
    batch = f", batch {row['batch']}" if row["batch"] > 1 else ""
    return batch if row["lengths"] == "equal" else f"{batch}{LENGTHS.get(row['lengths'], '')} ({row['tokens']:,} tokens)"


def valid(cases: pd.DataFrame) -> pd.DataFrame:
    return cases[cases["valid"] == 1]


def with_base(cases: pd.DataFrame, scaling: str) -> pd.DataFrame:
    """Cases of that scaling beside their base: the best one-rank time of the same problem, model and precision.

    Adds base_seconds, base_label. Under weak scaling the problem of p ranks is p times the base's. Cases without a
    one-rank base are left out, and under weak scaling those without knowledge, which would not grow.
    """
    chosen = valid(cases)
    chosen = chosen[(chosen["scaling"] == scaling) & ((chosen["m"] > 0) | (scaling == "strong"))].copy()
    chosen["share"] = chosen["m"] // chosen["ranks"] if scaling == "weak" else chosen["m"]
    same = [*problem(chosen, "m"), "share", *roles.columns(chosen, "model"), "threads"]
    alone = chosen[chosen["ranks"] == 1].sort_values("seconds_median").drop_duplicates(same)
    base = alone[same].assign(
        base_seconds=alone["seconds_median"], base_label=[series_label(row) for _, row in alone.iterrows()]
    )
    return roles.like(chosen.merge(base, on=same, how="inner"), cases)


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
    chosen = chosen[(chosen["scaling"] == "strong") & (chosen["m"] > 0)]
    kept = [
        group
        for _, group in chosen.groupby([*problem(chosen, "m"), "precision"], sort=False)
        if {"lstm"} < set(group["model"]) and group["m"].nunique() > 1
    ]
    return roles.like(pd.concat(kept) if kept else chosen.iloc[:0], cases)


def slope(m: np.ndarray, seconds: np.ndarray) -> float:
    """Exponent a of seconds ~ m^a by least squares in logarithms."""
    return float(np.polyfit(np.log(m), np.log(seconds), 1)[0])


def lstm_ratio(table: pd.DataFrame) -> pd.DataFrame:
    """Time of the LSTM over that of each model of attention, for each problem, m and rank count, both at their fastest."""
    same = [*problem(table), "precision", "ranks"]
    recurrent = table["model"] == "lstm"
    lstm = table[recurrent].groupby(same, sort=False, as_index=False)["seconds_median"].min()
    attention = table[~recurrent].groupby([*same, "model", "causal"], sort=False, as_index=False)["seconds_median"].min()
    pairs = attention.merge(lstm, on=same, suffixes=("", "_lstm"))
    pairs = pairs.assign(label=[model_label(row) for _, row in pairs.iterrows()], ratio=pairs["seconds_median_lstm"] / pairs["seconds_median"])
    return roles.like(pairs, table)

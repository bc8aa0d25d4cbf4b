# SPDX-License-Identifier: BSD-3-Clause
"""Figures of exchange: reductions against the size of the state, and overlapped against plain."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FuncFormatter, PercentFormatter

from . import reductions, roles
from .plot import COLOURS, LEGEND_BELOW, MARKERS, MOST_BARS, MOST_LINES, MOST_PANELS, Page, finish, interval, pages, panels, set_title, style, time_axis

BYTE_UNITS = ["B", "KiB", "MiB", "GiB", "TiB"]
RIBBON, LETTER = 0.055, 0.0125  # of a panel's height; of its width


def bytes_text(size: float) -> str:
    """Three digits and a binary prefix: 264 B, 2.12 KiB."""
    step = min(int(np.log2(max(size, 1)) // 10), len(BYTE_UNITS) - 1)
    shown = size / 1024**step
    return f"{shown:.{3 if shown < 1000 else 4}g} {BYTE_UNITS[step]}"


def state_axis(axes: Axes, states: pd.Series) -> None:
    axes.set_xscale("log", base=2)
    least, most = np.log2(states.min()), np.log2(states.max())
    step = max(1, round((most - least) / 6))
    axes.set_xticks([2.0**power for power in range(int(np.ceil(least)), int(most) + 1) if power % step == 0])
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: bytes_text(value)))
    axes.minorticks_off()
    axes.set_xlim(2 ** (least - 0.5), 2 ** (most + 0.5))
    axes.set_xlabel("S, state of a rank")


def ribbon(axes: Axes, contest: pd.DataFrame, changes: pd.DataFrame, looks: dict[str, dict]) -> None:
    """Along the top, the fastest at each size in its colour: pale where the second's interval meets its own."""
    winners = reductions.fastest(contest)
    states = winners["state"].to_numpy(float)
    edges = np.concatenate([[axes.get_xlim()[0]], np.sqrt(states[1:] * states[:-1]), [axes.get_xlim()[1]]])
    for _, change in changes[changes["decided"]].iterrows():
        edges[np.searchsorted(states, change["above"])] = change["state"]
    for left, right, label, clear in zip(edges, edges[1:], winners["label"], winners["clear"]):
        cell = {"ymin": 1 - RIBBON, "ymax": 1, "linewidth": 0, "zorder": 3}
        axes.axvspan(left, right, facecolor="white", **cell)
        axes.axvspan(left, right, facecolor=looks[label]["color"], alpha=1 if clear else 0.3, **cell)
    runs = (winners["label"] != winners["label"].shift()).cumsum().to_numpy()
    for run in range(1, runs[-1] + 1):
        cells = np.flatnonzero(runs == run)
        left, right, label = edges[cells[0]], edges[cells[-1] + 1], winners["label"][cells[0]]
        if np.log(right / left) / np.log(edges[-1] / edges[0]) < LETTER * len(label):
            continue
        words = axes.text(np.sqrt(left * right), 1 - RIBBON / 2, label, transform=axes.get_xaxis_transform(), fontsize=8, ha="center", va="center_baseline", zorder=5)
        words.set_path_effects([withStroke(linewidth=2.5, foreground="white")])
    axes.text(-0.012, 1 - RIBBON / 2, "fastest", transform=axes.transAxes, fontsize=8, ha="right", va="center_baseline")


def mark_crossovers(axes: Axes, changes: pd.DataFrame) -> None:
    """A thin line with its size above the panel, each higher than a near neighbour; a band where undecided."""
    last, level = 0.0, 0
    near = (axes.get_xlim()[1] / axes.get_xlim()[0]) ** 0.12
    for _, change in changes.iterrows():
        if not change["decided"]:
            axes.axvspan(change["below"], change["above"], ymax=1 - RIBBON, facecolor="#BBBBBB", alpha=0.3, linewidth=0, zorder=0)
            continue
        level = level + 1 if change["state"] < last * near else 0
        last = change["state"]
        axes.axvline(last, color="#000000", linewidth=0.9, zorder=4)
        axes.annotate(bytes_text(last), (last, 1), xycoords=axes.get_xaxis_transform(), xytext=(0, 2 + 11 * level), textcoords="offset points", ha="center", fontsize=9)


def exchange_panel(axes: Axes, contest: pd.DataFrame, looks: dict[str, dict], more: str) -> None:
    for label, rows in contest.groupby("label"):
        rows = rows.sort_values("state")
        look = looks[label]
        axes.plot(rows["state"], rows["exchange_predicted"], "--", color=look["color"], linewidth=1.2, alpha=0.8)
        axes.plot(rows["state"], rows["exchange"], "-", color=look["color"], linewidth=0.7, alpha=0.5)
        interval(axes, rows["state"], rows["exchange"], rows["exchange_low"], rows["exchange_high"], linestyle="none", **look)
    axes.set_yscale("log")
    axes.set_ylabel("exchange, after the last rank has computed")
    first = contest.iloc[0]
    set_title(axes, f"result {first['result']}, {first['ranks']} ranks", reductions.contest_label(first), more, pad=26)
    state_axis(axes, contest["state"])


def exchange_legend(axes: Axes, used: list[str], looks: dict[str, dict], undecided: bool) -> None:
    names = {"ring": "ring (keys travel)"}
    handles = [Line2D([], [], linestyle="none", label=names.get(label, label), **looks[label]) for label in used]
    grey = "#555555"
    handles += [
        Line2D([], [], linestyle="--", color=grey, linewidth=1.2, label="predicted"),
        Line2D([], [], color="#000000", linewidth=0.9, label="crossover"),
    ]
    if undecided:
        handles.append(Patch(facecolor="#BBBBBB", alpha=0.3, label="undecided: intervals meet"))
    axes.legend(handles=handles, **(LEGEND_BELOW | {"ncol": 3}))


def foremost(contest: pd.DataFrame) -> pd.DataFrame:
    """Of the series that a panel has room for: those that come nearest to the fastest at any size."""
    behind = contest["exchange"] / contest.groupby("state")["exchange"].transform("min")
    nearest = behind.groupby(contest["label"]).min().sort_values(kind="stable").index[:MOST_LINES]
    return contest[contest["label"].isin(nearest)]


def exchange(cases: pd.DataFrame, samples: pd.DataFrame, machine: list[str]) -> Iterator[Page]:
    """Exchange against state size, a panel for each rank count and place of the result, crossovers marked."""
    table = reductions.exchange(cases, samples)
    if table.empty:
        return
    times = table[["exchange_low", "exchange_high", "exchange_predicted"]].where(lambda seconds: seconds > 0)
    limits = times.min().min() / 1.5, times.max().max() * 1.5
    for shown, words, left_out in pages(reductions.contests(table), MOST_PANELS, "panels"):
        figure, all_axes = panels(len(shown), 5.7, most=2)  # replicated beside sharded
        for axes, contest in zip(all_axes, shown):
            order = table.loc[table["result"] == contest["result"].iloc[0]].sort_values("case")["label"].unique()
            draw_contest(axes, contest, list(order), limits)
        yield Page(finish(figure, f"Reductions: exchange against the size of the state{words}", machine), left_out)


def draw_contest(axes: Axes, contest: pd.DataFrame, order: list[str], limits: tuple[float, float]) -> None:
    """One look for a reduction in all panels, as `order` has it."""
    low, high = limits
    looks = {label: style(number) for number, label in enumerate(order)}
    count, contest = contest["label"].nunique(), foremost(contest)
    more = f"{MOST_LINES} of {count} series, which come nearest to the fastest" if count > MOST_LINES else ""
    changes = reductions.crossovers(contest)
    exchange_panel(axes, contest, looks, more)
    axes.set_ylim(low, high * (high / low) ** RIBBON)
    time_axis(axes)
    ribbon(axes, contest, changes, looks)
    mark_crossovers(axes, changes)
    used = set(contest["label"])
    exchange_legend(axes, [label for label in order if label in used], looks, not changes["decided"].all())


def overlap_labels(table: pd.DataFrame) -> list[str]:
    """Each row's reduction, and what of it differs between rows."""
    names = roles.columns(table, "problem", "model", "method", "place", but=("tokens",))
    several = [name for name in names if table[name].nunique() > 1]
    notes = [", ".join(f"{name} = {row[name]:,}" if isinstance(row[name], int) else row[name] for name in several) for _, row in table.iterrows()]
    return [f"{label} ({note})" if note else label for label, note in zip(table["label"], notes)]


def overlap(cases: pd.DataFrame, machine: list[str]) -> Iterator[Page]:
    """Median time overlapped over plain, one row per pair, with its interval."""
    table = reductions.overlap(cases)
    if table.empty:
        return
    table = table.assign(words=overlap_labels(table))
    for shown, words, left_out in pages(list(range(len(table))), MOST_BARS, "pairs"):
        rows = table.iloc[shown].reset_index(drop=True)
        figure = Figure(figsize=(5.2 + 0.08 * max(map(len, rows["words"])), 2.3 + 0.3 * len(rows)))
        draw_overlap(figure.subplots(), rows)
        yield Page(finish(figure, f"Reductions: exchange beside compute against after it{words}", machine), left_out)


def draw_overlap(axes: Axes, table: pd.DataFrame) -> None:
    places = np.arange(len(table))[::-1]
    kinds = {"overlap is faster": table["ratio_high"] < 1, "overlap is slower": table["ratio_low"] > 1}
    kinds["no difference shown"] = ~kinds["overlap is faster"] & ~kinds["overlap is slower"]
    for (kind, mine), colour, marker in zip(kinds.items(), (COLOURS[0], COLOURS[1], "#777777"), MARKERS):
        rows = table[mine]
        bars = [np.maximum(rows["ratio"] - rows["ratio_low"], 0), np.maximum(rows["ratio_high"] - rows["ratio"], 0)]
        if len(rows):
            axes.errorbar(rows["ratio"], places[mine], xerr=bars, fmt=marker, color=colour, capsize=3, linewidth=1.5, markersize=6, label=kind)
    axes.plot(table["hidden_ratio"], places, "|", color="#000000", markersize=13, markeredgewidth=1.5, label="if all exchange were hidden")
    axes.axvline(1, color="#888888", linestyle="--", linewidth=1, zorder=0)
    axes.set_yticks(places, table["words"])
    axes.set_ylim(-0.7, len(table) - 0.3)
    axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    axes.set_xlabel("time overlapped over time plain")
    axes.grid(axis="y", visible=False)
    axes.legend(loc="lower center", bbox_to_anchor=(0.4, 1.0), ncol=4)

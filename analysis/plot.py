# SPDX-License-Identifier: BSD-3-Clause
"""Figures; only plot*.py know matplotlib. Each function returns a figure, or None without data."""

import textwrap
from collections.abc import Callable
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, FuncFormatter, PercentFormatter

from . import scaling

# Okabe & Ito: told apart with every common colour vision; markers and dashes say the same once more.
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"]
MARKERS = ["o", "s", "^", "D", "v", "P", "X"]
SPLIT = {"compute": "#0072B2", "copy": "#56B4E9", "exchange": "#D55E00", "wait": "#BBBBBB"}  # copy: to and from devices
SECONDS = EngFormatter(unit="s")
LEGEND_BELOW = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.14), "ncol": 2, "columnspacing": 1.2, "handletextpad": 0.5}
MACHINE_WIDTH = 20  # characters an inch
MOST_LINES = 10  # of a panel
NOTE = 0.042  # of a panel's height, a line

plt.rcParams.update(
    {
        "font.size": 10,
        "axes.titlesize": 10,
        "axes.grid": True,
        "grid.alpha": 0.3,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "svg.hashsalt": "knowscale",
        "legend.frameon": False,
        "legend.fontsize": 9,
    }
)


def seconds_text(seconds: float) -> str:
    """Four digits and an SI prefix."""
    return SECONDS(float(f"{seconds:.4g}"))


def ranks_text(ranks: int) -> str:
    return f"{ranks} rank{'s' if ranks > 1 else ''}"


def style(number: int) -> dict:
    """Colours come again with other markers."""
    marker = MARKERS[(number + number // len(COLOURS)) % len(MARKERS)]
    return {"color": COLOURS[number % len(COLOURS)], "marker": marker, "markersize": 6}


def panels(count: int, height: float = 4.6, most: int = 3) -> tuple[Figure, list[plt.Axes]]:
    columns = min(count, 2 if count <= 4 else most)
    rows = -(-count // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(6.2 * columns, height * rows + 0.5), squeeze=False)
    flat = list(axes.ravel())
    for unused in flat[count:]:
        unused.set_visible(False)
    return figure, flat[:count]


def finish(figure: Figure, title: str, machine: str) -> Figure:
    figure.suptitle(title, fontsize=13, fontweight="bold", y=1 - 0.12 / figure.get_size_inches()[1], va="top")
    width, height = figure.get_size_inches()
    lines = textwrap.wrap(machine, int(MACHINE_WIDTH * width))
    figure.text(0.01, 0.05 / height, "\n".join(lines), fontsize=7, color="#555555")
    figure.tight_layout(rect=(0, (0.1 + 0.13 * len(lines)) / height, 1, 1))
    return figure


def rank_axis(axes: plt.Axes, ranks: pd.Series) -> None:
    ticks = sorted(ranks.unique())
    axes.set_xscale("log", base=2)
    axes.set_xticks(ticks)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.minorticks_off()
    axes.set_xlim(min(ticks) / 1.15, max(ticks) * 1.15)
    axes.set_xlabel("MPI ranks")


def series_of(table: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """(label, rows) for each series, in the order of the file."""
    groups = table.groupby(scaling.SERIES, sort=False)
    return [(scaling.series_label(rows.iloc[0]), rows.sort_values("ranks")) for _, rows in groups]


def panels_of(table: pd.DataFrame, same: list[str], lines: list[str], apart: str) -> list[pd.DataFrame]:
    """The rows of each panel: a problem; where that has too many lines, a panel for each of `apart`."""
    parts = []
    for _, problem in table.groupby(same, sort=False):
        crowded = problem.groupby(lines).ngroups > MOST_LINES
        parts += [mine for _, mine in problem.groupby(apart, sort=False)] if crowded else [problem]
    return parts


def spread(axes: plt.Axes, rows: pd.DataFrame, samples: pd.DataFrame, colour: str, value: Callable) -> None:
    """Raw samples as faint points, a little to the side, so that the interval stays readable."""
    generator = np.random.default_rng(1)
    for _, row in rows.iterrows():
        seconds = samples.loc[samples["case"] == row["case"], "seconds"].to_numpy()[:200]
        x = row["ranks"] * generator.uniform(0.97, 1.03, len(seconds))
        axes.plot(x, value(row, seconds), ".", color=colour, alpha=0.25, markersize=3, zorder=1)


def interval(axes: plt.Axes, x: pd.Series, y: pd.Series, low: pd.Series, high: pd.Series, **options) -> None:
    axes.errorbar(x, y, yerr=[np.maximum(y - low, 0), np.maximum(high - y, 0)], capsize=3, linewidth=1.5, **options)


def base_note(axes: plt.Axes, table: pd.DataFrame, at: str) -> None:
    """On the left, where all lines meet at one rank: "top" or "bottom"."""
    bases = table.drop_duplicates(["base_label", "base_seconds"])
    lines = [f"base: {row['base_label']}, 1 rank, {seconds_text(row['base_seconds'])}" for _, row in bases.iterrows()]
    axes.text(0.02, 0.98 if at == "top" else 0.02, "\n".join(lines), transform=axes.transAxes, fontsize=7.5, va=at, color="#444444")


def strong(cases: pd.DataFrame, samples: pd.DataFrame, machine: str) -> Figure | None:
    """Speed-up over the best one-rank time, with the ideal line, intervals and raw samples."""
    table = scaling.strong_scaling(cases)
    table = table[table.groupby(scaling.PROBLEM + ["m", "model"])["ranks"].transform("nunique") > 1]
    if table.empty:
        return None
    problems = panels_of(table, [*scaling.SHAPE, "m", "precision"], scaling.SERIES, "model")
    figure, all_axes = panels(len(problems), 5.0)
    for axes, problem in zip(all_axes, problems):
        ranks = np.array(sorted(problem["ranks"].unique()))
        axes.plot(ranks, ranks, "--", color="#888888", linewidth=1, label="ideal")
        for number, (label, rows) in enumerate(series_of(problem)):
            look = style(number)
            spread(axes, rows, samples, look["color"], lambda row, seconds: row["base_seconds"] / seconds)
            interval(axes, rows["ranks"], rows["speedup"], rows["speedup_low"], rows["speedup_high"], label=label, **look)
        rank_axis(axes, problem["ranks"])
        axes.set_ylim(0, max(ranks.max(), problem["speedup_high"].max()) * 1.12)
        axes.set_ylabel("speed-up over one rank")
        axes.set_title(f"{scaling.problem_label(problem.iloc[0])}\nm = {problem['m'].iloc[0]:,}")
        axes.legend(**LEGEND_BELOW)
        base_note(axes, problem, "top")
    return finish(figure, "Strong scaling: the same problem on more ranks", machine)


def efficiency(cases: pd.DataFrame, samples: pd.DataFrame, machine: str) -> Figure | None:
    """Parallel efficiency of strong scaling: speed-up over ranks."""
    table = scaling.strong_scaling(cases)
    table = table[table.groupby(scaling.PROBLEM + ["m", "model"])["ranks"].transform("nunique") > 1]
    if table.empty:
        return None
    table = table.assign(low=table["speedup_low"] / table["ranks"], high=table["speedup_high"] / table["ranks"])
    problems = panels_of(table, [*scaling.SHAPE, "m", "precision"], scaling.SERIES, "model")
    figure, all_axes = panels(len(problems))
    for axes, problem in zip(all_axes, problems):
        draw_efficiency(axes, problem.assign(efficiency_low=problem["low"], efficiency_high=problem["high"]), samples, strong=True)
        axes.set_title(f"{scaling.problem_label(problem.iloc[0])}\nm = {problem['m'].iloc[0]:,}")
    return finish(figure, "Strong scaling: parallel efficiency", machine)


def draw_efficiency(axes: plt.Axes, problem: pd.DataFrame, samples: pd.DataFrame, strong: bool) -> None:
    axes.axhline(1, linestyle="--", color="#888888", linewidth=1, label="ideal")
    for number, (label, rows) in enumerate(series_of(problem)):
        look = style(number)
        spread(
            axes,
            rows,
            samples,
            look["color"],
            lambda row, seconds: row["base_seconds"] / seconds / (row["ranks"] if strong else 1),
        )
        interval(axes, rows["ranks"], rows["efficiency"], rows["efficiency_low"], rows["efficiency_high"], label=label, **look)
    rank_axis(axes, problem["ranks"])
    axes.set_ylim(0, max(1.15, problem["efficiency_high"].max() * 1.1))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.set_ylabel("parallel efficiency")
    axes.legend(**LEGEND_BELOW)
    base_note(axes, problem, "bottom")


def weak(cases: pd.DataFrame, samples: pd.DataFrame, machine: str) -> Figure | None:
    """Weak-scaling efficiency: every rank brings its own knowledge."""
    table = scaling.weak_scaling(cases)
    if table.empty or table["ranks"].nunique() < 2:
        return None
    problems = panels_of(table, [*scaling.SHAPE, "share", "precision"], scaling.SERIES, "model")
    figure, all_axes = panels(len(problems))
    for axes, problem in zip(all_axes, problems):
        draw_efficiency(axes, problem, samples, strong=False)
        axes.set_title(f"{scaling.problem_label(problem.iloc[0])}\nm = {problem['share'].iloc[0]:,} a rank")
    return finish(figure, "Weak scaling: more ranks, more knowledge", machine)


def split(cases: pd.DataFrame, machine: str) -> Figure | None:
    """Where the time goes: compute, copies of devices, exchange, wait; one bar a case."""
    table = scaling.valid(cases)
    table = table[(table["ranks"] > 1) | (table["copy"] > 0)]
    if table.empty:
        return None
    table = table.sort_values(["study", "model", "m", "precision", "reduction", "ranks"]).iloc[::-1]
    labels = [
        f"{row['study']}: {scaling.series_label(row)}, m = {row['m']:,}, {ranks_text(row['ranks'])} ({seconds_text(row['seconds_median'])})"
        for _, row in table.iterrows()
    ]
    figure, axes = plt.subplots(figsize=(11.5, 1.4 + 0.3 * len(table)))
    total = sum(table[name] for name in SPLIT)
    left = np.zeros(len(table))
    for (name, colour), hatch in zip(SPLIT.items(), ("", "\\\\", "//", "..")):
        if name == "copy" and not (table["copy"] > 0).any():
            continue
        share = (table[name] / total).to_numpy()
        axes.barh(labels, share, left=left, color=colour, hatch=hatch, edgecolor="white", label=name, height=0.75)
        left += share
    axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    axes.set_xlim(0, 1)
    axes.set_xlabel("share of a repetition (mean over ranks); in brackets: its median time")
    axes.grid(axis="y", visible=False)
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncol=4)
    return finish(figure, "Where the time goes", machine)


def growth_lines(axes: plt.Axes, problem: pd.DataFrame, line: list[str], several: bool) -> None:
    for number, ((*_, ranks), rows) in enumerate(problem.groupby(line, sort=False)):
        rows = rows.sort_values("m")
        label = scaling.series_label(rows.iloc[0]) + (f", {ranks_text(ranks)}" if several else "")
        if rows["m"].nunique() > 1:
            exponent = scaling.slope(rows["m"].to_numpy(), rows["seconds_median"].to_numpy())
            label += f": ~ m$^{{{exponent:.2f}}}$"
        dashes = "-" if rows["model"].iloc[0] == "lstm" else "--"
        interval(axes, rows["m"], rows["seconds_median"], rows["seconds_low"], rows["seconds_high"], label=label, linestyle=dashes, **style(number))


def ratio_note(axes: plt.Axes, problem: pd.DataFrame, several: bool) -> None:
    """Below the lines: how many times longer the LSTM takes at the largest size."""
    ratios = scaling.lstm_ratio(problem)
    ratios = ratios[ratios["m"] == ratios["m"].max()]
    ranks = [f", {ranks_text(count)}" if several else "" for count in ratios["ranks"]]
    notes = [f"LSTM / {row['label']} at m = {row['m']:,}{more}: {row['ratio']:.1f}" for (_, row), more in zip(ratios.iterrows(), ranks)]
    axes.text(0.98, 0.02, "\n".join(notes), transform=axes.transAxes, fontsize=8.5, va="bottom", ha="right", color="#444444")
    low, high = axes.get_ylim()
    share = NOTE * (len(notes) + 1)
    axes.set_ylim(low * (low / high) ** (share / (1 - share)), high)


def growth(cases: pd.DataFrame, machine: str) -> Figure | None:
    """Time of attention and of the LSTM as the knowledge grows, both axes logarithmic."""
    table = scaling.growth(cases)
    if table.empty:
        return None
    line = [*scaling.SERIES, "ranks"]
    problems = panels_of(table, [*scaling.SHAPE, "precision"], line, "ranks")
    figure, all_axes = panels(len(problems), 5.6)
    figure.set_size_inches(max(figure.get_size_inches()[0], 7.6), figure.get_size_inches()[1])
    for axes, problem in zip(all_axes, problems):
        several = problem["ranks"].nunique() > 1
        growth_lines(axes, problem, line, several)
        axes.set_xscale("log", base=2)
        axes.set_yscale("log")
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        axes.yaxis.set_major_formatter(SECONDS)
        axes.set_xlabel("m, knowledge vectors")
        axes.set_ylabel("time of all sequences")
        ratio_note(axes, problem, several)
        axes.set_title(scaling.shape_label(problem.iloc[0]) + ("" if several else f", {ranks_text(problem['ranks'].iloc[0])}"))
        axes.legend(**LEGEND_BELOW)
    return finish(figure, "Attention against the LSTM as the knowledge grows", machine)


def bounds(cases: pd.DataFrame, machine: str) -> Figure | None:
    """Fraction of the measured ceiling that each case reached; invalid cases are crosses."""
    if cases.empty:
        return None
    table = cases.sort_values(["study", "model", "m", "precision", "reduction", "ranks"]).iloc[::-1]
    labels = [f"{row['study']}: {scaling.series_label(row)}, m = {row['m']:,}, {ranks_text(row['ranks'])}" for _, row in table.iterrows()]
    figure, axes = plt.subplots(figsize=(11.5, 1.6 + 0.22 * len(table)))
    places = np.arange(len(table))
    good = (table["valid"] == 1).to_numpy()
    for number, bound in enumerate(sorted(table["bound"].unique())):
        mine = good & (table["bound"] == bound).to_numpy()
        axes.barh(places[mine], table["fraction_of_bound"].to_numpy()[mine], color=COLOURS[number % len(COLOURS)], label=f"of {bound}", height=0.7)
    if not good.all():
        axes.plot(np.zeros((~good).sum()) + 0.02, places[~good], "x", color="red", markersize=8, label="invalid: see the table")
    axes.set_yticks(places, labels, fontsize=8)
    axes.set_ylim(-0.7, len(table) - 0.3)
    axes.set_xlim(0, 1)
    axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    axes.set_xlabel("share of the ceiling that was measured in the same run, all ranks together")
    axes.grid(axis="y", visible=False)
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncol=4)
    return finish(figure, "How near to the machine's ceilings", machine)


def save(figure: Figure, folder: Path, name: str) -> None:
    for ending in ("png", "svg"):
        figure.savefig(folder / f"{name}.{ending}", dpi=150, metadata={"Date": None} if ending == "svg" else None)
    plt.close(figure)

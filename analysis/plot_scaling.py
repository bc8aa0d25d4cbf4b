# SPDX-License-Identifier: BSD-3-Clause
"""Figures of scaling: speed-up, efficiency, and attention against the LSTM."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, PercentFormatter

from . import roles, scaling
from .plot import LEGEND_BELOW, MOST_NOTES, MOST_PANELS, Page, at_most, base_note, finish, interval, pages, panels, panels_of, rank_axis, ranks_text, series_of, set_title, spread, style, time_axis  # fmt: skip

NOTE = 0.042  # of a panel's height, a line


def strong(cases: pd.DataFrame, samples: pd.DataFrame, machine: list[str]) -> Iterator[Page]:
    """Speed-up over the best one-rank time, with the ideal line, intervals and raw samples."""
    table = scaling.strong_scaling(cases)
    table = table[table.groupby(scaling.problem(table) + roles.columns(table, "model"))["ranks"].transform("nunique") > 1]
    if table.empty:
        return
    problems = panels_of(table, [*scaling.problem(table), "precision"], scaling.series(table), "model")
    for shown, words, left_out in pages(problems, MOST_PANELS, "panels"):
        figure, all_axes = panels(len(shown), 5.0)
        for axes, problem in zip(all_axes, shown):
            draw_speedup(axes, problem, samples)
            set_title(axes, scaling.problem_label(problem.iloc[0]), f"m = {problem['m'].iloc[0]:,}")
        yield Page(finish(figure, f"Strong scaling: the same problem on more ranks{words}", machine), left_out)


def draw_speedup(axes: Axes, problem: pd.DataFrame, samples: pd.DataFrame) -> None:
    ranks = np.array(sorted(problem["ranks"].unique()))
    axes.plot(ranks, ranks, "--", color="#888888", linewidth=1, label="ideal")
    for number, (label, rows) in enumerate(series_of(problem)):
        look = style(number)
        spread(axes, rows, samples, look["color"], lambda row, seconds: row["base_seconds"] / seconds)
        interval(axes, rows["ranks"], rows["speedup"], rows["speedup_low"], rows["speedup_high"], label=label, **look)
    rank_axis(axes, problem["ranks"])
    axes.set_ylim(0, max(ranks.max(), problem["speedup_high"].max()) * 1.12)
    axes.set_ylabel("speed-up over one rank")
    axes.legend(**LEGEND_BELOW)
    base_note(axes, problem, "top")


def efficiency(cases: pd.DataFrame, samples: pd.DataFrame, machine: list[str]) -> Iterator[Page]:
    """Parallel efficiency of strong scaling: speed-up over ranks."""
    table = scaling.strong_scaling(cases)
    table = table[table.groupby(scaling.problem(table) + roles.columns(table, "model"))["ranks"].transform("nunique") > 1]
    if table.empty:
        return
    table = table.assign(efficiency_low=table["speedup_low"] / table["ranks"], efficiency_high=table["speedup_high"] / table["ranks"])
    problems = panels_of(table, [*scaling.problem(table), "precision"], scaling.series(table), "model")
    for shown, words, left_out in pages(problems, MOST_PANELS, "panels"):
        figure, all_axes = panels(len(shown))
        for axes, problem in zip(all_axes, shown):
            draw_efficiency(axes, problem, samples, strong=True)
            set_title(axes, scaling.problem_label(problem.iloc[0]), f"m = {problem['m'].iloc[0]:,}")
        yield Page(finish(figure, f"Strong scaling: parallel efficiency{words}", machine), left_out)


def draw_efficiency(axes: Axes, problem: pd.DataFrame, samples: pd.DataFrame, strong: bool) -> None:
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


def weak(cases: pd.DataFrame, samples: pd.DataFrame, machine: list[str]) -> Iterator[Page]:
    """Weak-scaling efficiency: every rank brings its own knowledge."""
    table = scaling.weak_scaling(cases)
    if table.empty or table["ranks"].nunique() < 2:
        return
    problems = panels_of(table, [*scaling.problem(table, "m"), "share", "precision"], scaling.series(table), "model")
    for shown, words, left_out in pages(problems, MOST_PANELS, "panels"):
        figure, all_axes = panels(len(shown))
        for axes, problem in zip(all_axes, shown):
            draw_efficiency(axes, problem, samples, strong=False)
            set_title(axes, scaling.problem_label(problem.iloc[0]), f"m = {problem['share'].iloc[0]:,} a rank")
        yield Page(finish(figure, f"Weak scaling: more ranks, more knowledge{words}", machine), left_out)


def growth_lines(axes: Axes, problem: pd.DataFrame, line: list[str], several: bool) -> None:
    for number, ((*_, ranks), rows) in enumerate(problem.groupby(line, sort=False)):
        rows = rows.sort_values("m")
        label = scaling.series_label(rows.iloc[0]) + (f", {ranks_text(ranks)}" if several else "")
        if rows["m"].nunique() > 1:
            exponent = scaling.slope(rows["m"].to_numpy(), rows["seconds_median"].to_numpy())
            label += f": ~ m^{exponent:.2f}"
        dashes = "-" if rows["model"].iloc[0] == "lstm" else "--"
        interval(axes, rows["m"], rows["seconds_median"], rows["seconds_low"], rows["seconds_high"], label=label, linestyle=dashes, **style(number))


def ratio_note(axes: Axes, problem: pd.DataFrame, several: bool) -> None:
    """Below the lines: how many times longer the LSTM takes at the largest size."""
    ratios = scaling.lstm_ratio(problem)
    ratios = ratios[ratios["m"] == ratios["m"].max()]
    ranks = [f", {ranks_text(count)}" if several else "" for count in ratios["ranks"]]
    notes = [f"LSTM / {row['label']} at m = {row['m']:,}{more}: {row['ratio']:.1f}" for (_, row), more in zip(ratios.iterrows(), ranks)]
    notes = at_most(notes, MOST_NOTES)
    axes.text(0.98, 0.02, "\n".join(notes), transform=axes.transAxes, fontsize=8.5, va="bottom", ha="right", color="#444444")
    low, high = axes.get_ylim()
    share = NOTE * (len(notes) + 1)
    axes.set_ylim(low * (low / high) ** (share / (1 - share)), high)


def growth(cases: pd.DataFrame, machine: list[str]) -> Iterator[Page]:
    """Time of attention and of the LSTM as the knowledge grows, both axes logarithmic."""
    table = scaling.growth(cases)
    if table.empty:
        return
    line = [*scaling.series(table), "ranks"]
    problems = panels_of(table, [*scaling.problem(table, "m"), "precision"], line, "ranks")
    for shown, words, left_out in pages(problems, MOST_PANELS, "panels"):
        figure, all_axes = panels(len(shown), 5.6)
        figure.set_size_inches(max(figure.get_size_inches()[0], 7.6), figure.get_size_inches()[1])
        for axes, problem in zip(all_axes, shown):
            draw_growth(axes, problem, line)
        yield Page(finish(figure, f"Attention against the LSTM as the knowledge grows{words}", machine), left_out)


def draw_growth(axes: Axes, problem: pd.DataFrame, line: list[str]) -> None:
    several = problem["ranks"].nunique() > 1
    growth_lines(axes, problem, line, several)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.minorticks_off()
    axes.set_xlabel("m, knowledge vectors")
    axes.set_ylabel("time of all sequences")
    ratio_note(axes, problem, several)
    time_axis(axes)
    set_title(axes, scaling.shape_label(problem.iloc[0]), "" if several else ranks_text(problem["ranks"].iloc[0]))
    axes.legend(**LEGEND_BELOW)

# SPDX-License-Identifier: BSD-3-Clause
"""Figures of a bar a case: where the time goes, and how near it is to the ceilings."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from . import roles, scaling
from .plot import COLOURS, MOST_BARS, Page, finish, pages, ranks_text, seconds_text

SPLIT = {"compute": "#0072B2", "copy": "#56B4E9", "exchange": "#D55E00", "wait": "#BBBBBB"}  # copy: to and from devices
ORDER = ["study", "machine", "model", "m", "precision", "reduction", "ranks", "case"]


def case_labels(table: pd.DataFrame) -> pd.Series:
    """What tells the cases apart: study, series, m and ranks, and more only where that leaves several alike."""
    words = [f"{scaling.study_label(row)}: {scaling.series_label(row)}, m = {row['m']:,}, {ranks_text(row['ranks'])}" for _, row in table.iterrows()]
    names = [*roles.columns(table, "problem", "model", "method", "exchange", "place"), "case"]
    return pd.Series(roles.told_apart(words, table, names), index=table.index, dtype=object)


def bar_pages(table: pd.DataFrame) -> Iterator[tuple[pd.DataFrame, str, str]]:
    """The rows of each page from below, words for its title, and what is left out."""
    table = table.assign(label=case_labels(table)).sort_values(ORDER)
    for shown, words, left_out in pages(list(range(len(table))), MOST_BARS, "cases"):
        yield table.iloc[shown[::-1]], words, left_out


def bar_axes(rows: pd.DataFrame, labels: list[str], inches: float) -> tuple[Figure, Axes]:
    """A place for a bar a row, and room for their labels, the longest of which decides how wide the page is."""
    figure = Figure(figsize=(7 + 0.065 * max(map(len, labels)), 1.6 + inches * len(rows)))
    axes = figure.subplots()
    axes.set_yticks(np.arange(len(rows)), labels, fontsize=8)
    axes.set_ylim(-0.7, len(rows) - 0.3)
    axes.set_xlim(0, 1)
    axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    axes.grid(axis="y", visible=False)
    return figure, axes


def split(cases: pd.DataFrame, machine: list[str]) -> Iterator[Page]:
    """Where the time goes: compute, copies of devices, exchange, wait; one bar a case."""
    table = scaling.valid(cases)
    table = table[(table["ranks"] > 1) | (table["copy"] > 0)]
    for rows, words, left_out in bar_pages(table):
        figure, axes = bar_axes(rows, [f"{row['label']} ({seconds_text(row['seconds_median'])})" for _, row in rows.iterrows()], 0.3)
        total = sum(rows[name] for name in SPLIT)
        left = np.zeros(len(rows))
        for (name, colour), hatch in zip(SPLIT.items(), ("", "\\\\", "//", "..")):
            if name == "copy" and not (table["copy"] > 0).any():
                continue
            share = (rows[name] / total).to_numpy()
            axes.barh(np.arange(len(rows)), share, left=left, color=colour, hatch=hatch, edgecolor="white", label=name, height=0.75)
            left += share
        axes.set_xlabel("share of a repetition (mean over ranks); in brackets: its median time")
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncol=4)
        yield Page(finish(figure, f"Where the time goes{words}", machine), left_out)


def bounds(cases: pd.DataFrame, machine: list[str]) -> Iterator[Page]:
    """Fraction of the measured ceiling that each case reached; invalid cases are crosses."""
    names = sorted(cases["bound"].unique())
    for rows, words, left_out in bar_pages(cases):
        figure, axes = bar_axes(rows, list(rows["label"]), 0.22)
        places, good = np.arange(len(rows)), (rows["valid"] == 1).to_numpy()
        for number, bound in enumerate(names):
            mine = good & (rows["bound"] == bound).to_numpy()
            if mine.any():
                axes.barh(places[mine], rows["fraction_of_bound"].to_numpy()[mine], color=COLOURS[number % len(COLOURS)], label=f"of {bound}", height=0.7)
        if not good.all():
            axes.plot(np.zeros((~good).sum()) + 0.02, places[~good], "x", color="red", markersize=8, label="invalid: see the table")
        axes.set_xlabel("share of the ceiling that was measured in the same run, all ranks together")
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncol=4)
        yield Page(finish(figure, f"How near to the machine's ceilings{words}", machine), left_out)

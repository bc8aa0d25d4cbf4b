# SPDX-License-Identifier: BSD-3-Clause
"""What all figures have in common; only plot*.py know matplotlib.

Each figure is a generator of pages, of none without data, so that its size is bounded whatever a campaign measures: so many
panels or bars a page and so many pages, spread evenly over all where there are more.

Texts of users are neither mathematics nor markup, and settings of users (matplotlibrc, MPLBACKEND) do not count: everything
is drawn under `own_style`, without pyplot.
"""

import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import NamedTuple

import matplotlib
import numpy as np
import pandas as pd
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, FuncFormatter, LogLocator, NullFormatter

from . import roles, scaling
from .printable import distinct, escaped, short

# Okabe & Ito: told apart with every common colour vision; markers and dashes say the same once more.
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"]
MARKERS = ["o", "s", "^", "D", "v", "P", "X"]
SECONDS = EngFormatter(unit="s", usetex=False, useMathText=False)  # made outside of own_style
LEGEND_BELOW = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.14), "ncol": 2, "columnspacing": 1.2, "handletextpad": 0.5}
MACHINE_WIDTH = 20  # characters an inch
PANEL_WIDTH = 76  # characters
MOST_MACHINE_LINES = 4
MOST_LINES = 10  # of a panel
MOST_NOTES = 5  # of a panel
MOST_TICKS = 9
MOST_PANELS, MOST_BARS, MOST_PAGES = 12, 60, 4  # of a page, of a page, of a figure
MOST_LETTERS = 36  # of a name
STYLE = {
    "font.size": 10,
    "font.family": "DejaVu Sans",
    "axes.titlesize": 10,
    "axes.grid": True,
    "axes.unicode_minus": False,
    "grid.alpha": 0.3,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.hashsalt": "knowscale",
    "legend.frameon": False,
    "legend.fontsize": 9,
    "text.parse_math": False,
    "text.usetex": False,
}


class Page(NamedTuple):
    figure: Figure
    left_out: str = ""  # what of the figure is on no page


@contextmanager
def own_style() -> Iterator[None]:
    """The defaults of matplotlib and ours, and no setting of the user's; then the user's again."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        yield


@cache
def glyphs() -> frozenset[int]:
    font = font_manager.get_font(font_manager.findfont(STYLE["font.family"]))
    return frozenset(font.get_charmap())


def drawable(text: str) -> str:
    """Short, and without characters that the font lacks."""
    return "".join(c if ord(c) in glyphs() else escaped(c) for c in short(text, MOST_LETTERS))


def drawable_names(cases: pd.DataFrame) -> pd.DataFrame:
    """The table with its texts as a picture shows them; different texts stay different."""
    texts = {column: cases[column] for column in cases if cases[column].dtype == object}
    return cases.assign(**{column: values.map(distinct(values, drawable)) for column, values in texts.items()})


def evenly(items: list, most: int) -> list:
    """At most so many of them, spread evenly."""
    places = np.unique(np.linspace(0, len(items) - 1, min(len(items), most)).round().astype(int)) if items else []
    return [items[place] for place in places]


def pages(items: list, most: int, what: str) -> list[tuple[list, str, str]]:
    """(items of a page, words for its title, what is left out of all pages)."""
    shown = evenly(items, most * MOST_PAGES)
    count = -(-len(shown) // most)
    size = -(-len(shown) // max(count, 1))
    left_out = f"{len(shown):,} of {len(items):,} {what}" if len(shown) < len(items) else ""
    words = [f" (page {page + 1} of {count}{', ' if left_out else ''}{left_out})" if count > 1 else "" for page in range(count)]
    return [(shown[page * size : (page + 1) * size], words[page], left_out) for page in range(count)]


def seconds_text(seconds: float) -> str:
    """Four digits and an SI prefix."""
    return SECONDS(float(f"{seconds:.4g}"))


def ranks_text(ranks: int) -> str:
    return f"{ranks} rank{'s' if ranks > 1 else ''}"


def style(number: int) -> dict:
    """Colours come again with other markers."""
    marker = MARKERS[(number + number // len(COLOURS)) % len(MARKERS)]
    return {"color": COLOURS[number % len(COLOURS)], "marker": marker, "markersize": 6}


def panels(count: int, height: float = 4.6, most: int = 3) -> tuple[Figure, list[Axes]]:
    columns = min(count, 2 if count <= 4 else most)
    rows = -(-count // columns)
    figure = Figure(figsize=(6.2 * columns, height * rows + 0.5))
    flat = list(figure.subplots(rows, columns, squeeze=False).ravel())
    for unused in flat[count:]:
        unused.set_visible(False)
    return figure, flat[:count]


def machine_lines(machine: list[str], letters: int) -> list[str]:
    """Those of report.txt, as far as there is room."""
    shown = ["".join(c if ord(c) in glyphs() else escaped(c) for c in line) for line in machine[:MOST_MACHINE_LINES]]
    lines = [part for line in shown for part in textwrap.wrap(line, letters)]
    if len(machine) > MOST_MACHINE_LINES or len(lines) > MOST_MACHINE_LINES:
        lines = [*lines[: MOST_MACHINE_LINES - 1], "and more: see report.txt"]
    return lines


def finish(figure: Figure, title: str, machine: list[str]) -> Figure:
    figure.suptitle(title, fontsize=13, fontweight="bold", y=1 - 0.12 / figure.get_size_inches()[1], va="top")
    width, height = figure.get_size_inches()
    lines = machine_lines(machine, int(MACHINE_WIDTH * width))
    figure.text(0.01, 0.05 / height, "\n".join(lines), fontsize=7, color="#555555")
    figure.tight_layout(rect=(0, (0.1 + 0.13 * len(lines)) / height, 1, 1))
    return figure


def set_title(axes: Axes, *lines: str, **options: float) -> None:
    """Lines as wide as a panel at most."""
    axes.set_title("\n".join(part for line in lines for part in textwrap.wrap(line, PANEL_WIDTH)), **options)


def time_axis(axes: Axes) -> None:
    """A logarithmic axis of seconds: powers of ten, or more where it spans few; the limits stand already."""
    low, high = axes.get_ylim()
    axes.yaxis.set_major_locator(LogLocator(subs=(1,) if high > 100 * low else (1, 2, 5)))
    axes.set_yticks([seconds for seconds in axes.get_yticks() if low <= seconds <= high])
    axes.yaxis.set_major_formatter(SECONDS)
    axes.yaxis.set_minor_formatter(NullFormatter())


def rank_axis(axes: Axes, ranks: pd.Series) -> None:
    ticks = sorted(ranks.unique())
    axes.set_xscale("log", base=2)
    axes.set_xticks(evenly(ticks, MOST_TICKS))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.minorticks_off()
    axes.set_xlim(min(ticks) / 1.15, max(ticks) * 1.15)
    axes.set_xlabel("MPI ranks")


def series_of(table: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """(label, rows) for each series, in the order of the file."""
    names = scaling.series(table)
    groups = [rows for _, rows in table.groupby(names, sort=False)]
    first = pd.DataFrame([rows.iloc[0] for rows in groups])
    labels = roles.told_apart([scaling.series_label(row) for _, row in first.iterrows()], first, names)
    return [(label, rows.sort_values("ranks")) for label, rows in zip(labels, groups)]


def panels_of(table: pd.DataFrame, same: list[str], lines: list[str], apart: str) -> list[pd.DataFrame]:
    """The rows of each panel: a problem; where that has too many lines, a panel for each of `apart`, or several."""
    parts = []
    for _, problem in table.groupby(same, sort=False):
        crowded = problem.groupby(lines).ngroups > MOST_LINES
        for mine in [mine for _, mine in problem.groupby(apart, sort=False)] if crowded else [problem]:
            series = [rows for _, rows in mine.groupby(lines, sort=False)]
            parts += [pd.concat(series[begin : begin + MOST_LINES]) for begin in range(0, len(series), MOST_LINES)]
    return parts


def spread(axes: Axes, rows: pd.DataFrame, samples: pd.DataFrame, colour: str, value: Callable) -> None:
    """Raw samples as faint points, a little to the side, so that the interval stays readable."""
    generator = np.random.default_rng(1)
    for _, row in rows.iterrows():
        seconds = samples.loc[samples["case"] == row["case"], "seconds"].to_numpy()[:200]
        x = row["ranks"] * generator.uniform(0.97, 1.03, len(seconds))
        axes.plot(x, value(row, seconds), ".", color=colour, alpha=0.25, markersize=3, zorder=1)


def interval(axes: Axes, x: pd.Series, y: pd.Series, low: pd.Series, high: pd.Series, **options) -> None:
    axes.errorbar(x, y, yerr=[np.maximum(y - low, 0), np.maximum(high - y, 0)], capsize=3, linewidth=1.5, **options)


def at_most(lines: list[str], most: int) -> list[str]:
    return lines if len(lines) <= most else [*lines[: most - 1], f"and {len(lines) - most + 1} more"]


def base_note(axes: Axes, table: pd.DataFrame, at: str) -> None:
    """On the left, where all lines meet at one rank: "top" or "bottom"."""
    bases = table.drop_duplicates(["base_label", "base_seconds"])
    lines = [f"base: {row['base_label']}, 1 rank, {seconds_text(row['base_seconds'])}" for _, row in bases.iterrows()]
    axes.text(0.02, 0.98 if at == "top" else 0.02, "\n".join(at_most(lines, MOST_NOTES)), transform=axes.transAxes, fontsize=7.5, va=at, color="#444444")


def save(figure: Figure, folder: Path, name: str) -> None:
    for ending in ("png", "svg"):
        figure.savefig(folder / f"{name}.{ending}", dpi=150, metadata={"Date": None} if ending == "svg" else None)

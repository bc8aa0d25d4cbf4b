# SPDX-License-Identifier: BSD-3-Clause
"""The figure of symmetries: models down, symmetries across, in each cell the error on a logarithmic axis beside its bound."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from . import symmetry
from .plot import Page, finish

# Shape, side of the bound and ground say the same as the colour.
KEPT = {"color": "#0072B2", "marker": "o", "markersize": 7}
BROKEN = {"color": "#D55E00", "marker": "D", "markersize": 6.5}
FAILED = {"color": "#000000", "marker": "X", "markersize": 10}
UNTOLD = {"color": "#777777", "marker": "s", "markersize": 6}
GROUND = {"keeps": "#DCEBF5", "breaks": "#FBE6D6", "failed": "#FFE600", "untold": "#EEEEEE"}
LEAST = 0.1  # units of roundoff; at the left end of a cell's axis, where an error of 0 lies too
MARGIN = 0.07  # of a cell's width
ROW, COLUMN = 0.6, 1.3  # inches
PANEL = 0.9  # inches of titles above a panel


def units_text(units: float) -> str:
    """Two digits: 0.3, 12, 4e6; 0 is exact."""
    if not np.isfinite(units):
        return "not a number"
    if units == 0:
        return "0"
    return f"{units:.1g}" if units < 1 else f"{units:.0f}" if units < 1000 else f"{units:.0e}".replace("e+0", "e").replace("e+", "e")


def place(units: float, most: float) -> float:
    """Where an error lies across a cell, from 0 to 1."""
    if not np.isfinite(units):
        return 1 - MARGIN
    share = np.log(max(units, LEAST) / LEAST) / np.log(most / LEAST)
    return MARGIN + (1 - 2 * MARGIN) * min(share, 1.0)


def draw_lane(axes: Axes, row: pd.Series, left: int, middle: float, height: float, most: float) -> None:
    """A check in the cell whose left edge is `left`: ground, axis, bound, error, and its size in units of roundoff."""
    failed, untold = row["failed"] > 0, row["untold"] == row["count"]
    ground = GROUND["failed" if failed else "untold" if untold else row["expected"]]
    axes.add_patch(Rectangle((left, middle - height / 2), 1, height, facecolor=ground, edgecolor="none", zorder=0))
    line, lift = middle + 0.2 * height, 0.2 * min(height, 0.7)
    axes.plot([left + MARGIN, left + 1 - MARGIN], [line, line], color="#999999", linewidth=0.8, zorder=1)
    bound, error = (left + place(row[f"{name}_units"], most) for name in ("bound", "error"))
    axes.plot([bound, bound], [line - lift, line + lift], color="#000000", linewidth=1.6, zorder=2)
    look = FAILED if failed else UNTOLD if untold else KEPT if row["expected"] == "keeps" else BROKEN
    axes.plot(error, line, linestyle="none", zorder=3, markeredgecolor="white", markeredgewidth=0.7, **look)
    words = f"FAILED: should {row['expected'].rstrip('s')}" if failed else "cannot be told" if untold else units_text(row["error_units"])
    above = {"y": middle - 0.45 * height, "fontsize": 6.5, "va": "top", "zorder": 2}
    axes.text(left + MARGIN / 2, s=words, fontweight="bold" if failed else "normal", **above)
    axes.text(left + 1 - MARGIN / 2, s=row["when"], ha="right", style="italic", **above)


def draw_panel(axes: Axes, cells: pd.DataFrame, symmetries: list[str], most: float) -> None:
    models = symmetry.ordered(cells["model"], symmetry.MODELS)
    for row, column in np.ndindex(len(models), len(symmetries)):
        axes.text(column + 0.5, row + 0.5, "not checked", fontsize=6.5, ha="center", va="center", color="#999999", zorder=-1)
    for (model, name), lanes in cells.groupby(["model", "symmetry"], sort=False):
        top, height = models.index(model), 1 / len(lanes)
        for lane, (_, row) in enumerate(lanes.iterrows()):
            draw_lane(axes, row, symmetries.index(name), top + (lane + 0.5) * height, height, most)
    for edge in range(len(models) + 1):
        axes.axhline(edge, color="white", linewidth=3, zorder=4)
    for edge in range(len(symmetries) + 1):
        axes.axvline(edge, color="white", linewidth=3, zorder=4)
    axes.set_xlim(0, len(symmetries))
    axes.set_ylim(len(models), 0)
    axes.set_xticks(np.arange(len(symmetries)) + 0.5, [name.replace(" ", "\n", 1) for name in symmetries])
    axes.set_yticks(np.arange(len(models)) + 0.5, models)
    axes.tick_params(length=0, labeltop=True, labelbottom=False)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.set_title(f"{cells['precision'].iloc[0]}: errors in units of roundoff, each axis from {LEAST:g} to {units_text(most)}", loc="left", pad=34)


def legend(figure: Figure, failed: bool) -> None:
    looks = {"kept: error left of the bound": KEPT, "broken: error far right of it": BROKEN}
    if failed:
        looks["FAILED: not as expected"] = FAILED
    handles = [Line2D([], [], linestyle="none", label=label, **look) for label, look in looks.items()]
    handles.append(Line2D([], [], linestyle="none", marker="|", markersize=11, markeredgewidth=1.6, color="#000000", label="bound from roundoff"))
    figure.legend(handles=handles, loc="upper center", ncol=len(handles), bbox_to_anchor=(0.5, 1 - 0.38 / figure.get_size_inches()[1]))


def table(checks: pd.DataFrame, cases: pd.DataFrame, machine: list[str]) -> Iterator[Page]:
    """Every model against every symmetry, one panel per precision; in a cell, the check nearest to failing."""
    cells = symmetry.worst(checks, cases)
    if cells.empty:
        return
    symmetries = symmetry.ordered(cells["symmetry"], symmetry.SYMMETRIES)
    precisions = [mine for _, mine in cells.groupby("precision", sort=False)]
    heights = [mine["model"].nunique() for mine in precisions]
    size = (max(1.3 + COLUMN * len(symmetries), 9), 0.9 + sum(ROW * height + PANEL for height in heights))
    figure = Figure(figsize=size)
    all_axes = figure.subplots(len(precisions), 1, squeeze=False, height_ratios=heights)
    for axes, mine in zip(all_axes[:, 0], precisions):
        units = mine[["error_units", "bound_units"]].to_numpy()
        draw_panel(axes, mine, symmetries, 10 * units[np.isfinite(units)].max(initial=1.0))
    finish(figure, "Symmetries: what each model keeps and breaks", machine)
    figure.subplots_adjust(top=1 - (0.6 + PANEL) / size[1], hspace=PANEL / ROW / np.mean(heights))
    legend(figure, bool((cells["failed"] > 0).any()))
    yield Page(figure)

# SPDX-License-Identifier: BSD-3-Clause
"""A folder with figures, tables and a page that shows them.

report.txt, cases.csv and index.html are always there: a figure or a section that fails costs itself alone, and is named.
"""

import html
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from . import plot, plot_bars, plot_exchange, plot_scaling, plot_symmetry
from .load import Result
from .printable import printable, short
from .report_text import MOST_LETTERS, text_report

# Name of the file, heading, how to read it, and what is missing where it could not be drawn (nothing: not worth a word).
FIGURES = {
    "strong": ("Strong scaling", "Above the dashed line is impossible but for caches; the gap below it is exchange, waiting and idle cores.", "needs one problem at one rank and at more"),
    "efficiency": ("Parallel efficiency", "Speed-up over ranks: the share of the machine that does useful work.", "needs one problem at one rank and at more"),
    "weak": ("Weak scaling", "Every rank brings its own knowledge: flat is perfect.", "needs a study with scaling = \"weak\" at one rank and at more"),
    "growth": ("Attention against the LSTM", "The LSTM reads the knowledge one vector after another; ranks cannot share that chain.", "needs a study with a model of attention, the LSTM and two sizes m or more"),
    "split": ("Where the time goes", "Exchange is what is left after the last rank has computed; wait is the mean over ranks of waiting for it.", "needs a case with two ranks or more"),
    "bounds": ("How near to the ceilings", "Time at the ceiling over the time measured.", "needs a case"),
    "symmetry": ("Symmetries", "Each cell is a logarithmic axis of errors, its tick the bound that roundoff explains: a model keeps the symmetry where the point lies left of the tick, and breaks it where far to the right. The number is the error in units of roundoff, of the check nearest to failing over all kernels, reductions and ranks.", ""),
    "reductions": ("Reductions", "Exchange with each reduction: points above their dashes took longer than predicted; the bar along the top is the fastest at each size, pale where the second's interval meets its own. ring passes keys and values on, the same at every size.", ""),
    "overlap": ("Reductions: overlapped", "Left of 100 % exchange beside compute is faster than after it, no more than to the black bar, where all exchange is hidden, but for noise; one tile leaves nothing to compute beside its exchange.", ""),
}  # fmt: skip



ENDINGS = ("png", "svg")


@dataclass
class Written:
    """What a report came to: report.txt, and what could not be done."""

    text: str = ""
    failures: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)  # of figures
    images: dict[str, list[str]] = field(default_factory=dict)  # names of files by figure

    def attempt(self, name: str, call: Callable[[], object]) -> object:
        """Its result, or None and a word about the failure. What the folder does not take is no failure of the figure."""
        try:
            return call()
        except OSError:
            raise
        except Exception as error:  # noqa: BLE001, whatever strange numbers do to a figure, the rest has to be written
            reason = short(printable(" ".join(str(error).split())), 200)
            self.failures.append(f"no {name}: {type(error).__name__}: {reason}: cases.csv has the numbers")
            return None


def figures(result: Result) -> dict[str, Callable[[], Iterator[plot.Page]]]:
    """What draws each figure, page by page."""
    machine, cases, samples = result.machine_lines, plot.drawable_names(result.cases), result.samples
    checks = plot.drawable_names(result.symmetry)
    return {
        "strong": lambda: plot_scaling.strong(cases, samples, machine),
        "efficiency": lambda: plot_scaling.efficiency(cases, samples, machine),
        "weak": lambda: plot_scaling.weak(cases, samples, machine),
        "growth": lambda: plot_scaling.growth(cases, machine),
        "split": lambda: plot_bars.split(cases, machine),
        "bounds": lambda: plot_bars.bounds(cases, machine),
        "symmetry": lambda: plot_symmetry.table(checks, cases, machine),
        "reductions": lambda: plot_exchange.exchange(cases, samples, machine),
        "overlap": lambda: plot_exchange.overlap(cases, machine),
    }


def image_names(name: str) -> list[str]:
    """Of all pages that a figure may have."""
    return [name if page == 1 else f"{name}-{page}" for page in range(1, plot.MOST_PAGES + 1)]


def draw(written: Written, name: str, make: Callable[[], Iterator[plot.Page]], folder: Path) -> None:
    """Saves the pages of one figure."""
    images, left_out = written.images.setdefault(name, []), ""
    for image, page in zip(image_names(name), make()):
        plot.save(page.figure, folder, image)
        images.append(image)
        left_out = page.left_out
    if left_out:
        written.notes.append(f"figure {name} shows {left_out}, spread evenly: cases.csv has all")
    if not images and FIGURES[name][2]:
        written.notes.append(f"no figure {name}: it {FIGURES[name][2]}")


def draw_all(written: Written, result: Result, folder: Path) -> None:
    for name in FIGURES:
        for image in image_names(name):
            for ending in ENDINGS:
                (folder / f"{image}.{ending}").unlink(missing_ok=True)
    with plot.own_style():
        for name, make in figures(result).items():
            written.attempt(f"figure {name}", lambda name=name, make=make: draw(written, name, make, folder))


PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>knowscale: {campaign}</title>
<style>body{{font-family:sans-serif;max-width:75em;margin:2em auto;padding:0 1em;color:#222}}
img{{max-width:100%}}pre{{overflow-x:auto;font-size:12px;background:#f6f6f6;padding:1em}}figcaption{{color:#555}}</style></head>
<body><h1>knowscale: {campaign}</h1>{figures}<h2>All cases</h2><pre>{table}</pre></body></html>
"""


def page(result: Result, written: Written) -> str:
    parts = []
    for name, images in written.images.items():
        heading, reading, _ = FIGURES[name]
        shown = "".join(f'<a href="{image}.svg"><img src="{image}.png" alt="{heading}"></a>' for image in images)
        parts += [f"<h2>{heading}</h2><figure>{shown}<figcaption>{reading}</figcaption></figure>"] if images else []
    campaign = html.escape(short(result.campaign, MOST_LETTERS))
    return PAGE.format(campaign=campaign, figures="\n".join(parts), table=html.escape(written.text))


def write_report(result: Result, folder: Path) -> Written:
    """Fills the folder, made if need be."""
    folder.mkdir(parents=True, exist_ok=True)
    written = Written()
    result.cases.to_csv(folder / "cases.csv", index=False)
    draw_all(written, result, folder)
    text = text_report(result, written.attempt, written.notes)
    written.text = "\n".join([text.rstrip("\n"), *written.failures]) + "\n"
    (folder / "report.txt").write_text(written.text, encoding="utf-8")
    (folder / "index.html").write_text(page(result, written), encoding="utf-8")
    return written

# SPDX-License-Identifier: BSD-3-Clause
"""A folder with figures, tables and a page that shows them."""

import html
from pathlib import Path

import pandas as pd

from . import plot, plot_exchange, plot_symmetry, reductions, scaling, symmetry
from .load import Result

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


def machine_line(result: Result) -> str:
    names = ("cpu", "cores", "host", "mpi", "blas", "compiler", "start")
    cpu, cores, host, mpi, blas, compiler, start = (result.meta(name) for name in names)
    devices = "".join(f", {device}" for device in result.devices())
    return f"{cpu}, {cores} cores{devices}, host {host}; {mpi}; {blas}; {compiler}; {start}; knowscale {result.meta('revision')}"


def figures(result: Result) -> dict[str, object]:
    machine = machine_line(result)
    cases, samples = result.cases, result.samples
    return {
        "strong": plot.strong(cases, samples, machine),
        "efficiency": plot.efficiency(cases, samples, machine),
        "weak": plot.weak(cases, samples, machine),
        "growth": plot.growth(cases, machine),
        "split": plot.split(cases, machine),
        "bounds": plot.bounds(cases, machine),
        "symmetry": plot_symmetry.table(result.symmetry, cases, machine),
        "reductions": plot_exchange.exchange(cases, samples, machine),
        "overlap": plot_exchange.overlap(cases, machine),
    }


def milliseconds(seconds: float) -> str:
    return f"{1e3 * seconds:.4g}"


def case_lines(cases: pd.DataFrame) -> pd.DataFrame:
    """What the text table shows, a row a case."""
    rows = []
    strong = scaling.strong_scaling(cases).set_index("case")["speedup"] if len(cases) else pd.Series(dtype=float)
    for _, case in cases.iterrows():
        rows.append(
            {
                "case": case["case"],
                "study": case["study"],
                "series": scaling.series_label(case),
                "tokens": f"{case['n']} x {case['batch']}" if case["lengths"] == "equal" else f"{case['tokens']} in {case['batch']}",
                "m": case["m"],
                "d": case["d"],
                "ranks": case["ranks"],
                "ms": milliseconds(case["seconds_median"]),
                "95 % interval": f"{milliseconds(case['seconds_low'])} to {milliseconds(case['seconds_high'])}",
                "reps": case["repetitions"],
                "speed-up": f"{strong[case['case']]:.2f}" if case["case"] in strong.index else "",
                "of bound": f"{100 * case['fraction_of_bound']:.0f} % {case['bound']}",
                "error": f"{case['error']:.1e}",
                "result": "VALID" if case["valid"] == 1 else f"INVALID: {case['reason']}",
            }
        )
    return pd.DataFrame(rows)


def text_report(result: Result, missing: list[str]) -> str:
    cases = result.cases
    invalid = int((cases["valid"] != 1).sum())
    lines = [f"campaign {result.campaign}, {len(cases)} cases, {invalid} invalid", machine_line(result), ""]
    lines.append(case_lines(cases).to_string(index=False) if len(cases) else "no finished case")
    bases = scaling.strong_scaling(cases).drop_duplicates(["base_label", "base_seconds", "study", "m"])
    lines += ["", "speed-up is over the best one-rank time of the same problem, model and precision:"]
    lines += [f"  {row['study']}, m = {row['m']}: {row['base_label']}, {milliseconds(row['base_seconds'])} ms" for _, row in bases.iterrows()]
    ratios = scaling.lstm_ratio(scaling.growth(cases)) if len(cases) else pd.DataFrame()
    if len(ratios):
        lines += ["", "time of the LSTM over that of attention:", *ratio_lines(ratios)]
    lines += symmetry.lines(symmetry.worst(result.symmetry, cases)) + reduction_lines(result)
    return "\n".join([*lines, "", *missing]) + "\n"


def ratio_lines(ratios: pd.DataFrame) -> list[str]:
    """A line a problem, size and rank count."""
    lines = []
    for _, mine in ratios.groupby([*scaling.SHAPE, "precision", "m", "ranks"], sort=False):
        first = mine.iloc[0]
        problem = f"{scaling.shape_label(first)}, {first['precision']}, m = {first['m']}, {first['ranks']} rank{'s' if first['ranks'] > 1 else ''}"
        lines.append(f"  {problem}: " + ", ".join(f"{row['label']} {row['ratio']:.2f}" for _, row in mine.iterrows()))
    return lines


def contest_lines(contest: pd.DataFrame) -> list[str]:
    """Which reduction is fastest, from the smallest state to the largest."""
    first, size = contest.iloc[0], plot_exchange.bytes_text
    lines = [f"  {reductions.contest_label(first)}, {first['ranks']} ranks, result {first['result']}:"]
    lines.append(f"    {reductions.fastest(contest)['label'].iloc[0]} at {size(contest['state'].min())}")
    for _, change in reductions.crossovers(contest).iterrows():
        between = f"undecided between {size(change['below'])} and {size(change['above'])}, then {change['after']}"
        lines.append(f"    {change['after']} from {size(change['state'])}" if change["decided"] else f"    {between}")
    return lines


def model_lines(table: pd.DataFrame) -> list[str]:
    rows = [
        {
            "ranks": row["ranks"],
            "reduction": row["label"],
            "median": f"{row['median']:.2f}",
            "least": f"{row['least']:.2f} at {plot_exchange.bytes_text(row['least_at'])}",
            "most": f"{row['most']:.2f} at {plot_exchange.bytes_text(row['most_at'])}",
        }
        for _, row in reductions.model_error(table).iterrows()
    ]
    return ["", "exchange measured over predicted:", pd.DataFrame(rows).to_string(index=False)] if rows else []


def traffic_lines(cases: pd.DataFrame) -> list[str]:
    table = reductions.traffic(cases)
    table = table[table["counted"] > 0]
    if table.empty:
        return []
    shown = table.assign(worst=[f"{100 * worst:.3g} %" for worst in table["worst"]])
    shown.columns = ["ranks", "reduction", "cases", "counted", "messages equal", "bytes equal", "largest difference"]
    return ["", "messages and bytes that MPI was given, counted, against the formulas:", shown.to_string(index=False)]


def reduction_lines(result: Result) -> list[str]:
    """Crossovers, the model's error, counted traffic, and overlap; nothing where the file has none of it."""
    cases = result.cases
    table = reductions.exchange(cases, result.samples) if len(cases) else pd.DataFrame()
    pairs = reductions.overlap(cases)
    lines = []
    if len(table):
        lines += ["", "fastest exchange by the size of the state, interpolated between sizes; undecided where 95 % intervals meet:"]
        lines += [line for contest in reductions.contests(table) for line in contest_lines(contest)]
        lines += model_lines(table)
    lines += traffic_lines(cases)
    if len(pairs):
        lines += ["", "time overlapped over time plain, the medians anywhere in their intervals:"]
        lines += [f"  {row['study']}, {row['label']}, n = {row['n']}, m = {row['m']}, {row['ranks']} ranks: {row['ratio']:.3f} ({row['ratio_low']:.3f} to {row['ratio_high']:.3f})" for _, row in pairs.iterrows()]
    return ["", "Reductions", *lines] if lines else []


PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>knowscale: {campaign}</title>
<style>body{{font-family:sans-serif;max-width:75em;margin:2em auto;padding:0 1em;color:#222}}
img{{max-width:100%}}pre{{overflow-x:auto;font-size:12px;background:#f6f6f6;padding:1em}}figcaption{{color:#555}}</style></head>
<body><h1>knowscale: {campaign}</h1>{figures}<h2>All cases</h2><pre>{table}</pre></body></html>
"""


def page(result: Result, drawn: list[str], table: str) -> str:
    parts = []
    for name in drawn:
        heading, reading, _ = FIGURES[name]
        parts.append(f'<h2>{heading}</h2><figure><a href="{name}.svg"><img src="{name}.png" alt="{heading}"></a><figcaption>{reading}</figcaption></figure>')
    return PAGE.format(campaign=html.escape(result.campaign), figures="\n".join(parts), table=html.escape(table))


def write_report(result: Result, folder: Path) -> str:
    """Fills the folder (made if need be) and returns the text report."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn, missing = [], []
    for name, figure in figures(result).items():
        if figure is None:
            if FIGURES[name][2]:
                missing.append(f"no figure {name}: it {FIGURES[name][2]}")
            for ending in ("png", "svg"):
                (folder / f"{name}.{ending}").unlink(missing_ok=True)
            continue
        plot.save(figure, folder, name)
        drawn.append(name)
    text = text_report(result, missing)
    (folder / "report.txt").write_text(text, encoding="utf-8")
    result.cases.to_csv(folder / "cases.csv", index=False)
    (folder / "index.html").write_text(page(result, drawn, text), encoding="utf-8")
    return text

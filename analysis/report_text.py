# SPDX-License-Identifier: BSD-3-Clause
"""report.txt: the table of cases, and what figures show, in numbers."""

from collections.abc import Callable

import pandas as pd

from . import plot_exchange, reductions, scaling, symmetry
from .load import Result
from .printable import distinct, short

MOST_LETTERS = 60  # of a name, which cases.csv has whole
MOST_NUMBERS = 20


def readable_names(cases: pd.DataFrame) -> pd.DataFrame:
    """The table with long texts cut; different ones stay different."""
    texts = {column: cases[column] for column in cases if cases[column].dtype == object}
    return cases.assign(**{column: values.map(distinct(values, lambda text: short(text, MOST_LETTERS))) for column, values in texts.items()})


def milliseconds(seconds: float) -> str:
    return f"{1e3 * seconds:.4g}"


def case_lines(cases: pd.DataFrame) -> pd.DataFrame:
    """What the text table shows, one row per case."""
    rows = []
    strong = scaling.strong_scaling(cases).set_index("case")["speedup"] if len(cases) else pd.Series(dtype=float)
    for _, case in cases.iterrows():
        rows.append(
            {
                "case": case["case"],
                "study": scaling.study_label(case),
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
                "off f32": shown(case, "quantisation_error", ".1e"),
                "keys read": shown(case, "keys_read", ".1%"),
                "result": "VALID" if case["valid"] == 1 else f"INVALID: {case['reason']}",
            }
        )
    table = pd.DataFrame(rows)
    return table.drop(columns=[name for name in ("off f32", "keys read") if name in table and not table[name].any()])


def shown(case: pd.Series, column: str, form: str) -> str:
    """A number that not every case has, nor every file."""
    value = case.get(column, float("nan"))
    return "" if pd.isna(value) else format(value, form)


def table_lines(cases: pd.DataFrame) -> list[str]:
    return [case_lines(cases).to_string(index=False) if len(cases) else "no finished case"]


def base_lines(cases: pd.DataFrame) -> list[str]:
    bases = scaling.strong_scaling(cases).drop_duplicates(["base_label", "base_seconds", "study", "machine", "m"])
    lines = [f"  {scaling.study_label(row)}, m = {row['m']}: {row['base_label']}, {milliseconds(row['base_seconds'])} ms" for _, row in bases.iterrows()]
    return ["", "speed-up is over the best one-rank time of the same problem, model and precision:", *lines]


def lstm_lines(cases: pd.DataFrame) -> list[str]:
    ratios = scaling.lstm_ratio(scaling.growth(cases)) if len(cases) else pd.DataFrame()
    return ["", "time of the LSTM over that of attention:", *ratio_lines(ratios)] if len(ratios) else []


def numbers_text(numbers: list[int]) -> str:
    shown = ", ".join(map(str, numbers[:MOST_NUMBERS]))
    return f"case{'s' if len(numbers) > 1 else ''} {shown}" + (f" and {len(numbers) - MOST_NUMBERS} more" if len(numbers) > MOST_NUMBERS else "")


def apart_lines(cases: pd.DataFrame, samples: pd.DataFrame) -> list[str]:
    """What is left out because it would compare two machines; nothing where there is one."""
    if cases["machine"].nunique() < 2:
        return []
    comparisons = {
        "speed-ups": scaling.strong_scaling,
        "weak scaling": scaling.weak_scaling,
        "growth of attention and the LSTM": scaling.growth,
        "exchange against the size of the state": lambda table: reductions.exchange(table, samples),
        "overlapped against plain": reductions.overlap,
    }
    lines = []
    for name, compare in comparisons.items():
        alone = set(compare(cases.assign(machine=""))["case"]) - set(compare(cases)["case"])
        if alone:
            lines.append(f"  {name}: {numbers_text(sorted(alone))} left out, what they would be compared with was measured elsewhere")
    first = f"measured on {cases['machine'].nunique()} machines: no time is divided by, fitted to or ranked beside one of another"
    return ["", first, *lines]


def text_report(result: Result, attempt: Callable, notes: list[str]) -> str:
    """A section that cannot be written is left to `attempt`, which calls and may give back nothing."""
    cases, samples = readable_names(result.cases), result.samples
    invalid = int((cases["valid"] != 1).sum())
    sections = {
        "table of cases": lambda: table_lines(cases),
        "machines": lambda: apart_lines(cases, samples),
        "speed-ups": lambda: base_lines(cases),
        "ratios": lambda: lstm_lines(cases),
        "symmetries": lambda: symmetry.lines(symmetry.worst(result.symmetry, cases)),
        "reductions": lambda: reduction_lines(cases, samples),
    }
    lines = [f"campaign {short(result.campaign, MOST_LETTERS)}, {len(cases)} cases, {invalid} invalid", *result.machine_lines, ""]
    for name, make in sections.items():
        lines += attempt(f"section {name}", make) or []
    return "\n".join([*lines, "", *notes]) + "\n"


def ratio_lines(ratios: pd.DataFrame) -> list[str]:
    """A line a problem, size and rank count."""
    lines = []
    for _, mine in ratios.groupby([*scaling.problem(ratios), "precision", "ranks"], sort=False):
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


def reduction_lines(cases: pd.DataFrame, samples: pd.DataFrame) -> list[str]:
    """Crossovers, the model's error, counted traffic, and overlap; nothing where the file has none of it."""
    table = reductions.exchange(cases, samples) if len(cases) else pd.DataFrame()
    pairs = reductions.overlap(cases)
    lines = []
    if len(table):
        lines += ["", "fastest exchange by the size of the state, interpolated between sizes; undecided where 95 % intervals meet:"]
        lines += [line for contest in reductions.contests(table) for line in contest_lines(contest)]
        lines += model_lines(table)
    lines += traffic_lines(cases)
    if len(pairs):
        lines += ["", "time overlapped over time plain, the medians anywhere in their intervals:"]
        lines += [f"  {scaling.study_label(row)}, {row['label']}, n = {row['n']}, m = {row['m']}, {row['ranks']} ranks: {row['ratio']:.3f} ({row['ratio_low']:.3f} to {row['ratio_high']:.3f})" for _, row in pairs.iterrows()]
    return ["", "Reductions", *lines] if lines else []

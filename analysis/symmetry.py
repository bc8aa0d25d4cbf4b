# SPDX-License-Identifier: BSD-3-Clause
"""Which symmetries each model keeps and which it breaks, over all its kernels, reductions and ranks; pure functions, data
frame in, data frame out.

A cell is a model, a precision and a symmetry. Where some of a model's cases keep a symmetry and others break it (O(d) with one
key/value head and with several; the order of a sequence without a mask and with one) the cell has a row for each.
"""

import numpy as np
import pandas as pd

MODELS = ["knowledge", "self", "joint", "moment", "linear", "equivariant", "transformer", "lstm"]
SYMMETRIES = ["O(d)", "O(d_h) by head", "permuted knowledge", "permuted sequence", "ranks", "threads", "tiles", "scaled by 2", "shifted keys"]  # fmt: skip
PRECISIONS = ["f64", "f32", "bf16", "f16"]
CELL = ["precision", "model", "symmetry"]


def ordered(values: pd.Series, known: list[str]) -> list[str]:
    """The known ones in their order, then others as they come."""
    found = list(values.unique())
    return [name for name in known if name in found] + [name for name in found if name not in known]


def checks(symmetry: pd.DataFrame, cases: pd.DataFrame) -> pd.DataFrame:
    """The checks with their case's model, precision and mask. Adds margin: error over bound of what is
    kept, bound over error of what is broken; infinite for an error that is no number. What is kept passes up to 1;
    a bound of 0 asks for the same bits. What cannot be told (`told`, where the file says so) comes behind all else.
    """
    table = symmetry.merge(cases[["case", "model", "precision", "causal"]], on="case")
    error, bound = table["error"].to_numpy(float), table["bound"].to_numpy(float)
    keeps = (table["expected"] == "keeps").to_numpy()
    with np.errstate(divide="ignore", invalid="ignore"):
        margin = np.where(keeps, error / bound, bound / error)
    margin = np.where((error == 0) & keeps, 0.0, margin)
    told = table["told"].to_numpy() != 0 if "told" in table else np.ones(len(table), bool)
    return table.assign(told=told, margin=np.where(told, np.where(np.isfinite(error), margin, np.inf), -np.inf))


def heads_text(heads: set) -> str:
    return f"{', '.join(map(str, sorted(heads)))} kv head{'s' if max(heads) > 1 else ''}"


def mask_text(causal: set) -> str:
    return "causal" if causal == {"yes"} else "no mask"


def condition(mine: pd.DataFrame, others: pd.DataFrame) -> str:
    """What tells these checks from the cell's others of another expectation; empty where there are none."""
    for column, words in {"kv_heads": heads_text, "causal": mask_text}.items():
        if len(others) and not set(mine[column]) & set(others[column]):
            return words(set(mine[column]))
    return ""


def worst(symmetry: pd.DataFrame, cases: pd.DataFrame) -> pd.DataFrame:
    """For each cell and expectation, in the order of models and symmetries, the check with the largest margin.

    Adds when (of which cases that is expected, where not of all), count, failed and untold (checks), and error_units and
    bound_units, the error and its bound in units of roundoff.
    """
    columns = [*CELL, "expected", "when", "error_units", "bound_units", "count", "failed", "untold"]
    if symmetry.empty:
        return pd.DataFrame(columns=columns)
    table = checks(symmetry, cases)
    rows = []
    for cell, here in table.groupby(CELL, sort=False):
        for expected in ("keeps", "breaks"):
            mine, others = here[here["expected"] == expected], here[here["expected"] != expected]
            if mine.empty:
                continue
            row = mine.loc[mine["margin"].idxmax()]
            units = [row["error"] / row["roundoff"], row["bound"] / row["roundoff"]]
            rows.append([*cell, expected, condition(mine, others), *units, len(mine), int((mine["passed"] != 1).sum()), int((~mine["told"]).sum())])
    return in_order(pd.DataFrame(rows, columns=columns))


def in_order(cells: pd.DataFrame) -> pd.DataFrame:
    known = dict(zip(CELL, (PRECISIONS, MODELS, SYMMETRIES)))
    places = {name: {value: place for place, value in enumerate(ordered(cells[name], known[name]))} for name in CELL}
    return cells.sort_values(CELL, key=lambda column: column.map(places[column.name]), kind="stable").reset_index(drop=True)


def result_text(row: pd.Series) -> str:
    if row["failed"] > 0:
        return f"FAILED: {row['failed']}"
    if row["untold"] == row["count"]:
        return "cannot be told"
    return "as expected" + (f", {row['untold']} cannot be told" if row["untold"] else "")


def lines(cells: pd.DataFrame) -> list[str]:
    """`worst` as a plain table."""
    rows = [
        {
            "model": row["model"],
            "precision": row["precision"],
            "symmetry": row["symmetry"],
            "expected": row["expected"] + (f" ({row['when']})" if row["when"] else ""),
            "worst error": f"{row['error_units']:.3g}",
            "bound": f"{row['bound_units']:.3g}",
            "checks": row["count"],
            "result": result_text(row),
        }
        for _, row in cells.iterrows()
    ]
    heading = ["Symmetries", "", "errors and bounds in units of roundoff, of the check nearest to failing:"]
    return ["", *heading, pd.DataFrame(rows).to_string(index=False)] if rows else []

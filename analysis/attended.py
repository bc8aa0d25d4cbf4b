# SPDX-License-Identifier: BSD-3-Clause
"""What the tokens of a sentence attend to, as lines of text; pure functions, rows of /attended in, lines out."""

import re

import pandas as pd

FIELD = 2  # blanks between columns


def short(label: str) -> str:
    """Without WordNet's offset: dog.n.02084071 is dog.n."""
    return re.sub(r"\.\d{8}$", "", label)


def name_of_vector(row: pd.Series) -> str:
    return short(row["label"]) if row["label"] else f"vector {row['vector']}"


def name_of_token(row: pd.Series) -> str:
    return row["word"] if row["word"] else f"token {row['token']}"


def table_lines(rows: list[list[str]]) -> list[str]:
    """Columns as wide as their widest text."""
    widths = [max(len(row[column]) for row in rows if column < len(row)) for column in range(max(map(len, rows)))]
    return [(" " * FIELD).join(text.ljust(width) for text, width in zip(row, widths)).rstrip() for row in rows]


def sentence_lines(rows: pd.DataFrame, top: int) -> list[str]:
    """The sentence, then one line per token (and head, where there are several): the most attended and their weights."""
    heads = rows["head"].nunique() > 1
    tokens = rows.drop_duplicates("token").sort_values("token")
    table = []
    for (_, head), mine in rows.groupby(["token", "head"], sort=True):
        mine = mine.sort_values("place").head(top)
        first = [name_of_token(mine.iloc[0]), *([f"head {head}"] if heads else [])]
        table.append(first + [f"{row['weight']:.3f} {name_of_vector(row)}" for _, row in mine.iterrows()])
    words = " ".join(tokens["word"]) if tokens["word"].all() else f"{len(tokens)} token{'s' if len(tokens) > 1 else ''}"
    return [f"sequence {rows['sequence'].iloc[0]}: {words}", *("  " + line for line in table_lines(table))]


def lines(rows: pd.DataFrame, sentences: int, top: int) -> list[str]:
    """The first sentences of one case's rows."""
    parts = [sentence_lines(mine, top) for _, mine in rows.groupby("sequence", sort=True)]
    return [line for part in parts[:sentences] for line in ["", *part]]

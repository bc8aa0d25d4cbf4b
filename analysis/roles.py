# SPDX-License-Identifier: BSD-3-Clause
"""What the columns of the case table are for, as the result file says: which cases can be compared, and what tells them apart.

problem: what is given; model: what is computed of it; method: how a rank does that; exchange: how ranks bring it together;
place: on how many ranks and threads, and where what is given lies. A column that a later version adds takes part by its
role. Roles travel with a table of cases, in its attrs; what is made of such a table by merging takes them along by `like`.
Columns of which a file says none have those of schema 5.
"""

import pandas as pd

ROLES = "roles"
DERIVED = {"machine": "problem", "tokens": "problem"}  # follow from others, of one file; those of several may differ in them
OF_SCHEMA_5 = {  # whose files have none
    **dict.fromkeys(["study", "knowledge", "scaling", "m", "n", "d", "batch", "lengths"], "problem"),
    **dict.fromkeys(["model", "precision", "causal", "hidden", "heads", "kv_heads", "scale"], "model"),
    **dict.fromkeys(["kernel", "query_block", "key_block"], "method"),
    **dict.fromkeys(["reduction", "placement", "overlap", "query_tile", "chunk", "node_size", "transport"], "exchange"),
    **dict.fromkeys(["sequence", "threads", "ranks"], "place"),
}


def columns(table: pd.DataFrame, *roles: str, but: tuple[str, ...] = ()) -> list[str]:
    """The columns of these roles, but for some."""
    known = {**OF_SCHEMA_5, **table.attrs.get(ROLES, {}), **DERIVED}
    return [name for role in roles for name, mine in known.items() if mine == role and name in table and name not in but]


def like(table: pd.DataFrame, cases: pd.DataFrame) -> pd.DataFrame:
    """The table, with the roles of those cases."""
    copy = table.copy()
    copy.attrs.update(cases.attrs)
    return copy


def told_apart(labels: list[str], rows: pd.DataFrame, names: list[str]) -> list[str]:
    """The labels of these rows; where several are alike, with values of the columns that differ between them."""
    told = pd.Series(labels, index=rows.index, dtype=object)
    for name in names:
        alike = told.duplicated(keep=False)
        if not alike.any():
            break
        varies = rows[name].astype(str).groupby(told).transform("nunique") > 1
        told = told.where(~(alike & varies), told + f", {name} = " + rows[name].astype(str))
    return list(told)

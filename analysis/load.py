# SPDX-License-Identifier: BSD-3-Clause
"""Result files to data frames; nothing else in analysis/ knows HDF5.

A file may be anybody's: what is missing or of another kind is named in one line, and nothing of it is used.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

from . import machines, roles
from .printable import printable

SCHEMAS = (5, 6, 7)  # that are read: 6 has the roles of columns, 7 knowledge in 8 bits
KINDS = {"whole number": "iu", "number": "iuf"}  # as numpy calls them
# The columns that are read, by table; others are carried along.
COLUMNS = {
    "cases": {
        "whole number": "case n m d heads kv_heads hidden batch tokens ranks threads launch repetitions valid query_block key_block query_tile chunk node_size",
        "number": "scale seconds_median seconds_low seconds_high compute copy exchange wait exchange_predicted bytes_sent messages_sent fraction_of_bound error",
        "text": "study knowledge model causal kernel reduction reduction_asked precision sequence lengths scaling placement overlap transport bound reason",
    },
    "meta": {"whole number": "launch", "text": "name value"},
    "samples": {"whole number": "case", "number": "seconds"},
    "ranks": {"whole number": "case launch", "text": "host device"},
    "symmetry": {"whole number": "case kv_heads passed", "number": "error bound roundoff", "text": "symmetry expected"},
    "attended": {"whole number": "case sequence token head place vector", "number": "weight", "text": "word label"},
}
LEAST = {"n": 1, "m": 0, "d": 1, "heads": 0, "kv_heads": 0, "batch": 1, "tokens": 1, "ranks": 1, "threads": 1}  # of cases


class UnreadableFile(Exception):
    """The file is missing, or no result that this version reads; the message is one line with the remedy."""


@dataclass
class Result:
    path: Path
    campaign: str
    tables: dict[str, pd.DataFrame]

    def table(self, name: str) -> pd.DataFrame:
        """Empty where the file has none."""
        wanted = [column for columns in COLUMNS[name].values() for column in columns.split()]
        return self.tables.get(name, pd.DataFrame(columns=wanted))

    @property
    def cases(self) -> pd.DataFrame:
        """With the machine of each, as `machines.names` calls it; "" where there is one alone."""
        return self.table("cases")

    @property
    def samples(self) -> pd.DataFrame:
        return self.table("samples")

    @property
    def symmetry(self) -> pd.DataFrame:
        """The checks of symmetries."""
        return self.table("symmetry")

    @property
    def attended(self) -> pd.DataFrame:
        """The most attended vectors."""
        return self.table("attended")

    def meta(self, name: str) -> str:
        """A value of the last launch, or "unknown"."""
        rows = self.table("meta").query("name == @name")
        return rows["value"].iloc[-1] if len(rows) else "unknown"

    @property
    def machine_lines(self) -> list[str]:
        return machines.lines(*of_measured(self.tables))


def of_measured(tables: dict[str, pd.DataFrame]) -> list[pd.DataFrame | None]:
    """meta and ranks of the launches that finished a case; all where none did."""
    launches = tables["cases"]["launch"]
    found = [tables.get(name) for name in ("meta", "ranks")]
    return [table if table is None or launches.empty else table[table["launch"].isin(launches)] for table in found]


def require(condition: bool, path: Path, what: str, remedy: str = "measure again, or take a whole copy") -> None:
    if not condition:
        raise UnreadableFile(f"{path}: {what}: {remedy}")


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """What HDF5 and numpy say of damaged files, as one line."""
    try:
        yield
    except (OSError, KeyError, RuntimeError, ValueError, TypeError, MemoryError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UnreadableFile(f"{path}: is damaged ({reason}): measure again, or take a whole copy") from error


def read_column(path: Path, name: str, dataset: object) -> np.ndarray | list[str]:
    require(isinstance(dataset, h5py.Dataset) and dataset.ndim == 1, path, f"{name} is no column")
    values = dataset[:]
    return [printable(v) for v in values] if h5py.check_string_dtype(dataset.dtype) else values


def read_roles(path: Path, group: h5py.Group) -> dict[str, str]:
    """What columns are for; none where the file does not say."""
    found = {printable(name): data.attrs["role"] for name, data in group.items() if "role" in data.attrs}
    for name, role in found.items():
        require(isinstance(role, (bytes, str)), path, f"the role of column {name} is no text")
    return {name: printable(role) for name, role in found.items()}


def require_columns(path: Path, name: str, table: pd.DataFrame) -> None:
    for kind, columns in COLUMNS[name].items():
        for column in columns.split():
            require(column in table, path, f"table {name} has no column {column}")
            found = table[column].dtype.kind
            fits = found in KINDS[kind] if kind in KINDS else all(isinstance(value, str) for value in table[column])
            require(fits, path, f"column {column} of table {name} holds another kind than {kind}")


def read_table(path: Path, name: str, group: object) -> pd.DataFrame:
    require(isinstance(group, h5py.Group), path, f"{name} is no table")
    columns = {c: read_column(path, f"{name}/{c}", data) for c, data in group.items() if c != "row"}  # the dimension scale
    require(len({len(values) for values in columns.values()}) <= 1, path, f"table {name} has columns of several lengths")
    if not columns:  # of a run that finished no case
        return pd.DataFrame(columns=[column for mine in COLUMNS[name].values() for column in mine.split()])
    table = pd.DataFrame({printable(column): values for column, values in columns.items()})
    require_columns(path, name, table)
    return table


def require_sense(path: Path, tables: dict[str, pd.DataFrame]) -> None:
    cases = tables["cases"]
    require(cases["case"].is_unique, path, "table cases has a case twice")
    for column, least in LEAST.items():
        unfit = cases[cases[column] < least]
        require(unfit.empty, path, f"column {column} of table cases holds {'' if unfit.empty else unfit[column].iloc[0]}")
    for name, table in tables.items():
        if "case" in table:
            strange = table[~table["case"].isin(cases["case"])]
            require(strange.empty, path, f"table {name} is of cases that table cases lacks")


def open_hdf5(path: Path) -> h5py.File:
    require(path.exists(), path, "not found", "give the file that knowscale run wrote")
    require(path.is_file(), path, "is no file", "give the file that knowscale run wrote")
    require(os.access(path, os.R_OK), path, "cannot be read", "ask its owner for leave")
    try:
        return h5py.File(path, "r")
    except (OSError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise UnreadableFile(f"{path}: is not HDF5, or damaged ({reason}): give a result file") from error


def require_result(path: Path, file: h5py.File) -> None:
    require("sequences" not in file and "keys" not in file, path, "is a knowledge set", "give a file that knowscale run wrote")
    version = file.attrs.get("schema_version")
    result = version is not None and "cases" in file and "campaign" in file.attrs
    require(result, path, "is no knowscale result", "give a file that knowscale run wrote")
    known = np.ndim(version) == 0 and version in SCHEMAS
    writer = file.attrs.get("knowscale_version", b"")
    whose = f" of knowscale {printable(writer)}" if isinstance(writer, (bytes, str)) and writer else ""
    shown = f"{version}" if np.ndim(version) == 0 else "that is no number"
    require(known, path, f"has schema {shown}, this analysis reads {SCHEMAS[0]} to {SCHEMAS[-1]}", f"use the analysis{whose} that wrote it")


@contextmanager
def opened(path: Path) -> Iterator[h5py.File]:
    with reading(path), open_hdf5(path) as file:
        require_result(path, file)
        yield file


def load(path: Path) -> Result:
    with opened(path) as file:
        tables = {name: read_table(path, name, file[name]) for name in COLUMNS if name in file}
        require_sense(path, tables)
        campaign = file.attrs["campaign"]
        require(isinstance(campaign, (bytes, str)), path, "its campaign has no name")
        launches = machines.names(*of_measured(tables))
        tables["cases"]["machine"] = [launches.get(launch, "") for launch in tables["cases"]["launch"]]
        tables["cases"].attrs[roles.ROLES] = read_roles(path, file["cases"])
        return Result(path, printable(campaign), tables)


def read_kept(path: Path, number: str, group: object) -> dict[str, np.ndarray]:
    require(number.isdecimal() and isinstance(group, h5py.Group), path, f"io/{number} is no case")
    for name, data in group.items():
        fits = isinstance(data, h5py.Dataset) and data.ndim == 2 and data.dtype.kind in KINDS["number"]
        require(fits, path, f"io/{number}/{name} is no matrix")
    return {name: data[:] for name, data in group.items()}


def load_kept(path: Path) -> dict[int, dict[str, np.ndarray]]:
    """Kept inputs and outputs by case number; empty where the run kept none."""
    with opened(path) as file:
        if "io" not in file:
            return {}
        require(isinstance(file["io"], h5py.Group), path, "io is no group")
        return {int(number): read_kept(path, number, group) for number, group in file["io"].items()}

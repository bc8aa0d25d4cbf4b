# SPDX-License-Identifier: BSD-3-Clause
"""Result files to data frames; nothing else in analysis/ knows HDF5."""

from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

SCHEMA_VERSION = 5
TABLES = ("meta", "ceilings", "cases", "samples", "ranks", "verify", "symmetry", "attended")


class UnreadableFile(Exception):
    """The file is missing, or no result that this version reads; the message is one line with the remedy."""


@dataclass
class Result:
    path: Path
    campaign: str
    tables: dict[str, pd.DataFrame]

    @property
    def cases(self) -> pd.DataFrame:
        return self.tables["cases"]

    @property
    def samples(self) -> pd.DataFrame:
        return self.tables["samples"]

    @property
    def symmetry(self) -> pd.DataFrame:
        """The checks of symmetries; empty where none were made."""
        return self.tables.get("symmetry", pd.DataFrame())

    @property
    def attended(self) -> pd.DataFrame:
        """The most attended vectors; empty where none were kept."""
        return self.tables.get("attended", pd.DataFrame())

    def devices(self) -> list[str]:
        """Names of the devices that ranks computed on; empty where all did on the host."""
        ranks = self.tables.get("ranks", pd.DataFrame({"device": []}))
        return sorted({device.rsplit(" at ", 1)[0] for device in ranks["device"] if device != "-"})

    def meta(self, name: str) -> str:
        """A value of the last launch, or "unknown"."""
        rows = self.tables["meta"].query("name == @name")
        return rows["value"].iloc[-1] if len(rows) else "unknown"


def text(value: bytes | str) -> str:
    return value.decode("utf-8") if isinstance(value, bytes) else value


def read_table(group: h5py.Group) -> pd.DataFrame:
    columns = {}
    for name, dataset in group.items():
        if name == "row":
            continue  # the dimension scale
        values = dataset[:]
        columns[name] = [text(v) for v in values] if values.dtype.kind in "SO" else values
    return pd.DataFrame(columns)


def open_result(path: Path) -> h5py.File:
    if not path.exists():
        raise UnreadableFile(f"{path}: not found: give the file that knowscale run wrote")
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise UnreadableFile(f"{path}: is not HDF5, or damaged: give a result file") from error
    version = file.attrs.get("schema_version")
    if version is None or "cases" not in file:
        raise UnreadableFile(f"{path}: is no knowscale result: give a file that knowscale run wrote")
    if version != SCHEMA_VERSION:
        raise UnreadableFile(f"{path}: has schema {version}, this analysis reads {SCHEMA_VERSION}: use its own version")
    return file


def load(path: Path) -> Result:
    with open_result(path) as file:
        tables = {name: read_table(file[name]) for name in TABLES if name in file}
        return Result(path, text(file.attrs["campaign"]), tables)


def load_kept(path: Path) -> dict[int, dict[str, np.ndarray]]:
    """Kept inputs and outputs by case number; empty where the run kept none."""
    with open_result(path) as file:
        if "io" not in file:
            return {}
        return {int(number): {name: data[:] for name, data in group.items()} for number, group in file["io"].items()}

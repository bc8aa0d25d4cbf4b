# SPDX-License-Identifier: BSD-3-Clause
"""Which machine each launch of the program ran on: pure functions, data frames in, names and lines out.

A machine is a set of hosts with the same processors. Launches on some of a machine's hosts ran on it: a case of one rank
uses one host of those that more ranks use. Times of one machine are never divided by those of another: tables of cases
have a column `machine`, and every comparison (scaling, reductions) is of equal ones.
"""

from dataclasses import dataclass, field

import pandas as pd

MOST_SHOWN = 3  # hosts by name


@dataclass
class Machine:
    hosts: frozenset[str]
    processors: tuple[str, str]  # cpu, cores
    launches: list[int] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Its first hosts."""
        hosts = sorted(self.hosts) or ["unknown host"]
        return ", ".join(hosts[:MOST_SHOWN]) + (f" and {len(hosts) - MOST_SHOWN} more" if len(hosts) > MOST_SHOWN else "")


def settings(meta: pd.DataFrame | None) -> dict[int, dict[str, str]]:
    """What each launch says of itself."""
    if meta is None or meta.empty:
        return {}
    return {int(launch): dict(zip(rows["name"], rows["value"])) for launch, rows in meta.groupby("launch", sort=True)}


def find(meta: pd.DataFrame | None, ranks: pd.DataFrame | None) -> list[Machine]:
    """Each launch goes to the first machine of its processors that has all of its hosts, larger ones first."""
    said = settings(meta)
    used: dict[int, set[str]] = {launch: {mine["host"]} if "host" in mine else set() for launch, mine in said.items()}
    if ranks is not None:
        for launch, hosts in ranks.groupby("launch")["host"]:
            used.setdefault(int(launch), set()).update(hosts)
    found: list[Machine] = []
    for launch in sorted(used, key=lambda number: (-len(used[number]), number)):
        mine = said.get(launch, {})
        processors = (mine.get("cpu", "unknown"), mine.get("cores", "unknown"))
        fits = [m for m in found if used[launch] <= m.hosts and m.processors == processors]
        if not fits:
            fits = [Machine(frozenset(used[launch]), processors)]
            found += fits
        fits[0].launches.append(launch)
    return sorted(found, key=lambda machine: min(machine.launches))


def names(meta: pd.DataFrame | None, ranks: pd.DataFrame | None) -> dict[int, str]:
    """The machine of each launch, no two of one name; "" where there is one alone."""
    found = find(meta, ranks)
    if len(found) < 2:
        return {}
    given = [machine.name for machine in found]
    several = [f" ({given[:place].count(name) + 1})" if given.count(name) > 1 else "" for place, name in enumerate(given)]
    return {launch: name + more for machine, name, more in zip(found, given, several) for launch in machine.launches}


def device_names(ranks: pd.DataFrame | None, launches: list[int]) -> list[str]:
    """Of those launches; empty where all computed on the host."""
    if ranks is None:
        return []
    chosen = ranks[ranks["launch"].isin(launches) & (ranks["device"] != "-")]
    return sorted({device.rsplit(" at ", 1)[0] for device in chosen["device"]})


def lines(meta: pd.DataFrame | None, ranks: pd.DataFrame | None) -> list[str]:
    """A line for each machine and each version of program and libraries that measured on it."""
    said, called = settings(meta), names(meta, ranks)
    found = []
    for machine in find(meta, ranks) or [Machine(frozenset(), ("unknown", "unknown"))]:
        devices = "".join(f", {device}" for device in device_names(ranks, machine.launches))
        host = called[machine.launches[0]] if called else machine.name
        first = f"{machine.processors[0]}, {machine.processors[1]} cores{devices}, host {host}"
        versions: dict[str, list[str]] = {}
        for launch in machine.launches or [0]:
            mine = said.get(launch, {})
            used = "; ".join(mine.get(name, "unknown") for name in ("mpi", "blas", "compiler"))
            versions.setdefault(f"{used}; knowscale {mine.get('revision', 'unknown')}", []).append(mine.get("start", "unknown"))
        for used, starts in versions.items():
            found.append(f"{first}; {used}; {min(starts)}{f', {len(starts)} launches' if len(starts) > 1 else ''}")
    return found

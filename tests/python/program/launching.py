# SPDX-License-Identifier: BSD-3-Clause
"""How tests launch the built program."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = Path(os.environ.get("KNOWSCALE_PROGRAM", ROOT / "build" / "release" / "knowscale"))

# Seconds that a launch may take; under the sanitizers test.sh allows for more.
PATIENCE = float(os.environ.get("KNOWSCALE_PATIENCE", 120))

CAMPAIGN = """
name = "tiny"
seed = 3
[timing]
relative_interval = 0.5
min_repetitions = 3
max_seconds = 0.2
[[study]]
name = "small"
knowledge = "gaussian"
model = ["knowledge", "lstm"]
kernel = "blas"
reduction = ["packed", "reduce_scatter"]
n = 8
m = 300
d = 16
ranks = [1, 2]
"""


@dataclass
class Run:
    status: int
    out: str
    err: str

    @property
    def errors(self) -> list[str]:
        """The lines that the program itself wrote as errors; mpirun adds its own."""
        return [line for line in self.err.splitlines() if line.startswith("knowscale: error:")]


def environment(**extra: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("KNOWSCALE_", "SLURM_", "OMPI_COMM", "PMI"))}
    return {**kept, "KNOWSCALE_TUNING": "none", **extra}


def command(*args: str | Path, ranks: int = 2, wrapper: tuple[str, ...] = (), program: Path = PROGRAM) -> list[str]:
    launch = [str(ROOT / "scripts" / "launch.sh"), "--test", str(ranks)] if ranks > 0 else []
    return [*launch, *wrapper, str(program), *map(str, args)]


def start(folder: Path, *args: str | Path, ranks: int = 2) -> subprocess.Popen:
    """The program running in `folder`, with a process group of its own."""
    return subprocess.Popen(
        command(*args, ranks=ranks),
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def ranks_of(process):
    """Process numbers of the program's ranks under this launcher, whose children they are or grandchildren (MPICH)."""
    listed = subprocess.run(["ps", "-e", "-o", "pid=,ppid=,comm="], capture_output=True, text=True, check=True).stdout
    rows = [line.split(None, 2) for line in listed.splitlines()]
    started = {process.pid}
    for _ in range(2):
        started |= {int(pid) for pid, parent, _ in rows if int(parent) in started}
    return [int(pid) for pid, _, name in rows if int(pid) in started and name.startswith("knowscale")]

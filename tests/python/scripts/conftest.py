# SPDX-License-Identifier: BSD-3-Clause
"""The scripts among tools that are stand-ins: what they ask for, and what they say when they do not get it."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


class Sandbox:
    """A folder with the scripts, and first in PATH a folder of stand-ins."""

    def __init__(self, folder: Path):
        self.root = folder / "repository"
        self.tools = folder / "tools"
        self.tools.mkdir(parents=True)
        shutil.copytree(ROOT / "scripts", self.root / "scripts")

    def tool(self, name: str, body: str) -> None:
        """A shell script in the place of a tool; $TOOLS is where they stand."""
        path = self.tools / name
        path.write_text(f'#!/bin/sh\nTOOLS="{self.tools}"\n{body}\n')
        path.chmod(0o755)

    def run(self, *command: str, **extra: str) -> subprocess.CompletedProcess:
        kept = {k: v for k, v in os.environ.items() if k not in ("CXX", "MPIEXEC") and not k.startswith("OMPI_")}
        env = {**kept, "PATH": f"{self.tools}:{os.environ['PATH']}", **extra}
        return subprocess.run(command, cwd=self.root, env=env, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def sandbox(tmp_path):
    return Sandbox(tmp_path)

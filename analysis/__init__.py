# SPDX-License-Identifier: BSD-3-Clause
"""Reads knowscale result files: scaling reports and an independent check of kept outputs."""

import os

os.environ.pop("MPLBACKEND", None)  # nothing here shows windows, and matplotlib cannot be imported where it names no backend

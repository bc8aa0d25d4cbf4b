# SPDX-License-Identifier: BSD-3-Clause
"""Reads knowscale result files: scaling reports and an independent check of kept outputs."""

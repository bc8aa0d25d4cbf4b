// SPDX-License-Identifier: BSD-3-Clause
// Nothing: its target holds the precompiled header that the others reuse.

# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2034
# What differs between sites; sourced by the batch scripts. Copy it, change it, and point KNOWSCALE_SITE at the copy.

# Makes the program's libraries available, e.g.: module load openmpi hdf5   or: spack env activate "$KNOWSCALE_ROOT"
load_environment() { :; }

# The program: an installed one, or the release build of this checkout.
knowscale=${KNOWSCALE_BIN:-$KNOWSCALE_ROOT/build/release/knowscale}

# How ranks are started; Open MPI wants srun to speak PMIx, MPICH perhaps --mpi=pmi2. When one rank ends badly, so do the others.
launch=(srun --mpi=pmix --cpu-bind=cores --kill-on-bad-exit=1)

# Where results go; a file system that all nodes see.
results=${KNOWSCALE_RESULTS:-$KNOWSCALE_ROOT/results}

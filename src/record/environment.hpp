// SPDX-License-Identifier: BSD-3-Clause
// The environment a result was measured in, as name/value pairs for /meta, and the versions of everything
// linked, for --version.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace knowscale {

using NameValues = std::vector<std::pair<std::string, std::string>>;

// knowscale, git revision, compiler and flags, MPI, OpenBLAS (with code path), HDF5, oneTBB, Highway, ...
// as built and as linked. `mpi_version` comes from the layer that owns MPI.
NameValues versions(const std::string& mpi_version);

// host, CPU model, cores, caches, memory, kernel, SLURM_* and thread variables (OMP_*, OPENBLAS_*, OMPI_MCA_*
// KNOWSCALE_*), start time (UTC, ISO 8601), argv.
NameValues environment(const std::vector<std::string>& argv);

// What decides which code is fast: "AuthenticAMD 25 1 1, AVX2, 32 KiB, 512 KiB" (vendor, family, model and stepping,
// instruction set, first and second level of cache of a core).
std::string processor();

// Version and git revision.
std::string build();

// This moment, UTC, ISO 8601.
std::string time_now();

// Cores that this process may run on, as a list such as "0-3,8".
std::string affinity();

// How many cores those are.
int allowed_cores();

// Their numbers, in order.
std::vector<int> allowed_cpus();

// Host name.
std::string host();

}  // namespace knowscale

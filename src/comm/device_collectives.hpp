// SPDX-License-Identifier: BSD-3-Clause
// Collectives over device memory, by MPI or by NCCL.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "comm/communicator.hpp"
#include "comm/reduction_options.hpp"
#include "core/matrix.hpp"

namespace knowscale {

// All blocking: what they wrote may be read by the device and by MPI. Pointers are of device memory, matrices without
// gaps between rows.
class DeviceCollectives {
 public:
  virtual ~DeviceCollectives() = default;
  // In place, on every rank.
  virtual void allreduce(std::span<float> data, Combine combine) = 0;
  // Rank r gets the sums of the rows of_rank[r] of every rank, somewhere in `rows`, the rest of which is undefined then.
  virtual MatrixView<float> reduce_scatter(MatrixView<float> rows, std::span<const RowRange> of_rank) = 0;
};

// transport: not host. stream: what NCCL queues its work on, a cudaStream_t. Collective. Throws CollectiveError(resource)
// where MPI is not said to read device memory, or the build has no NCCL.
std::unique_ptr<DeviceCollectives> device_collectives(const Communicator& comm, Transport transport, void* stream);

// Whether this MPI says at run time that it reads device memory.
bool mpi_is_cuda_aware();

// By NCCL; nothing in a build without it.
std::unique_ptr<DeviceCollectives> nccl_collectives(const Communicator& comm, void* stream);
// "NCCL 2.28.9", or nothing.
std::string nccl_version();
// What exchange goes through: "Open MPI v4.1.4, NCCL 2.28.9".
std::string exchange_versions();

}  // namespace knowscale

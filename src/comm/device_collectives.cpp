// SPDX-License-Identifier: BSD-3-Clause
#include "comm/device_collectives.hpp"

#include <mpi.h>
#if __has_include(<mpi-ext.h>)  // Open MPI's: whether it was built for CUDA
#include <mpi-ext.h>
#endif

#include <vector>

#include "comm/counts.hpp"

namespace knowscale {
namespace {

// MPI's blocking collectives: those that read device memory (Open MPI has no others of the reductions that do).
class ByMpi : public DeviceCollectives {
 public:
  explicit ByMpi(const Communicator& comm) : comm_(comm.duplicate()) {}

  void allreduce(std::span<float> data, Combine combine) override { comm_.allreduce(data, combine); }

  MatrixView<float> reduce_scatter(MatrixView<float> rows, std::span<const RowRange> of_rank) override {
    std::vector<int> counts;
    for (const RowRange& range : of_rank) counts.push_back(message_count(range.size() * rows.cols));
    // In place the result lands at the front.
    check_mpi(MPI_Reduce_scatter(MPI_IN_PLACE, rows.data, counts.data(), MPI_FLOAT, MPI_SUM, comm_.handle()),
              "MPI_Reduce_scatter");
    return rows.slice_rows({0, of_rank[static_cast<std::size_t>(comm_.rank())].size()});
  }

 private:
  Communicator comm_;
};

}  // namespace

bool mpi_is_cuda_aware() {
#ifdef MPIX_CUDA_AWARE_SUPPORT
  return MPIX_Query_cuda_support() == 1;
#else
  return false;
#endif
}

std::string exchange_versions() {
  const std::string nccl = nccl_version();
  return nccl.empty() ? mpi_version() : mpi_version() + ", " + nccl;
}

std::unique_ptr<DeviceCollectives> device_collectives(const Communicator& comm, Transport transport, void* stream) {
  std::unique_ptr<DeviceCollectives> collectives;
  if (transport == Transport::nccl) {
    collectives = nccl_collectives(comm, stream);
    comm.together([&] {
      require(collectives != nullptr, ExitStatus::resource,
              "transport = \"nccl\": this build has no NCCL: configure with -DKNOWSCALE_CUDA=ON where nccl.h is found, or "
              "use \"cuda_aware\" or \"host\"");
    });
    return collectives;
  }
  comm.together([&] {
    require(transport == Transport::cuda_aware_forced || mpi_is_cuda_aware(), ExitStatus::resource,
            "transport = \"cuda_aware\": this MPI does not say that it reads device memory: use \"host\", or "
            "\"cuda_aware_forced\" where it does all the same");
  });
  return std::make_unique<ByMpi>(comm);
}

}  // namespace knowscale

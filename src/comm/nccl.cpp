// SPDX-License-Identifier: BSD-3-Clause
// Collectives by NCCL, whose ranks are MPI's.
#include <cuda_runtime.h>
#include <nccl.h>

#include <string>

#include "comm/device_collectives.hpp"

namespace knowscale {
namespace {

void check_nccl(ncclResult_t status, const char* call) {
  require(status == ncclSuccess, ExitStatus::resource, std::string(call) + ": " + ncclGetErrorString(status));
}

class ByNccl : public DeviceCollectives {
 public:
  ByNccl(const Communicator& comm, cudaStream_t stream) : stream_(stream), rank_(comm.rank()) {
    ncclUniqueId id;
    std::string bytes;
    comm.together([&] {
      if (!comm.is_root()) return;
      check_nccl(ncclGetUniqueId(&id), "ncclGetUniqueId");
      bytes.assign(id.internal, sizeof id.internal);
    });
    comm.broadcast(bytes);
    bytes.copy(id.internal, sizeof id.internal);
    check_nccl(ncclCommInitRank(&nccl_, comm.size(), id, rank_), "ncclCommInitRank");
  }
  ~ByNccl() override { static_cast<void>(ncclCommDestroy(nccl_)); }
  ByNccl(const ByNccl&) = delete;
  ByNccl& operator=(const ByNccl&) = delete;

  void allreduce(std::span<float> data, Combine combine) override {
    const ncclRedOp_t op = combine == Combine::sum ? ncclSum : combine == Combine::maximum ? ncclMax : ncclMin;
    check_nccl(ncclAllReduce(data.data(), data.data(), data.size(), ncclFloat, op, nccl_, stream_), "ncclAllReduce");
    wait();
  }

  // Shares need not be equal, which ncclReduceScatter asks for: a reduce to each rank, all at once.
  MatrixView<float> reduce_scatter(MatrixView<float> rows, std::span<const RowRange> of_rank) override {
    check_nccl(ncclGroupStart(), "ncclGroupStart");
    for (int r = 0; r < static_cast<int>(of_rank.size()); ++r) {
      const MatrixView<float> part = rows.slice_rows(of_rank[static_cast<std::size_t>(r)]);
      check_nccl(ncclReduce(part.data, part.data, static_cast<std::size_t>(part.size()), ncclFloat, ncclSum, r, nccl_,
                            stream_),
                 "ncclReduce");
    }
    check_nccl(ncclGroupEnd(), "ncclGroupEnd");
    wait();
    return rows.slice_rows(of_rank[static_cast<std::size_t>(rank_)]);
  }

 private:
  void wait() const {
    const cudaError_t status = cudaStreamSynchronize(stream_);
    require(status == cudaSuccess, ExitStatus::resource,
            std::string("cudaStreamSynchronize: ") + cudaGetErrorString(status));
  }

  cudaStream_t stream_;
  int rank_;
  ncclComm_t nccl_ = nullptr;
};

}  // namespace

std::unique_ptr<DeviceCollectives> nccl_collectives(const Communicator& comm, void* stream) {
  return std::make_unique<ByNccl>(comm, static_cast<cudaStream_t>(stream));
}

std::string nccl_version() {
  int version = 0;
  check_nccl(ncclGetVersion(&version), "ncclGetVersion");
  return "NCCL " + std::to_string(version / 10000) + "." + std::to_string(version / 100 % 100) + "." +
         std::to_string(version % 100);
}

}  // namespace knowscale

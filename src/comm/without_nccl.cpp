// SPDX-License-Identifier: BSD-3-Clause
// A build without NCCL.
#include "comm/device_collectives.hpp"

namespace knowscale {

std::unique_ptr<DeviceCollectives> nccl_collectives(const Communicator&, void*) { return nullptr; }
std::string nccl_version() { return ""; }

}  // namespace knowscale

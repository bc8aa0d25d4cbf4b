// SPDX-License-Identifier: BSD-3-Clause
// Which rank has which device.
#pragma once

#include <cstdint>
#include <string>

#include "comm/communicator.hpp"
#include "kernels/engine.hpp"
#include "problem/case.hpp"

namespace knowscale {

// The device of one rank.
struct DeviceOfRank {
  Device device;
  int sharing = 1;  // ranks that have it

  std::string label() const { return device.name + " at " + device.bus; }
};

// Whether the case runs on devices.
bool runs_on_device(const Case& c);

// Gives every rank of `comm` a device: that of its place among the ranks of its node, round the devices that it sees.
// Collective. Throws CollectiveError(resource) where a node has more than `ranks_per_device` ranks for a device.
DeviceOfRank choose_device(const Communicator& comm, std::int64_t ranks_per_device);

// Throws CollectiveError(resource) where the case would take more memory of some rank's device than is free there.
// Collective over c.ranks ranks.
void require_device_memory(const Communicator& comm, const Case& c, const DeviceOfRank& device);

}  // namespace knowscale

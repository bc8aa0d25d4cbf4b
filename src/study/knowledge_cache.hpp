// SPDX-License-Identifier: BSD-3-Clause
// The shard that the last case on devices read: the next one often reads the same, and finds it on the device.
#pragma once

#include <any>
#include <memory>
#include <string>
#include <vector>

#include "comm/communicator.hpp"
#include "kernels/engine.hpp"
#include "problem/knowledge.hpp"

namespace knowscale {

class KnowledgeCache {
 public:
  // The case's shard, loaded and copied to this rank's device unless it is here. What else was kept is freed first.
  // Collective; throws as load_knowledge() and DeviceMemory.
  template <class T>
  const KnowledgeShard<T>& load(const Case& c, const Communicator& comm, const Threads& threads);

  // Frees what is kept unless it is the shard of that case on every rank. Collective. Whether it is.
  bool keep_only(const Case& c, const Communicator& comm);

 private:
  std::string key_;
  std::any shard_;
  std::vector<std::shared_ptr<const void>> on_device_;  // behind what they are copies of: freed first
};

}  // namespace knowscale

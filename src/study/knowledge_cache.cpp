// SPDX-License-Identifier: BSD-3-Clause
#include "study/knowledge_cache.hpp"

#include <fmt/format.h>

#include "models/model.hpp"

namespace knowscale {
namespace {

// All that decides what this rank's shard is.
std::string key_of(const Case& c, const Communicator& comm) {
  return fmt::format("{}|{}|{}|{}|{}|{}|{}|{}|{}", c.knowledge, c.m, c.knowledge_dim(), name_of(c.precision), c.seed,
                     c.shard_granule(), c.head_dim(), comm.size(), comm.rank());
}

}  // namespace

bool KnowledgeCache::keep_only(const Case& c, const Communicator& comm) {
  const int here = shard_.has_value() && key_ == key_of(c, comm) ? 1 : 0;
  if (comm.allreduce(here, Combine::minimum) == 1) return true;
  on_device_.clear();
  shard_.reset();
  return false;
}

template <class T>
const KnowledgeShard<T>& KnowledgeCache::load(const Case& c, const Communicator& comm, const Threads& threads) {
  using Shard = std::shared_ptr<KnowledgeShard<T>>;
  if (!keep_only(c, comm)) {
    const auto shard = std::make_shared<KnowledgeShard<T>>(load_knowledge<T>(c, comm, threads));
    comm.together([&] {
      const std::int64_t heads = c.heads == 0 ? 1 : c.knowledge_dim() / c.head_dim();
      const std::int64_t width = c.knowledge_dim() / heads;
      const Engine& engine = engine_of(c);
      const MatrixView<const T> keys = shard->keys.view(), values = shard->separate_values.view();
      on_device_.push_back(engine.keep(keys, heads, width));
      if (shard->has_separate_values()) {
        on_device_.push_back(engine.keep(values, heads, width));
      }
    });
    shard_ = shard;
    key_ = key_of(c, comm);
  }
  return *std::any_cast<Shard&>(shard_);
}

template const KnowledgeShard<float>& KnowledgeCache::load(const Case&, const Communicator&, const Threads&);
template const KnowledgeShard<double>& KnowledgeCache::load(const Case&, const Communicator&, const Threads&);
template const KnowledgeShard<Bf16>& KnowledgeCache::load(const Case&, const Communicator&, const Threads&);
template const KnowledgeShard<F16>& KnowledgeCache::load(const Case&, const Communicator&, const Threads&);

}  // namespace knowscale

// SPDX-License-Identifier: BSD-3-Clause
// A campaign file (TOML) as a plain value. Nothing is measured before everything in it has been validated.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "problem/case.hpp"
#include "study/limits.hpp"

namespace knowscale {

struct Timing {
  double relative_interval = 0.05;  // width of the 95 % interval of the median over the median
  std::int64_t min_repetitions = 10;
  double max_seconds = 5;  // a case
};

// m of a study: a count, or all vectors of a knowledge-set file.
struct AllVectors {
  auto operator<=>(const AllVectors&) const = default;
};
using KnowledgeSize = std::variant<std::int64_t, AllVectors>;

// "powers" (1, 2, 4, ... and the number launched) where there is no list.
using RankList = std::optional<std::vector<std::int64_t>>;

// One [[study]]: the product of its lists.
struct Study {
  std::string name;
  std::vector<std::string> knowledge, model, kernel, reduction;
  std::vector<Precision> precision;
  std::vector<std::int64_t> n, d, heads, kv_heads, hidden, batch, threads;  // d = 0: the file's own or 64
  std::vector<std::int64_t> query_block, key_block;                         // 0: as the kernel chooses
  std::vector<Placement> placement;                                         // of the result
  std::vector<bool> overlap;
  std::vector<std::int64_t> query_tile, chunk,
      node_size;  // query_tile 0: by the cost model; node_size 0: of the launch
  std::vector<Transport> transport = {Transport::host};
  std::vector<KnowledgeSize> m;
  std::vector<double> scale;  // 0: 1 / sqrt(head dimension)
  std::vector<bool> causal;
  std::vector<Placement> sequence;  // of the tokens: replicated or sharded
  std::vector<Lengths> lengths;
  RankList ranks;
  Scaling scaling = Scaling::strong;
  std::int64_t top_k = 0;
  bool symmetry = false;
};

struct Campaign {
  std::string name;
  std::uint64_t seed = 1;
  std::int64_t ranks_a_device = 1;                     // at most
  std::int64_t threads_a_core = kDefaultThreadsACore;  // of a rank, for each core of its machine, at most
  std::int64_t max_cases = kDefaultMaxCases;
  Timing timing;
  std::vector<Study> studies;
  std::string text;  // the file as read, for the record
};

// The text of a campaign file, whose size and lines are in bounds (limits.hpp). Throws Error(usage).
std::string read_campaign_file(const std::string& path);

// Validates a campaign: syntax, keys, types, ranges of single values. (Names and combinations are validated by
// expand().) KNOWSCALE_ variables change the file, `changes` ("key=value", of --set) change both: a key of the top
// level
// ("seed"), of a table ("timing.max_seconds"), of every study ("ranks=[1,2]"), or of one study by its name
// ("strong.m=[1024]"); the value is TOML, or a plain string where it is not. `path` is for messages. Throws
// Error(usage) that names place, key, value and remedy.
Campaign parse_campaign(const std::string& path, const std::string& text, const std::vector<std::string>& changes);

// Both.
Campaign read_campaign(const std::string& path, const std::vector<std::string>& changes);

}  // namespace knowscale

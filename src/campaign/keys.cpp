// SPDX-License-Identifier: BSD-3-Clause
#include "campaign/keys.hpp"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <stdexcept>
#include <type_traits>
#include <utility>

namespace knowscale {
namespace {

// What a key has beside its field: by name, for a row says most of it.
struct Row {
  std::string_view name;
  Role role;
  std::string_view meaning;
  KeyValue otherwise = {};
  std::string_view open = "";
  std::string_view word = "";
  bool many = true;
};

CaseKey key_of(const Row& row, Kind kind) {
  return {{row.name, row.meaning, std::move(kind), row.otherwise, row.open, row.word, row.many}, row.role};
}

// Fields are given by the function that returns them of a case.

template <class Field>
CaseKey whole(const Row& row, WholeNumbers range, Field field) {
  using Number = std::remove_cvref_t<decltype(field(std::declval<Case&>()))>;
  CaseKey key = key_of(row, range);
  key.get = [field](const Case& c) { return static_cast<std::int64_t>(field(c)); };
  key.set = [field](Case& c, const KeyValue& value) {
    const auto* number = std::get_if<std::int64_t>(&value);
    field(c) = number == nullptr ? Number{0} : static_cast<Number>(*number);
  };
  return key;
}

template <class Field>
CaseKey real(const Row& row, RealNumbers range, Field field) {
  CaseKey key = key_of(row, range);
  key.get = [field](const Case& c) -> KeyValue { return double{field(c)}; };
  key.set = [field](Case& c, const KeyValue& value) {
    const auto* number = std::get_if<double>(&value);
    field(c) = number == nullptr ? 0 : *number;
  };
  return key;
}

template <class Field>
CaseKey name(const Row& row, Field field) {
  CaseKey key = key_of(row, Name{});
  key.get = [field](const Case& c) -> KeyValue { return field(c); };
  key.set = [field](Case& c, const KeyValue& value) {
    const auto* text = std::get_if<std::string>(&value);
    field(c) = text == nullptr ? std::string(kUnused) : *text;
  };
  return key;
}

// Of values that have a name_of(); the first is what an open one becomes.
template <std::size_t count, class Value, class Field>
CaseKey choice(const Row& row, const std::array<Value, count>& all, Field field) {
  OneOf names;
  for (const Value value : all) names.emplace_back(name_of(value));
  CaseKey key = key_of(row, names);
  key.get = [field](const Case& c) -> KeyValue { return std::string(name_of(field(c))); };
  key.set = [field, all](Case& c, const KeyValue& value) {
    field(c) = all.front();
    for (const Value one : all) {
      if (value == KeyValue(std::string(name_of(one)))) field(c) = one;
    }
  };
  return key;
}

template <class Field>
CaseKey flag(const Row& row, Field field) {
  CaseKey key = key_of(row, Flag{});
  key.get = [field](const Case& c) -> KeyValue { return field(c) ? "yes" : "no"; };
  key.set = [field](Case& c, const KeyValue& value) { field(c) = value == KeyValue("yes"); };
  return key;
}

CaseKey implying(CaseKey key, KeyValue (*implied)(const Case&)) {
  key.implied = implied;
  return key;
}

CaseKey used_where(CaseKey key, bool (*used)(const Case&)) {
  key.used = used;
  return key;
}

KeyValue usual_scale(const Case& c) { return 1 / std::sqrt(static_cast<double>(c.head_dim())); }

constexpr std::array kPlaced = {Placement::natural, Placement::replicated, Placement::sharded};
constexpr std::array kHeld = {Placement::replicated, Placement::sharded};
constexpr std::array kTransports = {Transport::host, Transport::cuda_aware, Transport::cuda_aware_forced,
                                    Transport::nccl};
constexpr std::array kLengths = {Lengths::equal, Lengths::random, Lengths::sentences};
constexpr std::array kScalings = {Scaling::strong, Scaling::weak};

std::vector<CaseKey> make_keys() {
  const std::string gaussian = "gaussian", simd = "simd", packed = "packed";
  const KeyValue open = {}, no = "no";
  std::vector<CaseKey> keys;
  const auto add = [&](CaseKey key) { keys.push_back(std::move(key)); };
  add(name(
      {"tag", Role::problem, "free text, to find cases again by", std::string(kUnused)},
      [](auto& c) -> auto& { return c.tag; }));
  add(name(
      {"knowledge", Role::problem, "knowledge set: generator or file", gaussian},
      [](auto& c) -> auto& { return c.knowledge; }));
  add(name(
      {"model", Role::model, "model", open, "has to be given"}, [](auto& c) -> auto& { return c.model; }));
  add(name(
      {"kernel", Role::method, "kernel on one rank", simd}, [](auto& c) -> auto& { return c.kernel; }));
  add(name(
      {"reduction", Role::exchange, "reduction over ranks", packed}, [](auto& c) -> auto& { return c.reduction; }));
  add(choice(
      {"precision", Role::model, "number format; int8 and fp8: of the knowledge, beside f32", "f32"}, kPrecisions,
      [](auto& c) -> auto& { return c.precision; }));
  add(used_where(flag(
                     {"exact", Role::model,
                      "with knowledge in int8: keys that matter are read in f32, for the result of f32: yes or no", no},
                     [](auto& c) -> auto& { return c.exact; }),
                 [](const Case& c) { return in_bytes(c.precision); }));
  add(choice(
      {"placement", Role::exchange, "where results lie: natural (as the reduction leaves them), replicated or sharded",
       "natural"},
      kPlaced, [](auto& c) -> auto& { return c.options.placement; }));
  add(used_where(flag(
                     {"overlap", Role::exchange, "exchange beside compute: yes or no", no},
                     [](auto& c) -> auto& { return c.options.overlap; }),
                 [](const Case& c) { return c.reduction != kUnused; }));
  add(whole(
      {"query_tile", Role::exchange, "queries exchanged at a time, 0: all", open,
       "by the cost model with overlap, else all"},
      kCounts, [](auto& c) -> auto& { return c.options.query_tile; }));
  add(whole(
      {"chunk", Role::exchange, "keys a leaf of the tree of reproducible, 0: no such tree", ReductionOptions{}.chunk},
      kCounts, [](auto& c) -> auto& { return c.options.chunk; }));
  add(whole(
      {"node_size", Role::exchange, "ranks of a node, which share memory in hierarchical; 0: not heeded", open,
       "of the launch"},
      kRankCounts, [](auto& c) -> auto& { return c.options.node_size; }));
  add(used_where(
      choice(
          {"transport", Role::exchange,
           "how states of a device reach other ranks: host, cuda_aware MPI, or nccl; -: computed on the host", "host"},
          kTransports, [](auto& c) -> auto& { return c.options.transport; }),
      [](const Case& c) { return c.on_device; }));
  add(choice(
      {"scaling", Role::problem, "strong or weak", "strong", "", "", false}, kScalings,
      [](auto& c) -> auto& { return c.scaling; }));
  add(whole(
      {"m", Role::problem, "knowledge vectors of the whole set", open, "65536, or all of a file", "all"},
      {0, kCounts.most}, [](auto& c) -> auto& { return c.m; }));
  add(whole(
      {"n", Role::problem, "tokens of a sequence at most", 512}, kCounts, [](auto& c) -> auto& { return c.n; }));
  add(whole(
      {"d", Role::problem, "width of a query", open, "64, or as the file's vectors"}, kColumns,
      [](auto& c) -> auto& { return c.d; }));
  add(whole(
      {"batch", Role::problem, "sequences", 1}, kCounts, [](auto& c) -> auto& { return c.batch; }));
  add(choice(
      {"lengths", Role::problem, "of the sequences: equal (n), random (1 to n) or sentences (of the knowledge file)",
       "equal"},
      kLengths, [](auto& c) -> auto& { return c.lengths; }));
  add(choice(
      {"sequence", Role::place, "where the tokens lie: replicated or sharded", "replicated"}, kHeld,
      [](auto& c) -> auto& { return c.sequence; }));
  add(used_where(flag(
                     {"causal", Role::model, "tokens see none behind them: yes or no", no},
                     [](auto& c) -> auto& { return c.causal; }),
                 [](const Case& c) { return c.attends_to_tokens; }));
  add(implying(whole(
                   {"hidden", Role::model, "hidden size of the LSTM", open, "d"}, kColumns,
                   [](auto& c) -> auto& { return c.hidden; }),
               [](const Case& c) -> KeyValue { return c.d; }));
  add(whole(
      {"heads", Role::model, "query heads", 1}, kColumns, [](auto& c) -> auto& { return c.heads; }));
  add(whole(
      {"kv_heads", Role::model, "key/value heads", 1}, kColumns, [](auto& c) -> auto& { return c.kv_heads; }));
  add(implying(real(
                   {"scale", Role::model, "factor of the scores, b", open, "1 / sqrt(d / heads)"}, {},
                   [](auto& c) -> auto& { return c.scale; }),
               usual_scale));
  add(whole(
      {"query_block", Role::method, "queries that the kernel works on at a time, 0: its choice", open,
       "the kernel's choice"},
      kBlockRows, [](auto& c) -> auto& { return c.tiles.queries; }));
  add(whole(
      {"key_block", Role::method, "keys that the kernel works on at a time, 0: its choice", open,
       "the kernel's choice"},
      kBlockRows, [](auto& c) -> auto& { return c.tiles.keys; }));
  add(whole(
      {"threads", Role::place,
       "threads per rank; 0: the cores that the ranks of a node may use, over their number, the fewest of all nodes",
       1},
      kThreadCounts, [](auto& c) -> auto& { return c.threads; }));
  add(whole(
      {"ranks", Role::place, "MPI ranks; \"powers\": 1, 2, 4, ... and all", "powers", "", "powers"}, kRankCounts,
      [](auto& c) -> auto& { return c.ranks; }));
  add(whole(
      {"top_k", Role::none, "most attended vectors that are recorded, per token and head", 0, "", "", false},
      {0, kCounts.most}, [](auto& c) -> auto& { return c.top_k; }));
  add(flag(
      {"symmetry", Role::none, "whether its symmetries are checked, on a small problem", no, "", "", false},
      [](auto& c) -> auto& { return c.symmetry; }));
  return keys;
}

}  // namespace

std::span<const CaseKey> case_keys() {
  static const std::vector<CaseKey> keys = make_keys();
  return keys;
}

const CaseKey& case_key(std::string_view name) {
  for (const CaseKey& key : case_keys()) {
    if (key.name == name) return key;
  }
  throw std::out_of_range("no key " + std::string(name));
}

std::string text_of(const KeyValue& value) {
  return std::visit(
      [](const auto& one) -> std::string {
        if constexpr (std::is_same_v<std::decay_t<decltype(one)>, std::monostate>) {
          return "";
        } else {
          return fmt::format("{}", one);
        }
      },
      value);
}

std::string text_of(const Kind& kind, std::string_view word) {
  struct Describe {
    std::string operator()(const WholeNumbers& range) const {
      return fmt::format("a whole number of at least {} and at most {}", range.least, range.most);
    }
    std::string operator()(const RealNumbers& range) const {
      return fmt::format("a number above 0, of at least {:.6g} and at most {:.6g}", range.least, range.most);
    }
    std::string operator()(const OneOf& names) const {
      std::string text;
      for (std::size_t i = 0; i < names.size(); ++i) {
        text += fmt::format("{}\"{}\"", i == 0 ? "" : i + 1 == names.size() ? " or " : ", ", names[i]);
      }
      return text;
    }
    std::string operator()(Flag) const { return "true or false"; }
    std::string operator()(Name) const {
      return fmt::format("a name in quotes (1 to {} bytes, no control characters such as line ends)", kMostNameBytes);
    }
  };
  return std::visit(Describe{}, kind) + (word.empty() ? "" : fmt::format(", or \"{}\"", word));
}

}  // namespace knowscale

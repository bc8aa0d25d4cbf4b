// SPDX-License-Identifier: BSD-3-Clause
// `reproducible` gives the bits that it gave before: hashes of its output in golden_reproducible.txt, for each
// instruction set. Inputs, tiles and chunks are fixed, so that neither libm nor caches decide a bit. An instruction set
// has two lines where processors differ (simd::Way::in_lanes).
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "comm/reduction.hpp"
#include "core/random.hpp"
#include "kernels/every_target.hpp"
#include "kernels/simd/attention.hpp"
#include "kernels/threads.hpp"

namespace knowscale {
namespace {

// What rounds a sum in which order is the compiler's and Highway's to say, too.
std::string toolchain() {
#if defined(__clang__)
  const std::string compiler = "clang" + std::to_string(__clang_major__);
#else
  const std::string compiler = "gcc" + std::to_string(__GNUC__);
#endif
  return compiler + "-highway" + std::to_string(HWY_MAJOR) + "." + std::to_string(HWY_MINOR);
}

// Without optimisation a compiler does not fuse products and sums where the instruction set could.
bool built_as_the_file_was(const std::string& target) {
#if defined(NDEBUG)
  static_cast<void>(target);
  return true;
#else
  return target.starts_with("SS") || target == "SCALAR" || target == "EMU128";
#endif
}

// With a mark where the processor multiplies pairs of bf16, which is no target of Highway's own.
std::string name_of_target(std::int64_t target) {
  return std::string(hwy::TargetName(target)) + (simd::has_dot_of_pairs() ? "+pairs" : "");
}

template <class T>
Matrix<T> uniform(std::int64_t rows, std::int64_t cols, Draw draw) {
  Matrix<T> matrix(rows, cols);
  std::vector<double> row(static_cast<std::size_t>(cols));
  for (std::int64_t i = 0; i < rows; ++i) {
    fill_uniform(7, draw, i, row);
    std::transform(row.begin(), row.end(), matrix.row(i), [](double x) { return static_cast<T>(4 * x); });
  }
  return matrix;
}

// FNV-1a.
template <class A>
std::uint64_t hash_of(const Matrix<A>& numbers) {
  std::uint64_t hash = 0xcbf29ce484222325;
  const auto* bytes = reinterpret_cast<const unsigned char*>(numbers.data());
  for (std::size_t i = 0; i < numbers.span().size_bytes(); ++i) hash = (hash ^ bytes[i]) * 0x100000001b3;
  return hash;
}

template <class T>
std::uint64_t hash_of_output(const Communicator& comm, std::int64_t queries_count) {
  constexpr std::int64_t m = 430, chunk = 48;
  const HeadShape shape = {4, 2, 10, 12};
  const Matrix<T> queries = uniform<T>(queries_count, shape.heads * shape.key_dim, Draw::queries);
  const Matrix<T> keys = uniform<T>(m, shape.kv_heads * shape.key_dim, Draw::keys);
  const Matrix<T> values = uniform<T>(m, shape.kv_heads * shape.value_dim, Draw::values);
  const std::vector<RowRange> shards = shard_ranges(m, comm.size(), chunk);
  const RowRange mine = shards[static_cast<std::size_t>(comm.rank())];
  const KeySource<T> own = {keys.view().slice_rows(mine), values.view().slice_rows(mine), {}};
  const AttentionInput<T> input = {queries.view(), {}, {}, shape, 0.3, {}, {64, 32}};
  const Threads threads(1);
  const ShardedAttention<T> attention = {comm,  threads,         kernel_by_name("simd"),
                                         input, {{own, shards}}, {Placement::replicated, false, 0, chunk}};
  Matrix<Accumulator<T>> output(queries_count, shape.heads * shape.value_dim);
  reduction_by_name("reproducible").prepare(attention)->run(output.view());
  return hash_of(output);
}

// Of few and of many queries, which kernels serve in ways of their own.
template <class T>
std::string line_of(const Communicator& comm, const std::string& target) {
  char hashes[40];
  std::snprintf(hashes, sizeof hashes, "%016llx %016llx", static_cast<unsigned long long>(hash_of_output<T>(comm, 1)),
                static_cast<unsigned long long>(hash_of_output<T>(comm, 300)));
  return toolchain() + " " + target + " " + std::string(name_of(precision_of<T>)) + " " + hashes;
}

std::set<std::string> known_lines() {
  std::ifstream file(std::string(KNOWSCALE_SOURCE_DIR) + "/tests/mpi/golden_reproducible.txt");
  std::set<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.insert(line);
  return lines;
}

// The line but for the hashes.
std::string key_of(const std::string& line) {
  return line.substr(0, line.find(' ', line.find(' ', line.find(' ') + 1) + 1));
}

TEST(Golden, ReproducibleGivesTheBitsThatItGave) {
  const Communicator world = Communicator::world();
  const std::set<std::string> known = known_lines();
  std::string unknown;
  int checked = 0;
  for_every_target([&](std::int64_t target) {
    if (!built_as_the_file_was(hwy::TargetName(target))) return;
    const std::string name = name_of_target(target);
    for (const std::string& line :
         {line_of<float>(world, name), line_of<double>(world, name), line_of<Bf16>(world, name)}) {
      const auto same_key = [&](const std::string& other) { return key_of(other) == key_of(line); };
      if (std::none_of(known.begin(), known.end(), same_key)) {
        unknown += line + "\n";
        continue;
      }
      ++checked;
      EXPECT_TRUE(known.contains(line)) << "tests/mpi/golden_reproducible.txt has not: " << line;
    }
  });
  if (!unknown.empty() && world.is_root()) {
    std::printf("not in tests/mpi/golden_reproducible.txt, and so not checked:\n%s", unknown.c_str());
  }
  if (checked == 0) GTEST_SKIP() << "tests/mpi/golden_reproducible.txt has no line for this build and machine";
}

}  // namespace
}  // namespace knowscale

// SPDX-License-Identifier: BSD-3-Clause
#include "problem/knowledge_tokens.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/error.hpp"
#include "core/half.hpp"
#include "problem/finite.hpp"
#include "problem/h5_dataset.hpp"

namespace knowscale {
namespace {

using h5::Content;
using h5::Dataset;

// `numbers`: of the tokens from `first` on.
void require_known(const std::string& path, std::span<const std::int64_t> numbers, std::int64_t first,
                   std::int64_t known) {
  const auto unknown =
      std::find_if(numbers.begin(), numbers.end(), [&](auto word) { return word < 0 || word >= known; });
  require(unknown == numbers.end(), ExitStatus::resource,
          unknown == numbers.end() ? ""
                                   : fmt::format("{}: token {} names word {} of {}: build the file again", path,
                                                 first + (unknown - numbers.begin()), *unknown, known));
}

}  // namespace

std::vector<std::int64_t> read_sentence_offsets(const std::string& path, std::int64_t count) {
  const h5::Id file = h5::open_read_only(path);
  const Dataset offsets(file, "sequences/offsets", Content::integers, 1);
  const std::int64_t tokens = Dataset(file, "sequences/tokens", Content::integers, 1).rows();
  require(offsets.rows() > 1, ExitStatus::resource, path + ": has no sequence: use lengths = \"equal\"");
  auto read = offsets.integers({0, std::min(offsets.rows() - 1, count) + 1});
  for (std::size_t s = 0; s + 1 < read.size(); ++s) {
    require(
        read[s] >= 0 && read[s] < read[s + 1], ExitStatus::resource,
        fmt::format("{}: sequence {} goes from token {} to {}: build the file again", path, s, read[s], read[s + 1]));
  }
  require(
      read.back() <= tokens, ExitStatus::resource,
      fmt::format("{}: sequences go to token {}, but there are {}: build the file again", path, read.back(), tokens));
  return read;
}

std::vector<std::int64_t> read_word_numbers(const std::string& path, std::span<const std::int64_t> places) {
  if (places.empty()) return {};
  const h5::Id file = h5::open_read_only(path);
  const Dataset tokens(file, "sequences/tokens", Content::integers, 1);
  const std::int64_t known = Dataset(file, "sequences/vectors", Content::numbers, 2).rows();
  require(tokens.rows() > 0, ExitStatus::resource, path + ": has no tokens: build the file again");
  const std::int64_t last = *std::max_element(places.begin(), places.end());
  const std::int64_t stored = std::min(tokens.rows(), last + 1);
  const std::vector<std::int64_t> numbers = tokens.integers({0, stored});
  require_known(path, numbers, 0, known);
  std::vector<std::int64_t> words;
  for (const std::int64_t place : places) words.push_back(numbers[static_cast<std::size_t>(place % stored)]);
  return words;
}

void check_tokens(const std::string& path) {
  constexpr std::int64_t kBlock = std::int64_t{1} << 20;
  const h5::Id file = h5::open_read_only(path);
  const Dataset tokens(file, "sequences/tokens", Content::integers, 1);
  const std::int64_t known = Dataset(file, "sequences/vectors", Content::numbers, 2).rows();
  for (std::int64_t begin = 0; begin < tokens.rows(); begin += kBlock)
    require_known(path, tokens.integers({begin, std::min(begin + kBlock, tokens.rows())}), begin, known);
}

template <class T>
void read_tokens(const std::string& path, std::span<const std::int64_t> places, Matrix<T>& out) {
  const char* dataset = "sequences/vectors";
  const std::vector<std::int64_t> words = read_word_numbers(path, places);
  const Dataset vectors(h5::open_read_only(path), dataset, Content::numbers, 2);
  Matrix<T> table(vectors.rows(), out.cols());
  vectors.read({0, table.rows()}, table);
  require_finite<T>(std::as_const(table).view(), path, dataset, 0);
  for (std::int64_t i = 0; i < out.rows(); ++i)
    std::copy_n(table.row(words[static_cast<std::size_t>(i)]), out.cols(), out.row(i));
}

template void read_tokens(const std::string&, std::span<const std::int64_t>, Matrix<float>&);
template void read_tokens(const std::string&, std::span<const std::int64_t>, Matrix<double>&);
template void read_tokens(const std::string&, std::span<const std::int64_t>, Matrix<Bf16>&);
template void read_tokens(const std::string&, std::span<const std::int64_t>, Matrix<F16>&);

}  // namespace knowscale

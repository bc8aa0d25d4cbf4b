// SPDX-License-Identifier: BSD-3-Clause
#include "problem/knowledge_texts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "core/error.hpp"
#include "core/text.hpp"
#include "problem/h5_dataset.hpp"
#include "problem/knowledge_tokens.hpp"

namespace knowscale {
namespace {

constexpr const char* kLabels = "labels";
constexpr const char* kWords = "sequences/words";

using h5::Content;
using h5::Dataset;

// Some rows of a column of texts, which is read a block at a time.
std::vector<std::string> texts_at(const h5::Id& file, const char* dataset, std::span<const std::int64_t> rows) {
  const Dataset data(file, dataset, Content::texts, 1);
  std::map<std::int64_t, std::string> wanted;
  for (const std::int64_t row : rows) wanted.emplace(row, "");
  std::vector<std::string> block;
  RowRange held = {0, 0};
  for (auto& [row, text] : wanted) {
    if (row >= held.end || row < held.begin) {
      held = {row, std::max(std::min(row + data.text_block(), data.rows()), row + 1)};
      block = data.texts(held);
    }
    text = shortened(block[static_cast<std::size_t>(row - held.begin)], kTextKept);
  }
  std::vector<std::string> texts;
  texts.reserve(rows.size());
  for (const std::int64_t row : rows) texts.push_back(wanted.at(row));
  return texts;
}

void check_column(const h5::Id& file, const char* dataset, std::int64_t count) {
  const Dataset data(file, dataset, Content::texts, 1);
  const std::int64_t rows = std::min(count, data.rows());
  for (std::int64_t begin = 0; begin < rows; begin += data.text_block()) {
    const std::vector<std::string> texts = data.texts({begin, std::min(begin + data.text_block(), rows)});
    const auto bad = std::find_if(texts.begin(), texts.end(), [](const std::string& text) { return !is_utf8(text); });
    if (bad == texts.end()) continue;
    data.refuse(
        fmt::format("row {} is no UTF-8 (\"{}\"): write texts as UTF-8, and cut none inside a character (Python: "
                    "text.encode(\"utf-8\") into a type that is wide enough)",
                    begin + (bad - texts.begin()), printable(shortened(*bad, 64))));
  }
}

}  // namespace

std::vector<std::string> read_words(const std::string& path, std::span<const std::int64_t> places) {
  const h5::Id file = h5::open_read_only(path);
  if (!h5::exists(file, kWords)) return {};
  return texts_at(file, kWords, read_word_numbers(path, places));
}

std::vector<std::string> read_labels(const std::string& path, std::span<const std::int64_t> rows) {
  const h5::Id file = h5::open_read_only(path);
  if (!h5::exists(file, kLabels)) return {};
  return texts_at(file, kLabels, rows);
}

void check_texts(const std::string& path, std::int64_t count) {
  const h5::Id file = h5::open_read_only(path);
  if (h5::exists(file, kLabels)) check_column(file, kLabels, count);
  if (h5::exists(file, kWords)) {
    const Dataset words(file, kWords, Content::texts, 1);
    check_column(file, kWords, words.rows());
  }
}

}  // namespace knowscale

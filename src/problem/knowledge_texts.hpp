// SPDX-License-Identifier: BSD-3-Clause
// The texts of a knowledge-set file, of fixed or variable length: labels of vectors and spellings of words. Serial; all
// throw as inspect_knowledge_file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace knowscale {

// What a record keeps of a label or word, in bytes: a label may be a passage, and the record holds it for every token.
inline constexpr std::size_t kTextKept = 256;

// The spellings of the tokens at these places of the file's list, of which there may be fewer; empty where it has none.
std::vector<std::string> read_words(const std::string& path, std::span<const std::int64_t> places);

// The labels of these vectors; empty where the file has none.
std::vector<std::string> read_labels(const std::string& path, std::span<const std::int64_t> rows);

// Throws Error(resource) that names the row of the first label of the first `count` vectors, or of the first word, that
// is no UTF-8. In little memory.
void check_texts(const std::string& path, std::int64_t count);

}  // namespace knowscale

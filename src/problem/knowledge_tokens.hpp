// SPDX-License-Identifier: BSD-3-Clause
// The sequences of a knowledge-set file: where each begins, and the vectors of its tokens. Serial; all throw as
// inspect_knowledge_file.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/matrix.hpp"

namespace knowscale {

// Where the first `count` sequences begin in the file's list of tokens, and where the last of them ends: fewer than
// count + 1 numbers where the file has fewer sequences.
std::vector<std::int64_t> read_sentence_offsets(const std::string& path, std::int64_t count);

// Which of the file's distinct words (rows of /sequences/vectors) the tokens at these places of its list are; again
// from the first token where there are fewer.
std::vector<std::int64_t> read_word_numbers(const std::string& path, std::span<const std::int64_t> places);

// Throws for the first token of all that names no word, in little memory.
void check_tokens(const std::string& path);

// Vectors of these tokens, their first out.cols() columns. Every vector of the file must be one that T holds.
template <class T>
void read_tokens(const std::string& path, std::span<const std::int64_t> places, Matrix<T>& out);

}  // namespace knowscale

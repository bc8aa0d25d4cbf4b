// SPDX-License-Identifier: BSD-3-Clause
// Knowledge-set files (HDF5; the format is in data/README.md): what one holds, and parallel reading.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "comm/communicator.hpp"
#include "core/matrix.hpp"
#include "core/partition.hpp"

namespace knowscale {

struct KnowledgeFile {
  std::string path;
  std::string name;
  std::string source;
  std::string licence;
  std::int64_t count = 0;      // vectors
  std::int64_t dimension = 0;  // of a vector
  bool has_values = false;
  std::int64_t sequences = 0;
  std::int64_t tokens = 0;  // of all sequences
};

// Throws Error(resource) for a file that is missing, truncated, not HDF5, or no knowledge set.
KnowledgeFile inspect_knowledge_file(const std::string& path);

// Rows `rows` of `dataset`, their first out.cols() columns, converted to T. Collective over `comm`: every rank
// reads its own hyperslab through MPI-IO. Throws Error(resource) on every rank if any failed.
template <class T>
void read_knowledge_rows(const std::string& path, const char* dataset, RowRange rows, Matrix<T>& out,
                         const Communicator& comm);

// Where the first `count` sequences begin in the file's list of tokens, and where the last of them ends: fewer than
// count + 1 numbers where the file has fewer sequences. Serial.
std::vector<std::int64_t> read_sentence_offsets(const std::string& path, std::int64_t count);

// Vectors of the tokens at these places of the file's list (again from the first where there are fewer), their first
// out.cols() columns. Serial.
template <class T>
void read_tokens(const std::string& path, std::span<const std::int64_t> places, Matrix<T>& out);

// The words of tokens, likewise. Serial.
std::vector<std::string> read_words(const std::string& path, std::span<const std::int64_t> places);

// The labels of these vectors; empty where the file has none. Serial.
std::vector<std::string> read_labels(const std::string& path, std::span<const std::int64_t> rows);

}  // namespace knowscale

// SPDX-License-Identifier: BSD-3-Clause
// Knowledge-set files (HDF5; the format is in data/README.md): what one holds, and parallel reading of its vectors. Its
// sequences and texts: knowledge_tokens.hpp, knowledge_texts.hpp.
#pragma once

#include <cstdint>
#include <string>

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
  bool in_bytes = false;  // keys are numbers with scales
  bool has_labels = false;
  std::int64_t sequences = 0;
  std::int64_t tokens = 0;  // of all sequences
  std::int64_t words = 0;   // distinct vectors of tokens
  bool has_words = false;   // their spelling
};

// Everything that the file declares is held against the format, without reading its numbers and texts. Throws
// Error(resource) for a file that is missing, truncated, not HDF5, no knowledge set, or one of a later format.
KnowledgeFile inspect_knowledge_file(const std::string& path);

// Rows `rows` of `dataset`, their first out.cols() columns, converted to T. Collective over `comm`: every rank
// reads its own hyperslab through MPI-IO. Throws Error(resource) on every rank if any failed.
template <class T>
void read_knowledge_rows(const std::string& path, const char* dataset, RowRange rows, Matrix<T>& out,
                         const Communicator& comm);

}  // namespace knowscale

// SPDX-License-Identifier: BSD-3-Clause
#include "problem/knowledge_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "core/error.hpp"
#include "core/half.hpp"
#include "problem/h5_dataset.hpp"
#include "problem/unreadable.hpp"
#include "problem/vectors.hpp"

namespace knowscale {
namespace {

constexpr const char* kFormat = "knowscale knowledge set";
constexpr std::int64_t kFormatVersion = 2;  // 1: without scales

using h5::Content;
using h5::Dataset;

// What an HDF5 file is that is no knowledge set, with the remedy.
std::string why_no_knowledge(const h5::Id& file) {
  if (h5::has_attribute(file, "schema_version") && h5::has_attribute(file, "config_hash"))
    return "is a result of knowscale, no knowledge set: give the file that was measured";
  const char* vectors = "train";  // as ann-benchmarks calls them
  if (h5::exists(file, vectors)) {
    return fmt::format(
        "is no knowledge set but one of ann-benchmarks (it has /{}): make one of it as \"Your own vectors\" in "
        "data/README.md shows",
        vectors);
  }
  return fmt::format("is no knowledge set (its attribute format is not \"{}\"): see data/README.md", kFormat);
}

void require_format(const h5::Id& file, const std::string& path) {
  const bool ours = h5::has_attribute(file, "format") && h5::read_text(file, "format") == kFormat;
  require(ours, ExitStatus::resource, ours ? "" : path + ": " + why_no_knowledge(file));
  if (!h5::has_attribute(file, "format_version")) return;
  const std::int64_t version = h5::read_integer(file, "format_version");
  require(
      version >= 1 && version <= kFormatVersion, ExitStatus::resource,
      fmt::format("{}: is a knowledge set of format_version {}, and this knowscale reads 1 to {}: {}", path, version,
                  kFormatVersion, version > kFormatVersion ? "use a later knowscale" : "build the file again"));
}

// Refuses a dataset that has not so many rows and columns.
template <class Data>
void require_size(const Data& data, std::int64_t rows, std::int64_t columns, const char* says) {
  if (data.rows() == rows && data.columns() == columns) return;
  data.refuse(fmt::format("is {} x {}, not {} x {} as it should be by {}: build the file again", data.rows(),
                          data.columns(), rows, columns, says));
}

void inspect_sequences(const h5::Id& file, KnowledgeFile& info) {
  h5::open_group(file, "sequences");
  const Dataset vectors(file, "sequences/vectors", Content::numbers, 2);
  require_size(vectors, vectors.rows(), info.dimension, "the attribute dimension");
  info.words = vectors.rows();
  info.tokens = Dataset(file, "sequences/tokens", Content::integers, 1).rows();
  info.sequences = std::max<std::int64_t>(Dataset(file, "sequences/offsets", Content::integers, 1).rows() - 1, 0);
  info.has_words = h5::exists(file, "sequences/words");
  if (info.has_words)
    require_size(Dataset(file, "sequences/words", Content::texts, 1), info.words, 1, "/sequences/vectors");
}

}  // namespace

KnowledgeFile inspect_knowledge_file(const std::string& path) {
  const h5::Id file = h5::open_read_only(path);
  require_format(file, path);
  KnowledgeFile info;
  info.path = path;
  info.name = h5::read_text(file, "name");
  info.source = h5::read_text(file, "source");
  info.licence = h5::read_text(file, "licence");
  info.count = h5::read_integer(file, "count");
  info.dimension = h5::read_integer(file, "dimension");
  require(info.count >= 0 && info.dimension >= 1, ExitStatus::resource,
          fmt::format("{}: has {} vectors of dimension {} by its attributes count and dimension: build the file again",
                      path, info.count, info.dimension));
  info.has_values = h5::exists(file, "values");
  info.has_labels = h5::exists(file, "labels");
  const char* says = "the attributes count and dimension";
  const Vectors keys(file, "keys");
  require_size(keys, info.count, info.dimension, says);
  info.in_bytes = keys.scaled();
  if (info.has_values) require_size(Vectors(file, "values"), info.count, info.dimension, says);
  if (info.has_labels) require_size(Dataset(file, "labels", Content::texts, 1), info.count, 1, "the attribute count");
  if (h5::exists(file, "sequences")) inspect_sequences(file, info);
  return info;
}

template <class T>
void read_knowledge_rows(const std::string& path, const char* dataset, RowRange rows, Matrix<T>& out,
                         const Communicator& comm) {
  const h5::Id access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose), transfer(H5Pcreate(H5P_DATASET_XFER), H5Pclose);
  h5::check(H5Pset_fapl_mpio(access, comm.handle(), MPI_INFO_NULL), path, "be opened through MPI-IO");
  h5::Id file;
  std::optional<Vectors> data;
  comm.together([&] { require_regular_file(path); });  // apart: the next call is collective where it is not refused
  comm.together([&] { file = h5::open_read_only(path, access); });
  comm.together([&] { data.emplace(file, dataset); });
  // A chunk that cannot be unpacked stops its rank alone.
  const H5FD_mpio_xfer_t mode = data->plain() ? H5FD_MPIO_COLLECTIVE : H5FD_MPIO_INDEPENDENT;
  h5::check(H5Pset_dxpl_mpio(transfer, mode), path, "be read through MPI-IO");
  comm.together([&] { data->read(rows, out, transfer); });
}

template void read_knowledge_rows(const std::string&, const char*, RowRange, Matrix<float>&, const Communicator&);
template void read_knowledge_rows(const std::string&, const char*, RowRange, Matrix<double>&, const Communicator&);
template void read_knowledge_rows(const std::string&, const char*, RowRange, Matrix<Bf16>&, const Communicator&);
template void read_knowledge_rows(const std::string&, const char*, RowRange, Matrix<F16>&, const Communicator&);

}  // namespace knowscale

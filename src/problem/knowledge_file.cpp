// SPDX-License-Identifier: BSD-3-Clause
#include "problem/knowledge_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "core/error.hpp"
#include "core/half.hpp"
#include "problem/h5.hpp"

namespace knowscale {
namespace {

constexpr const char* kFormat = "knowscale knowledge set";

hid_t native_type(float) { return H5T_NATIVE_FLOAT; }
hid_t native_type(double) { return H5T_NATIVE_DOUBLE; }

// The extents of a dataset that must be a matrix of these many columns.
std::vector<std::int64_t> matrix_extents(const h5::Id& file, const char* name, std::int64_t columns) {
  const std::vector<std::int64_t> sizes = h5::extents(h5::open_dataset(file, name));
  require(sizes.size() == 2 && sizes[1] == columns, ExitStatus::resource,
          fmt::format("{}: {} is not a matrix of {} columns, as the attribute dimension says: build the file again",
                      h5::file_name(file), name, columns));
  return sizes;
}

// Selects the leading columns of some rows; nothing where rows are none.
h5::Id select_rows(const h5::Id& dataset, RowRange rows, std::int64_t columns) {
  h5::Id space(H5Dget_space(dataset), H5Sclose);
  if (rows.size() == 0) {
    H5Sselect_none(space);
    return space;
  }
  const hsize_t start[] = {static_cast<hsize_t>(rows.begin), 0};
  const hsize_t count[] = {static_cast<hsize_t>(rows.size()), static_cast<hsize_t>(columns)};
  h5::check(H5Sselect_hyperslab(space, H5S_SELECT_SET, start, nullptr, count, nullptr), h5::file_name(dataset),
            "select rows");
  return space;
}

// Reads rows of an open dataset into `out`, with the given transfer properties.
template <class T>
void read_numbers(const h5::Id& dataset, RowRange rows, Matrix<T>& out, hid_t transfer) {
  const h5::Id from = select_rows(dataset, rows, out.cols());
  const hsize_t sizes[] = {static_cast<hsize_t>(std::max<std::int64_t>(rows.size(), 1)),
                           static_cast<hsize_t>(out.cols())};
  const h5::Id to(H5Screate_simple(2, sizes, nullptr), H5Sclose);
  if (rows.size() == 0) H5Sselect_none(to);
  T nothing{};
  h5::check(H5Dread(dataset, native_type(T{}), to, from, transfer, rows.size() == 0 ? &nothing : out.data()),
            h5::file_name(dataset), fmt::format("read rows {} to {}", rows.begin, rows.end));
}

// The same; 16-bit formats, which HDF5 has no type for, by way of f32.
template <class T>
void read_rows(const h5::Id& dataset, RowRange rows, Matrix<T>& out, hid_t transfer) {
  if constexpr (sizeof(T) == 2) {
    Matrix<float> numbers(out.rows(), out.cols());
    read_numbers(dataset, rows, numbers, transfer);
    std::transform(numbers.data(), numbers.data() + numbers.size(), out.data(), [](float x) { return T(x); });
  } else {
    read_numbers(dataset, rows, out, transfer);
  }
}

template <class Number>
std::vector<Number> read_column(const h5::Id& dataset, hid_t type, std::int64_t count) {
  std::vector<Number> numbers(static_cast<std::size_t>(count));
  const hsize_t start = 0, size = static_cast<hsize_t>(count);
  const h5::Id from(H5Dget_space(dataset), H5Sclose), to(H5Screate_simple(1, &size, nullptr), H5Sclose);
  H5Sselect_hyperslab(from, H5S_SELECT_SET, &start, nullptr, &size, nullptr);
  h5::check(H5Dread(dataset, type, to, from, H5P_DEFAULT, numbers.data()), h5::file_name(dataset), "read a column");
  return numbers;
}

void require_rows(const h5::Id& file, const char* dataset, std::int64_t rows, const char* says) {
  const std::int64_t found = h5::extents(h5::open_dataset(file, dataset)).at(0);
  require(found == rows, ExitStatus::resource,
          fmt::format("{}: /{} has {} rows, not the {} that {}: build the file again", h5::file_name(file), dataset,
                      found, rows, says));
}

void inspect_sequences(const h5::Id& file, KnowledgeFile& info) {
  matrix_extents(file, "sequences/vectors", info.dimension);
  info.tokens = h5::extents(h5::open_dataset(file, "sequences/tokens")).at(0);
  info.sequences = std::max<std::int64_t>(h5::extents(h5::open_dataset(file, "sequences/offsets")).at(0) - 1, 0);
  if (h5::exists(file, "sequences/words")) {
    require_rows(file, "sequences/words", h5::extents(h5::open_dataset(file, "sequences/vectors")).at(0),
                 "sequences/vectors has");
  }
}

}  // namespace

KnowledgeFile inspect_knowledge_file(const std::string& path) {
  const h5::Id file = h5::open_read_only(path);
  require(
      h5::has_attribute(file, "format") && h5::read_text(file, "format") == kFormat, ExitStatus::resource,
      fmt::format("{}: is no knowledge set (its attribute format is not \"{}\"): see data/README.md", path, kFormat));
  KnowledgeFile info;
  info.path = path;
  info.name = h5::read_text(file, "name");
  info.source = h5::read_text(file, "source");
  info.licence = h5::read_text(file, "licence");
  info.count = h5::read_integer(file, "count");
  info.dimension = h5::read_integer(file, "dimension");
  info.has_values = h5::exists(file, "values");
  for (const char* name : {"keys", "values"}) {
    if (name == std::string("values") && !info.has_values) continue;
    require(matrix_extents(file, name, info.dimension)[0] == info.count, ExitStatus::resource,
            fmt::format("{}: /{} has not the {} rows that the attribute count says: build the file again", path, name,
                        info.count));
  }
  if (h5::exists(file, "sequences")) inspect_sequences(file, info);
  if (h5::exists(file, "labels")) require_rows(file, "labels", info.count, "the attribute count says");
  return info;
}

template <class T>
void read_knowledge_rows(const std::string& path, const char* dataset, RowRange rows, Matrix<T>& out,
                         const Communicator& comm) {
  const h5::Id access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose), transfer(H5Pcreate(H5P_DATASET_XFER), H5Pclose);
  h5::check(H5Pset_fapl_mpio(access, comm.handle(), MPI_INFO_NULL), path, "be opened through MPI-IO");
  h5::check(H5Pset_dxpl_mpio(transfer, H5FD_MPIO_COLLECTIVE), path, "be read collectively");
  h5::Id file, data;
  comm.together([&] { file = h5::open_read_only(path, access); });
  comm.together([&] { data = h5::open_dataset(file, dataset); });
  comm.together([&] { read_rows(data, rows, out, transfer); });
}

std::vector<std::int64_t> read_sentence_offsets(const std::string& path, std::int64_t count) {
  const h5::Id file = h5::open_read_only(path);
  const h5::Id offsets = h5::open_dataset(file, "sequences/offsets");
  auto read = read_column<std::int64_t>(offsets, H5T_NATIVE_INT64, std::min(h5::extents(offsets).at(0), count + 1));
  for (std::size_t s = 0; s + 1 < read.size(); ++s) {
    require(
        read[s] >= 0 && read[s] < read[s + 1], ExitStatus::resource,
        fmt::format("{}: sequence {} goes from token {} to {}: build the file again", path, s, read[s], read[s + 1]));
  }
  const std::int64_t tokens = h5::extents(h5::open_dataset(file, "sequences/tokens")).at(0);
  require(read.empty() || read.back() <= tokens, ExitStatus::resource,
          fmt::format("{}: sequences go to token {}, but there are {}: build the file again", path,
                      read.empty() ? 0 : read.back(), tokens));
  require(read.size() > 1, ExitStatus::resource, path + ": has no sequence: use lengths = \"equal\"");
  return read;
}

namespace {

// Which of the file's words the tokens at these places are.
std::vector<std::int64_t> words_at(const h5::Id& file, std::span<const std::int64_t> places) {
  const h5::Id tokens = h5::open_dataset(file, "sequences/tokens");
  const std::int64_t last = places.empty() ? 0 : *std::max_element(places.begin(), places.end());
  const std::int64_t stored = std::min(h5::extents(tokens).at(0), last + 1);
  const auto indices = read_column<std::int64_t>(tokens, H5T_NATIVE_INT64, stored);
  const std::int64_t known = h5::extents(h5::open_dataset(file, "sequences/vectors")).at(0);
  std::vector<std::int64_t> words;
  for (const std::int64_t place : places) {
    const std::int64_t word = indices[static_cast<std::size_t>(place % stored)];
    require(word >= 0 && word < known, ExitStatus::resource,
            fmt::format("{}: token {} names word {} of {}: build the file again", h5::file_name(file), place % stored,
                        word, known));
    words.push_back(word);
  }
  return words;
}

// Some rows of a column of texts.
std::vector<std::string> texts_at(const h5::Id& file, const char* dataset, std::span<const std::int64_t> rows) {
  const std::vector<std::string> all = h5::read_texts(h5::open_dataset(file, dataset));
  std::vector<std::string> texts;
  for (const std::int64_t row : rows) {
    require(row >= 0 && row < static_cast<std::int64_t>(all.size()), ExitStatus::resource,
            fmt::format("{}: /{} has {} rows, row {} is asked for: build the file again", h5::file_name(file), dataset,
                        all.size(), row));
    texts.push_back(all[static_cast<std::size_t>(row)]);
  }
  return texts;
}

}  // namespace

template <class T>
void read_tokens(const std::string& path, std::span<const std::int64_t> places, Matrix<T>& out) {
  const h5::Id file = h5::open_read_only(path);
  const h5::Id vectors = h5::open_dataset(file, "sequences/vectors");
  const std::vector<std::int64_t> words = words_at(file, places);
  Matrix<T> table(h5::extents(vectors).at(0), out.cols());
  read_rows(vectors, {0, table.rows()}, table, H5P_DEFAULT);
  for (std::int64_t i = 0; i < out.rows(); ++i) {
    std::copy_n(table.row(words[static_cast<std::size_t>(i)]), out.cols(), out.row(i));
  }
}

std::vector<std::string> read_words(const std::string& path, std::span<const std::int64_t> places) {
  const h5::Id file = h5::open_read_only(path);
  if (!h5::exists(file, "sequences/words")) return {};
  return texts_at(file, "sequences/words", words_at(file, places));
}

std::vector<std::string> read_labels(const std::string& path, std::span<const std::int64_t> rows) {
  const h5::Id file = h5::open_read_only(path);
  if (!h5::exists(file, "labels")) return {};
  return texts_at(file, "labels", rows);
}

template void read_knowledge_rows(const std::string&, const char*, RowRange, Matrix<float>&, const Communicator&);
template void read_knowledge_rows(const std::string&, const char*, RowRange, Matrix<double>&, const Communicator&);
template void read_knowledge_rows(const std::string&, const char*, RowRange, Matrix<Bf16>&, const Communicator&);
template void read_tokens(const std::string&, std::span<const std::int64_t>, Matrix<Bf16>&);
template void read_knowledge_rows(const std::string&, const char*, RowRange, Matrix<F16>&, const Communicator&);
template void read_tokens(const std::string&, std::span<const std::int64_t>, Matrix<F16>&);
template void read_tokens(const std::string&, std::span<const std::int64_t>, Matrix<float>&);
template void read_tokens(const std::string&, std::span<const std::int64_t>, Matrix<double>&);

}  // namespace knowscale

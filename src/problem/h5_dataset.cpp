// SPDX-License-Identifier: BSD-3-Clause
#include "problem/h5_dataset.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <limits>

#include "core/error.hpp"
#include "core/half.hpp"

namespace knowscale::h5 {
namespace {

// Deflate makes at most 1,032 bytes of one.
constexpr std::uint64_t kExpansion = 1100;

hid_t native_type(float) { return H5T_NATIVE_FLOAT; }
hid_t native_type(double) { return H5T_NATIVE_DOUBLE; }

// The product, or nothing where it is above the limit.
bool within(std::span<const hsize_t> factors, std::uint64_t limit, std::uint64_t& product) {
  product = 1;
  if (std::count(factors.begin(), factors.end(), 0U) > 0) product = 0;
  for (const hsize_t factor : factors) {
    if (factor > 0 && product > limit / factor) return false;
    product *= factor;
  }
  return true;
}

// What HDF5 asks for memory for texts of variable length: it gets no more than the file holds, however often its rows
// name the same one.
struct Budget {
  std::size_t left;
};

void* take(std::size_t size, void* info) {
  auto* budget = static_cast<Budget*>(info);
  if (size > budget->left) return nullptr;
  budget->left -= size;
  return std::malloc(std::max<std::size_t>(size, 1));
}

void give(void* memory, void*) { std::free(memory); }

}  // namespace

Dataset::Dataset(hid_t location, const std::string& name, Content content, int rank) {
  id_ = open_object(location, name, H5I_DATASET, label_);
  const Id plist(check(H5Dget_create_plist(id_), file_name(id_), "be described: " + label_), H5Pclose);
  check_placement(plist);
  type_ = Id(check(H5Dget_type(id_), file_name(id_), "give the type of " + label_), H5Tclose);
  if (const std::string why = objection(type_, content); !why.empty()) refuse(why);
  check_extents(rank);
  check_written(plist, check_size(plist));
}

void Dataset::refuse(const std::string& why) const {
  throw Error(ExitStatus::resource, fmt::format("{}: {} {}", file_name(id_), label_, why));
}

void Dataset::check_placement(hid_t plist) {
  const H5D_layout_t layout = H5Pget_layout(plist);
  if (layout == H5D_VIRTUAL) refuse("is a virtual dataset, whose data lie in other files: copy the data into this one");
  if (H5Pget_external_count(plist) != 0)
    refuse("keeps its data in another file (external storage): copy them into this one");
  if (layout != H5D_CONTIGUOUS && layout != H5D_COMPACT && layout != H5D_CHUNKED) refuse("has an unknown layout");
  const int filters = H5Pget_nfilters(plist);
  for (int i = 0; i < filters; ++i) {
    std::array<char, 64> name{};
    unsigned flags = 0, settings = 0;
    std::size_t values = 0;
    const H5Z_filter_t filter = H5Pget_filter2(plist, static_cast<unsigned>(i), &flags, &values, nullptr,
                                               name.size() - 1, name.data(), &settings);
    if (filter < 0 || H5Zfilter_avail(filter) <= 0) {
      refuse(
          fmt::format("is packed by the filter \"{}\" (number {}), which this HDF5 has not: write it without, or "
                      "with gzip: h5repack -f GZIP=1 where the filter is known, or Python with h5py",
                      name.data(), static_cast<int>(filter)));
    }
  }
  plain_ = layout != H5D_CHUNKED && filters == 0;
}

void Dataset::check_extents(int rank) {
  const Id space(check(H5Dget_space(id_), file_name(id_), "give the extents of " + label_), H5Sclose);
  const char* wanted = rank == 1 ? "a column (1-D)" : "a matrix (2-D)";
  const H5S_class_t kind = H5Sget_simple_extent_type(space);
  if (kind != H5S_SIMPLE)
    refuse(fmt::format("is {}, not {}: build the file again", kind == H5S_NULL ? "empty (null)" : "a scalar", wanted));
  const int found = H5Sget_simple_extent_ndims(space);
  if (found != rank) refuse(fmt::format("has {} dimensions, and is to be {}: build the file again", found, wanted));
  extents_.resize(static_cast<std::size_t>(rank));
  check(H5Sget_simple_extent_dims(space, extents_.data(), nullptr), file_name(id_), "give the extents of " + label_);
  for (const hsize_t extent : extents_) {
    if (extent > static_cast<hsize_t>(std::numeric_limits<std::int64_t>::max()))
      refuse(fmt::format("has an extent of {}: build the file again", extent));
  }
  rows_ = static_cast<std::int64_t>(extents_[0]);
  columns_ = rank == 1 ? 1 : static_cast<std::int64_t>(extents_[1]);
}

std::uint64_t Dataset::check_size(hid_t plist) {
  const std::uint64_t file = file_bytes(id_), limit = H5Pget_nfilters(plist) > 0 ? file * kExpansion : file;
  std::vector<hsize_t> factors = extents_, chunk(extents_.size(), 1);
  std::uint64_t chunks = 0, held = 0;
  bool possible = true;
  if (H5Pget_layout(plist) == H5D_CHUNKED) {
    const int rank = H5Pget_chunk(plist, static_cast<int>(chunk.size()), chunk.data());
    if (rank != static_cast<int>(chunk.size()) || std::count(chunk.begin(), chunk.end(), 0U) > 0)
      refuse("has chunks of another rank than its own: build the file again");
    for (std::size_t i = 0; i < chunk.size(); ++i) factors[i] = extents_[i] / chunk[i] + (extents_[i] % chunk[i] != 0);
    possible = within(factors, limit, chunks);
  }
  factors.insert(factors.end(), chunk.begin(), chunk.end());
  factors.push_back(H5Tget_size(type_));
  if (!possible || !within(factors, limit, held)) {
    refuse(
        fmt::format("claims {} x {} values of {} bytes, more than a file of {} bytes holds: it was not written "
                    "whole, build it again",
                    rows_, columns_, H5Tget_size(type_), file));
  }
  bytes_ = static_cast<std::uint64_t>(rows_) * static_cast<std::uint64_t>(columns_) * H5Tget_size(type_);
  stored_bytes_ = bytes_ / (limit / file);
  return chunks;
}

void Dataset::check_written(hid_t plist, std::uint64_t chunks) {
  if (bytes_ == 0) return;
  hsize_t stored = 0;
  if (H5Pget_layout(plist) == H5D_CHUNKED) {
    const Id space(H5Dget_space(id_), H5Sclose);
    check(H5Dget_num_chunks(id_, space, &stored), file_name(id_), "count the chunks of " + label_);
    if (stored < chunks)
      refuse(fmt::format("has {} of its {} chunks: the others were never written, build it again", stored, chunks));
    return;
  }
  stored = H5Dget_storage_size(id_);
  const haddr_t begin = H5Pget_layout(plist) == H5D_CONTIGUOUS ? H5Dget_offset(id_) : 0;
  const std::uint64_t file = file_bytes(id_), inside = begin > file ? 0 : std::min<std::uint64_t>(stored, file - begin);
  if (inside < bytes_)
    refuse(fmt::format("has {} of its {} bytes in the file: the others were never written, build it again", inside,
                       bytes_));
}

Id Dataset::select(RowRange rows, std::int64_t columns) const {
  require(0 <= rows.begin && rows.begin <= rows.end && rows.end <= rows_ && columns <= columns_, ExitStatus::resource,
          fmt::format("{}: {} has {} rows of {}, rows {} to {} of {} are asked for: build the file again",
                      file_name(id_), label_, rows_, columns_, rows.begin, rows.end, columns));
  Id space(H5Dget_space(id_), H5Sclose);
  if (rows.size() == 0) {
    H5Sselect_none(space);
    return space;
  }
  const hsize_t start[] = {static_cast<hsize_t>(rows.begin), 0};
  const hsize_t count[] = {static_cast<hsize_t>(rows.size()), static_cast<hsize_t>(columns)};
  check(H5Sselect_hyperslab(space, H5S_SELECT_SET, start, nullptr, count, nullptr), file_name(id_),
        "select rows of " + label_);
  return space;
}

void Dataset::transfer(hid_t memory_type, RowRange rows, std::int64_t columns, void* out, hid_t properties) const {
  const Id from = select(rows, columns);
  const hsize_t size = static_cast<hsize_t>(std::max<std::int64_t>(rows.size() * columns, 1));
  const Id to(H5Screate_simple(1, &size, nullptr), H5Sclose);
  if (rows.size() == 0) H5Sselect_none(to);
  check(H5Dread(id_, memory_type, to, from, properties, out), file_name(id_),
        fmt::format("read rows {} to {} of {}", rows.begin, rows.end, label_));
}

template <class T>
void Dataset::read(RowRange rows, Matrix<T>& out, hid_t properties) const {
  if constexpr (sizeof(T) == 2) {  // which HDF5 has no type for
    Matrix<float> numbers(out.rows(), out.cols());
    read(rows, numbers, properties);
    std::transform(numbers.data(), numbers.data() + numbers.size(), out.data(), [](float x) { return T(x); });
  } else {
    T nothing{};
    transfer(native_type(T{}), rows, out.cols(), rows.size() == 0 ? &nothing : out.data(), properties);
  }
}

std::vector<double> Dataset::reals(RowRange rows) const {
  std::vector<double> values(static_cast<std::size_t>(rows.size()));
  if (!values.empty()) transfer(H5T_NATIVE_DOUBLE, rows, 1, values.data(), H5P_DEFAULT);
  return values;
}

std::vector<std::int64_t> Dataset::integers(RowRange rows) const {
  if (const std::string why = objection(type_, Content::integers); !why.empty()) refuse(why);
  std::vector<std::int64_t> values(static_cast<std::size_t>(rows.size()));
  if (values.empty()) return values;
  const bool wide = is_unsigned_64(type_);  // HDF5 would make the largest with sign of what is above
  transfer(wide ? H5T_NATIVE_UINT64 : H5T_NATIVE_INT64, rows, 1, values.data(), H5P_DEFAULT);
  const auto beyond = std::find_if(values.begin(), values.end(), [&](std::int64_t x) { return wide && x < 0; });
  if (beyond != values.end()) {
    refuse(fmt::format("row {} is {}, beyond 64 bits with sign: build the file again",
                       rows.begin + (beyond - values.begin()), static_cast<std::uint64_t>(*beyond)));
  }
  return values;
}

std::int64_t Dataset::text_block() const {
  constexpr std::size_t kBytes = std::size_t{1} << 20;
  return H5Tis_variable_str(type_) > 0
             ? 4096
             : static_cast<std::int64_t>(std::max<std::size_t>(kBytes / H5Tget_size(type_), 1));
}

std::vector<std::string> Dataset::texts(RowRange rows) const {
  if (const std::string why = objection(type_, Content::texts); !why.empty()) refuse(why);
  if (rows.size() == 0) return {};
  return H5Tis_variable_str(type_) > 0 ? variable_texts(rows) : fixed_texts(rows);
}

std::vector<std::string> Dataset::fixed_texts(RowRange rows) const {
  const std::size_t width = H5Tget_size(type_);
  std::vector<std::string> values;
  std::string packed;
  for (std::int64_t begin = rows.begin; begin < rows.end; begin += text_block()) {
    const RowRange block = {begin, std::min(begin + text_block(), rows.end)};
    packed.resize(width * static_cast<std::size_t>(block.size()));
    transfer(text_in_memory(type_), block, 1, packed.data(), H5P_DEFAULT);
    for (const char* text = packed.data(); text < packed.data() + packed.size(); text += width)
      values.emplace_back(text, strnlen(text, width));
  }
  return values;
}

std::vector<std::string> Dataset::variable_texts(RowRange rows) const {
  Budget budget = {file_bytes(id_) + static_cast<std::size_t>(rows.size())};  // each ends with a 0
  const Id properties(H5Pcreate(H5P_DATASET_XFER), H5Pclose);
  check(H5Pset_vlen_mem_manager(properties, take, &budget, give, nullptr), file_name(id_), "give memory");
  std::vector<char*> read(static_cast<std::size_t>(rows.size()), nullptr);
  std::vector<std::string> values;
  const auto release = [&] { std::for_each(read.begin(), read.end(), std::free); };
  try {
    transfer(text_in_memory(type_), rows, 1, read.data(), properties);
    for (const char* text : read) values.emplace_back(text == nullptr ? "" : text);
  } catch (...) {
    release();
    throw;
  }
  release();
  return values;
}

template void Dataset::read(RowRange, Matrix<float>&, hid_t) const;
template void Dataset::read(RowRange, Matrix<double>&, hid_t) const;
template void Dataset::read(RowRange, Matrix<Bf16>&, hid_t) const;
template void Dataset::read(RowRange, Matrix<F16>&, hid_t) const;

}  // namespace knowscale::h5

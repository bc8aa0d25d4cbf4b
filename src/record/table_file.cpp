// SPDX-License-Identifier: BSD-3-Clause
#include "record/table_file.hpp"

#include <hdf5_hl.h>

#include <algorithm>
#include <cstring>
#include <numeric>
#include <set>

#include "core/error.hpp"
#include "core/text.hpp"
#include "problem/h5_dataset.hpp"

namespace knowscale {
namespace {

constexpr const char* kRow = "row";

h5::Id make_dataset(hid_t group, const std::string& name, hid_t type, std::size_t rows) {
  const hsize_t size = rows;
  const h5::Id space(H5Screate_simple(1, &size, nullptr), H5Sclose);
  return {h5::check(H5Dcreate2(group, name.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
                    h5::file_name(group), "make the dataset " + name),
          H5Dclose};
}

void write_all(const h5::Id& dataset, hid_t type, const void* data, std::size_t rows) {
  if (rows == 0) return;
  h5::check(H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data), h5::file_name(dataset), "write a dataset");
}

h5::Id write_values(hid_t group, const std::string& name, const std::vector<std::int64_t>& values) {
  h5::Id dataset = make_dataset(group, name, H5T_STD_I64LE, values.size());
  write_all(dataset, H5T_NATIVE_INT64, values.data(), values.size());
  return dataset;
}

h5::Id write_values(hid_t group, const std::string& name, const std::vector<double>& values) {
  h5::Id dataset = make_dataset(group, name, H5T_IEEE_F64LE, values.size());
  write_all(dataset, H5T_NATIVE_DOUBLE, values.data(), values.size());
  return dataset;
}

h5::Id write_variable_texts(hid_t group, const std::string& name, const std::vector<std::string>& values) {
  std::vector<const char*> texts;
  for (const std::string& value : values) texts.push_back(value.c_str());
  const h5::Id type = h5::text_type(H5T_VARIABLE);
  h5::Id dataset = make_dataset(group, name, type, values.size());
  write_all(dataset, type, texts.data(), values.size());
  return dataset;
}

// Of fixed length, padded to the longest; of variable length where that takes less than half the room: padding would
// hold one long text among short ones, such as a campaign in /meta, as often as there are rows.
h5::Id write_values(hid_t group, const std::string& name, const std::vector<std::string>& texts) {
  constexpr std::size_t kReference = 40;  // bytes that HDF5 takes for a text of variable length beside its own
  constexpr std::size_t kHeap = 4096;     // and for the first of them
  std::vector<std::string> values;
  std::size_t width = 1, variable = kHeap;
  for (const std::string& text : texts) {
    values.push_back(as_utf8(text));
    width = std::max(width, values.back().size());
    variable += values.back().size() + kReference;
  }
  if (2 * variable < width * values.size()) return write_variable_texts(group, name, values);
  std::string packed(width * values.size(), '\0');
  for (std::size_t i = 0; i < values.size(); ++i)
    std::copy(values[i].begin(), values[i].end(), packed.begin() + static_cast<std::ptrdiff_t>(i * width));
  const h5::Id type = h5::text_type(width);
  h5::Id dataset = make_dataset(group, name, type, values.size());
  write_all(dataset, type, packed.data(), values.size());
  return dataset;
}

h5::Content content_of(hid_t group, const std::string& column) {
  std::string label;
  const h5::Id dataset = h5::open_object(group, column, H5I_DATASET, label);
  const h5::Id type(h5::check(H5Dget_type(dataset), h5::file_name(group), "give the type of " + label), H5Tclose);
  switch (H5Tget_class(type)) {
    case H5T_STRING: return h5::Content::texts;
    case H5T_INTEGER: return h5::Content::integers;
    default: return h5::Content::numbers;
  }
}

ColumnValues read_values(const h5::Dataset& dataset, h5::Content content) {
  const RowRange all = {0, dataset.rows()};
  if (content == h5::Content::texts) return dataset.texts(all);
  if (content == h5::Content::integers) return dataset.integers(all);
  return dataset.reals(all);
}

// The names in the attribute `columns`, each once.
std::vector<std::string> column_names(const h5::Id& group) {
  const std::string order = h5::read_text(group, "columns");
  std::vector<std::string> names;
  std::set<std::string> seen;
  for (std::size_t begin = 0; begin < order.size();) {
    const std::size_t end = std::min(order.find(' ', begin), order.size());
    names.push_back(order.substr(begin, end - begin));
    require(seen.insert(names.back()).second, ExitStatus::resource,
            h5::file_name(group) + ": lists the column " + names.back() + " twice: copy or build it again");
    begin = end + 1;
  }
  return names;
}

}  // namespace

void write_table(hid_t file, const Table& table) {
  const std::string where = h5::file_name(file);
  const h5::Id group(h5::check(H5Gcreate2(file, table.name.c_str(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), where,
                               "make the group " + table.name),
                     H5Gclose);
  std::vector<std::int64_t> numbers(table.rows());
  std::iota(numbers.begin(), numbers.end(), 0);
  const h5::Id row = write_values(group, kRow, numbers);
  h5::write_text(row, "long_name", "row of the table");
  h5::check(H5DSset_scale(row, kRow), where, "make a dimension scale");
  // The order of columns is kept in an attribute: HDF5 lists links by name.
  std::string order;
  for (const Column& column : table.columns) {
    const h5::Id dataset =
        std::visit([&](const auto& values) { return write_values(group, column.name, values); }, column.values);
    h5::write_text(dataset, "units", column.units);
    h5::write_text(dataset, "long_name", column.long_name);
    if (!column.role.empty()) h5::write_text(dataset, "role", column.role);
    h5::check(H5DSattach_scale(dataset, row, 0), where, "attach a dimension scale");
    order += (order.empty() ? "" : " ") + column.name;
  }
  h5::write_text(group, "columns", order);
}

// Together the columns are no larger than the file: many names of one dataset would make a small file a large table.
Table read_table(hid_t file, const std::string& name) {
  Table table = {name, {}};
  if (!h5::exists(file, name)) return table;
  const h5::Id group = h5::open_group(file, name);
  std::uint64_t stored = 0;
  for (const std::string& column : column_names(group)) {
    const h5::Content content = content_of(group, column);
    const h5::Dataset dataset(group, column, content, 1);
    stored += dataset.stored_bytes();
    if (stored > h5::file_bytes(group)) dataset.refuse("is another column by a second name: copy or build it again");
    table.columns.push_back({column, h5::read_text(dataset, "units"), h5::read_text(dataset, "long_name"),
                             read_values(dataset, content),
                             h5::has_attribute(dataset, "role") ? h5::read_text(dataset, "role") : ""});
    if (table.columns.back().size() != table.rows())
      dataset.refuse("has another number of rows than the column before it: copy or build the file again");
  }
  return table;
}

void write_matrix(hid_t file, const std::string& path, const Matrix<double>& matrix) {
  const hsize_t sizes[] = {static_cast<hsize_t>(matrix.rows()), static_cast<hsize_t>(matrix.cols())};
  const h5::Id space(H5Screate_simple(2, sizes, nullptr), H5Sclose), links(H5Pcreate(H5P_LINK_CREATE), H5Pclose);
  H5Pset_create_intermediate_group(links, 1);
  const h5::Id dataset(h5::check(H5Dcreate2(file, path.c_str(), H5T_IEEE_F64LE, space, links, H5P_DEFAULT, H5P_DEFAULT),
                                 h5::file_name(file), "make the dataset " + path),
                       H5Dclose);
  write_all(dataset, H5T_NATIVE_DOUBLE, matrix.data(), static_cast<std::size_t>(matrix.size()));
}

}  // namespace knowscale

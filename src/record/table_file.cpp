// SPDX-License-Identifier: BSD-3-Clause
#include "record/table_file.hpp"

#include <hdf5_hl.h>

#include <algorithm>
#include <cstring>
#include <numeric>

#include "core/error.hpp"

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
h5::Id write_values(hid_t group, const std::string& name, const std::vector<std::string>& values) {
  constexpr std::size_t kReference = 40;  // bytes that HDF5 takes for a text of variable length beside its own
  constexpr std::size_t kHeap = 4096;     // and for the first of them
  std::size_t width = 1, variable = kHeap;
  for (const std::string& value : values) {
    width = std::max(width, value.size());
    variable += value.size() + kReference;
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

std::vector<std::string> read_variable_texts(const h5::Id& dataset, hid_t stored, std::size_t rows) {
  std::vector<char*> texts(rows, nullptr);
  const h5::Id memory = h5::text_type(H5T_VARIABLE);
  H5Tset_cset(memory, H5Tget_cset(stored));  // HDF5 converts none
  if (rows > 0) {
    h5::check(H5Dread(dataset, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, texts.data()), h5::file_name(dataset),
              "read a column");
  }
  std::vector<std::string> values;
  for (char* text : texts) {
    values.emplace_back(text == nullptr ? "" : text);
    H5free_memory(text);
  }
  return values;
}

ColumnValues read_values(const h5::Id& dataset) {
  const h5::Id type(H5Dget_type(dataset), H5Tclose);
  const auto rows = static_cast<std::size_t>(h5::extents(dataset).at(0));
  const auto read = [&](hid_t memory, void* data) {
    if (rows > 0)
      h5::check(H5Dread(dataset, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, data), h5::file_name(dataset), "read a column");
  };
  switch (H5Tget_class(type)) {
    case H5T_STRING:
      return H5Tis_variable_str(type) > 0 ? read_variable_texts(dataset, type, rows) : h5::read_texts(dataset);
    case H5T_INTEGER: {
      std::vector<std::int64_t> values(rows);
      read(H5T_NATIVE_INT64, values.data());
      return values;
    }
    default: {
      std::vector<double> values(rows);
      read(H5T_NATIVE_DOUBLE, values.data());
      return values;
    }
  }
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
    h5::check(H5DSattach_scale(dataset, row, 0), where, "attach a dimension scale");
    order += (order.empty() ? "" : " ") + column.name;
  }
  h5::write_text(group, "columns", order);
}

Table read_table(hid_t file, const std::string& name) {
  Table table = {name, {}};
  if (!h5::exists(file, name)) return table;
  const h5::Id group = h5::open_group(file, name);
  const std::string order = h5::read_text(group, "columns");
  for (std::size_t begin = 0; begin < order.size();) {
    const std::size_t end = std::min(order.find(' ', begin), order.size());
    const std::string column = order.substr(begin, end - begin);
    const h5::Id dataset = h5::open_dataset(group, column);
    table.columns.push_back(
        {column, h5::read_text(dataset, "units"), h5::read_text(dataset, "long_name"), read_values(dataset)});
    begin = end + 1;
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

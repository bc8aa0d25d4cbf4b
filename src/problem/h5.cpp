// SPDX-License-Identifier: BSD-3-Clause
#include "problem/h5.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <string_view>

#include "core/error.hpp"

namespace knowscale::h5 {
namespace {

// HDF5 locks what it opens. A lock that another program holds, or a file system without locks, would look like damage.
Id without_lock() {
  Id access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  H5Pset_file_locking(access, /*use_file_locking=*/false, /*ignore_when_disabled=*/true);
  return access;
}

Id open_attribute(hid_t location, const std::string& name) {
  return {check(H5Aopen(location, name.c_str(), H5P_DEFAULT), file_name(location), "read its attribute " + name),
          H5Aclose};
}

// Whether the file starts as HDF5 does. Not H5Fis_hdf5, which takes the lock.
bool has_signature(const std::string& path) {
  constexpr std::string_view signature = "\x89HDF\r\n\x1a\n";
  std::string start(signature.size(), '\0');
  std::ifstream(path, std::ios::binary).read(start.data(), static_cast<std::streamsize>(start.size()));
  return start == signature;
}

Id make_attribute(hid_t location, const std::string& name, hid_t type) {
  const Id space(H5Screate(H5S_SCALAR), H5Sclose);
  return {check(H5Acreate2(location, name.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT), file_name(location),
                "make its attribute " + name),
          H5Aclose};
}

}  // namespace

void silence() {
  static const herr_t once = H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  static_cast<void>(once);
}

hid_t check(hid_t result, const std::string& where, const std::string& what) {
  require(result >= 0, ExitStatus::resource, where + ": cannot " + what);
  return result;
}

Id open_read_only(const std::string& path, hid_t access) {
  silence();
  const bool readable = std::ifstream(path).good();  // before the message, which may be made first, takes errno
  require(readable, ExitStatus::resource, path + ": " + std::strerror(errno) + ": give the path of an HDF5 file");
  const Id lockless = without_lock();
  const hid_t used = access == H5P_DEFAULT ? static_cast<hid_t>(lockless) : access;
  const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDONLY, used);
  require(file >= 0 || has_signature(path), ExitStatus::resource,
          path + ": is not HDF5: give a knowledge-set or result file");
  require(file >= 0, ExitStatus::resource, path + ": is truncated or damaged: copy or build it again");
  return {file, H5Fclose};
}

Id open_group(hid_t location, const std::string& name) {
  return {check(H5Gopen2(location, name.c_str(), H5P_DEFAULT), file_name(location), "open its group " + name),
          H5Gclose};
}

Id open_dataset(hid_t location, const std::string& name) {
  return {check(H5Dopen2(location, name.c_str(), H5P_DEFAULT), file_name(location), "open its dataset " + name),
          H5Dclose};
}

bool exists(hid_t location, const std::string& name) { return H5Lexists(location, name.c_str(), H5P_DEFAULT) > 0; }

std::vector<std::string> member_names(hid_t group) {
  H5G_info_t info;
  check(H5Gget_info(group, &info), file_name(group), "list a group");
  std::vector<std::string> names;
  for (hsize_t i = 0; i < info.nlinks; ++i) {
    const ssize_t size = H5Lget_name_by_idx(group, ".", H5_INDEX_NAME, H5_ITER_INC, i, nullptr, 0, H5P_DEFAULT);
    std::string name(static_cast<std::size_t>(std::max<ssize_t>(size, 0)), '\0');
    H5Lget_name_by_idx(group, ".", H5_INDEX_NAME, H5_ITER_INC, i, name.data(), name.size() + 1, H5P_DEFAULT);
    names.push_back(name);
  }
  return names;
}

std::vector<std::int64_t> extents(hid_t dataset) {
  const Id space(H5Dget_space(dataset), H5Sclose);
  std::vector<hsize_t> sizes(
      static_cast<std::size_t>(check(H5Sget_simple_extent_ndims(space), file_name(dataset), "read extents")));
  H5Sget_simple_extent_dims(space, sizes.data(), nullptr);
  return {sizes.begin(), sizes.end()};
}

bool has_attribute(hid_t location, const std::string& name) { return H5Aexists(location, name.c_str()) > 0; }

std::int64_t read_integer(hid_t location, const std::string& name) {
  const Id attribute = open_attribute(location, name);
  std::int64_t value = 0;
  check(H5Aread(attribute, H5T_NATIVE_INT64, &value), file_name(location),
        "read its attribute " + name + " as an integer");
  return value;
}

std::string read_text(hid_t location, const std::string& name) {
  const Id attribute = open_attribute(location, name);
  const Id type(H5Aget_type(attribute), H5Tclose);
  require(H5Tget_class(type) == H5T_STRING, ExitStatus::resource,
          file_name(location) + ": attribute " + name + " is no text");
  if (H5Tis_variable_str(type) > 0) {
    char* text = nullptr;
    const Id memory(H5Tcopy(H5T_C_S1), H5Tclose);
    H5Tset_size(memory, H5T_VARIABLE);
    H5Tset_cset(memory, H5Tget_cset(type));
    check(H5Aread(attribute, memory, &text), file_name(location), "read its attribute " + name);
    std::string value = text == nullptr ? "" : text;
    H5free_memory(text);
    return value;
  }
  std::string value(H5Tget_size(type), '\0');
  check(H5Aread(attribute, type, value.data()), file_name(location), "read its attribute " + name);
  return value.c_str();  // up to the padding
}

void write_integer(hid_t location, const std::string& name, std::int64_t value) {
  const Id attribute = make_attribute(location, name, H5T_STD_I64LE);
  check(H5Awrite(attribute, H5T_NATIVE_INT64, &value), file_name(location), "write its attribute " + name);
}

void write_text(hid_t location, const std::string& name, const std::string& value) {
  const Id type = text_type(value.size());
  const Id attribute = make_attribute(location, name, type);
  check(H5Awrite(attribute, type, value.empty() ? "\0" : value.data()), file_name(location),
        "write its attribute " + name);
}

std::vector<std::string> read_texts(hid_t dataset) {
  const Id type(H5Dget_type(dataset), H5Tclose);
  require(H5Tget_class(type) == H5T_STRING && H5Tis_variable_str(type) == 0, ExitStatus::resource,
          file_name(dataset) + ": holds a column that is no text of fixed length, as knowscale writes it");
  const std::size_t width = H5Tget_size(type), rows = static_cast<std::size_t>(extents(dataset).at(0));
  std::string packed(width * rows, '\0');
  if (rows > 0) {
    check(H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, packed.data()), file_name(dataset), "read a column");
  }
  std::vector<std::string> values;
  for (std::size_t i = 0; i < rows; ++i) {
    const char* begin = packed.data() + i * width;
    values.emplace_back(begin, strnlen(begin, width));
  }
  return values;
}

Id text_type(std::size_t size) {
  Id type(H5Tcopy(H5T_C_S1), H5Tclose);
  H5Tset_size(type, std::max<std::size_t>(size, 1));
  H5Tset_strpad(type, H5T_STR_NULLPAD);
  H5Tset_cset(type, H5T_CSET_UTF8);
  return type;
}

std::string file_name(hid_t location) {
  const ssize_t size = H5Fget_name(location, nullptr, 0);
  if (size <= 0) return "HDF5 file";
  std::string name(static_cast<std::size_t>(size), '\0');
  H5Fget_name(location, name.data(), name.size() + 1);
  return name;
}

}  // namespace knowscale::h5

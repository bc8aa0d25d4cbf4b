// SPDX-License-Identifier: BSD-3-Clause
#include "problem/h5.hpp"

#include <algorithm>
#include <cstring>
#include <exception>

#include "core/error.hpp"
#include "core/text.hpp"
#include "problem/h5_types.hpp"
#include "problem/unreadable.hpp"

namespace knowscale::h5 {
namespace {

// HDF5 locks what it opens. A lock that another program holds, or a file system without locks, would look like damage.
Id without_lock() {
  Id access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  H5Pset_file_locking(access, /*use_file_locking=*/false, /*ignore_when_disabled=*/true);
  return access;
}

// A link to another file is refused where it is followed, also behind a link of this file: somebody else's file must
// not make us read others.
Id inside_only() {
  Id access(H5Pcreate(H5P_LINK_ACCESS), H5Pclose);
  const auto refuse = [](const char*, const char*, const char*, const char*, unsigned*, hid_t, void*) -> herr_t {
    return -1;
  };
  H5Pset_elink_cb(access, refuse, nullptr);
  return access;
}

std::string label_of(hid_t location, const std::string& name) {
  const ssize_t size = H5Iget_name(location, nullptr, 0);
  std::string label(static_cast<std::size_t>(std::max<ssize_t>(size, 0)), '\0');
  H5Iget_name(location, label.data(), label.size() + 1);
  return label + (label.ends_with('/') ? "" : "/") + name;
}

// Whether a link of that name is there, and one of this file. Throws for a link to another.
bool has_link(hid_t location, const std::string& name, hid_t access) {
  if (H5Lexists(location, name.c_str(), access) <= 0) return false;
  H5L_info_t link;
  check(H5Lget_info(location, name.c_str(), &link, access), file_name(location), "read its link " + name);
  require(link.type == H5L_TYPE_HARD || link.type == H5L_TYPE_SOFT, ExitStatus::resource,
          file_name(location) + ": " + label_of(location, name) +
              " is a link to another file: copy what it names into this one");
  return true;
}

// A checked attribute: of one value, and of this content.
Id open_attribute(hid_t location, const std::string& name, Content content) {
  const std::string what = file_name(location) + ": attribute " + name + " ";
  require(has_attribute(location, name), ExitStatus::resource,
          what + "is missing: data/README.md lists what is needed");
  Id attribute(check(H5Aopen(location, name.c_str(), H5P_DEFAULT), file_name(location), "open its attribute " + name),
               H5Aclose);
  const Id type(check(H5Aget_type(attribute), file_name(location), "give the type of its attribute " + name), H5Tclose);
  const std::string why = objection(type, content);
  require(why.empty(), ExitStatus::resource, what + why);
  const Id space(check(H5Aget_space(attribute), file_name(location), "give the extents of its attribute " + name),
                 H5Sclose);
  const hssize_t count = H5Sget_simple_extent_npoints(space);
  require(count == 1, ExitStatus::resource,
          what + "has " + std::to_string(count) + " values, and is to have one: write a scalar");
  require(H5Tget_size(type) <= file_bytes(location), ExitStatus::resource, what + "is longer than the file");
  return attribute;
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
  require_regular_file(path);
  const Id lockless = without_lock();
  const hid_t used = access == H5P_DEFAULT ? static_cast<hid_t>(lockless) : access;
  const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDONLY, used);
  require(file >= 0, ExitStatus::resource, file >= 0 ? "" : path + ": " + why_not_opened(path));
  return {file, H5Fclose};
}

Id open_object(hid_t location, const std::string& name, H5I_type_t wanted, std::string& label) {
  label = label_of(location, name);
  const std::string what = file_name(location) + ": " + label + " ";
  require(exists(location, name), ExitStatus::resource, what + "is missing: build the file again");
  const Id access = inside_only();
  const hid_t object = H5Oopen(location, name.c_str(), access);
  require(object >= 0, ExitStatus::resource,
          what + "cannot be opened (damaged, or a link that leads nowhere or to another file): build the file again");
  Id opened(object, H5Oclose);
  require(H5Iget_type(object) == wanted, ExitStatus::resource,
          what + "is no " + (wanted == H5I_GROUP ? "group" : "dataset") + ": build the file again");
  return opened;
}

Id open_group(hid_t location, const std::string& name) {
  std::string label;
  return open_object(location, name, H5I_GROUP, label);
}

bool exists(hid_t location, const std::string& name) {
  const Id access = inside_only();
  for (std::size_t end = 0; end < name.size();) {  // HDF5 asks that all groups on the way are there
    end = std::min(name.find('/', end + 1), name.size());
    if (!has_link(location, name.substr(0, end), access)) return false;
  }
  return !name.empty();
}

std::vector<std::string> member_names(hid_t group) {
  std::vector<std::string> names;
  const auto add = [](hid_t, const char* name, const H5L_info_t*, void* all) -> herr_t {
    try {
      static_cast<std::vector<std::string>*>(all)->emplace_back(name);
      return 0;
    } catch (const std::exception&) {  // which must not pass through C
      return -1;
    }
  };
  check(H5Literate(group, H5_INDEX_NAME, H5_ITER_INC, nullptr, add, &names), file_name(group), "list a group");
  return names;
}

bool has_attribute(hid_t location, const std::string& name) { return H5Aexists(location, name.c_str()) > 0; }

std::int64_t read_integer(hid_t location, const std::string& name) {
  const Id attribute = open_attribute(location, name, Content::integers);
  const Id type(H5Aget_type(attribute), H5Tclose);
  std::int64_t value = 0;
  const bool wide = is_unsigned_64(type);  // HDF5 would make the largest with sign of what is above
  check(H5Aread(attribute, wide ? H5T_NATIVE_UINT64 : H5T_NATIVE_INT64, &value), file_name(location),
        "read its attribute " + name);
  require(!wide || value >= 0, ExitStatus::resource,
          file_name(location) + ": attribute " + name + " is " + std::to_string(static_cast<std::uint64_t>(value)) +
              ", beyond 64 bits with sign: build the file again");
  return value;
}

std::string read_text(hid_t location, const std::string& name) {
  const Id attribute = open_attribute(location, name, Content::texts);
  const Id type(H5Aget_type(attribute), H5Tclose), memory = text_in_memory(type);
  if (H5Tis_variable_str(type) > 0) {
    char* text = nullptr;
    check(H5Aread(attribute, memory, &text), file_name(location), "read its attribute " + name);
    std::string value = text == nullptr ? "" : text;
    H5free_memory(text);
    return value;
  }
  std::string value(H5Tget_size(type), '\0');
  check(H5Aread(attribute, memory, value.data()), file_name(location), "read its attribute " + name);
  return value.c_str();  // up to the padding
}

void write_integer(hid_t location, const std::string& name, std::int64_t value) {
  const Id attribute = make_attribute(location, name, H5T_STD_I64LE);
  check(H5Awrite(attribute, H5T_NATIVE_INT64, &value), file_name(location), "write its attribute " + name);
}

void write_text(hid_t location, const std::string& name, const std::string& value) {
  const std::string text = as_utf8(value);
  const Id type = text_type(text.size());
  const Id attribute = make_attribute(location, name, type);
  check(H5Awrite(attribute, type, text.empty() ? "\0" : text.data()), file_name(location),
        "write its attribute " + name);
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

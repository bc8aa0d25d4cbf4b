// SPDX-License-Identifier: BSD-3-Clause
// A thin, checked layer over the HDF5 C API for problem/ (reading knowledge sets) and record/ (results).
#pragma once

#include <hdf5.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace knowscale::h5 {

// An HDF5 identifier with the call that closes it.
class Id {
 public:
  Id() = default;
  Id(hid_t id, herr_t (*close)(hid_t)) : id_(id), close_(close) {}
  Id(Id&& other) noexcept { swap(other); }
  Id& operator=(Id&& other) noexcept {
    swap(other);
    return *this;
  }
  ~Id() {
    if (id_ >= 0) close_(id_);
  }
  operator hid_t() const { return id_; }

 private:
  void swap(Id& other) {
    std::swap(id_, other.id_);
    std::swap(close_, other.close_);
  }

  hid_t id_ = -1;
  herr_t (*close_)(hid_t) = nullptr;
};

// HDF5 prints its error stack unless told not to; our messages say it in one line.
void silence();

// `result` of an HDF5 call, or Error(resource) "<where>: cannot <what>" where it is negative.
hid_t check(hid_t result, const std::string& where, const std::string& what);

// Opens for reading, without HDF5's own file lock unless `access` says otherwise. Throws Error(resource): missing,
// not HDF5, truncated, or left open by its writer are told apart.
Id open_read_only(const std::string& path, hid_t access = H5P_DEFAULT);

// What a file holds is somebody else's: opening checks that it is there, in this file (links to others are refused),
// and of the wanted kind; all of these throw Error(resource). Datasets: h5_dataset.hpp. `label`: what to call it,
// "/a/b".
Id open_object(hid_t location, const std::string& name, H5I_type_t wanted, std::string& label);
Id open_group(hid_t location, const std::string& name);
bool exists(hid_t location, const std::string& name);

// Names of the links in a group, sorted.
std::vector<std::string> member_names(hid_t group);

// Attributes of one value; reading refuses others, and what is no integer or no text (of fixed or variable length).
// Texts are written as UTF-8: bytes that are none, as in a path or the environment, are escaped (as_utf8()).
bool has_attribute(hid_t location, const std::string& name);
std::int64_t read_integer(hid_t location, const std::string& name);
std::string read_text(hid_t location, const std::string& name);
void write_integer(hid_t location, const std::string& name, std::int64_t value);
void write_text(hid_t location, const std::string& name, const std::string& value);

// Fixed-length, null-padded UTF-8 of `size` bytes (at least 1).
Id text_type(std::size_t size);

// What `location` is called, for messages.
std::string file_name(hid_t location);

}  // namespace knowscale::h5

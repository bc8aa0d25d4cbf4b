// SPDX-License-Identifier: BSD-3-Clause
#include "problem/h5_types.hpp"

namespace knowscale::h5 {

std::string type_label(hid_t type) {
  switch (H5Tget_class(type)) {
    case H5T_INTEGER: return "an integer of " + std::to_string(H5Tget_size(type)) + " bytes";
    case H5T_FLOAT: return "a floating-point number of " + std::to_string(H5Tget_size(type)) + " bytes";
    case H5T_STRING: return "a text";
    case H5T_TIME: return "a time";
    case H5T_BITFIELD: return "a bit field";
    case H5T_OPAQUE: return "opaque";
    case H5T_COMPOUND: return "a compound";
    case H5T_REFERENCE: return "a reference";
    case H5T_ENUM: return "an enumeration (h5py writes booleans so)";
    case H5T_VLEN: return "a list of variable length";
    case H5T_ARRAY: return "an array";
    default: return "unknown";
  }
}

std::string objection(hid_t type, Content wanted) {
  const H5T_class_t found = H5Tget_class(type);
  const std::size_t size = H5Tget_size(type);
  const bool integer = found == H5T_INTEGER && size <= 8, real = found == H5T_FLOAT && size <= 16;
  switch (wanted) {
    case Content::integers:
      return integer ? "" : "is of a type that is " + type_label(type) + ": write 64-bit integers";
    case Content::numbers:
      return integer || real ? "" : "is of a type that is " + type_label(type) + ": write numbers, f32 or f64";
    default: return found == H5T_STRING ? "" : "is of a type that is " + type_label(type) + ": write texts";
  }
}

Id text_in_memory(hid_t type) {
  Id memory(H5Tcopy(H5T_C_S1), H5Tclose);
  H5Tset_cset(memory, H5Tget_cset(type));  // HDF5 does not convert between the two
  if (H5Tis_variable_str(type) > 0) {
    H5Tset_size(memory, H5T_VARIABLE);
  } else {
    H5Tset_size(memory, H5Tget_size(type));
    H5Tset_strpad(memory, H5T_STR_NULLPAD);
  }
  return memory;
}

bool is_unsigned_64(hid_t type) {
  return H5Tget_class(type) == H5T_INTEGER && H5Tget_size(type) == 8 && H5Tget_sign(type) == H5T_SGN_NONE;
}

std::uint64_t file_bytes(hid_t location) {
  const Id file(check(H5Iget_file_id(location), "HDF5 file", "be found"), H5Fclose);
  hsize_t size = 0;
  check(H5Fget_filesize(file, &size), file_name(file), "be sized");
  return size;
}

}  // namespace knowscale::h5

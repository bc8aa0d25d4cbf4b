// SPDX-License-Identifier: BSD-3-Clause
#include "problem/unreadable.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <string_view>

#include "core/error.hpp"

namespace knowscale {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kSignature = "\x89HDF\r\n\x1a\n"sv;
constexpr const char* kRemedy = ": make a knowledge set of it as \"Your own vectors\" in data/README.md shows";

std::string bytes_at(std::ifstream& file, std::streamoff begin, std::size_t count) {
  std::string bytes(count, '\0');
  file.clear();
  file.seekg(begin);
  file.read(bytes.data(), static_cast<std::streamsize>(count));
  bytes.resize(static_cast<std::size_t>(std::max<std::streamsize>(file.gcount(), 0)));
  return bytes;
}

// Where the file starts as HDF5 does: at 0, or behind a user block of 512, 1,024, ... bytes; -1: nowhere. Not
// H5Fis_hdf5, which takes the lock.
std::streamoff superblock(std::ifstream& file) {
  for (std::streamoff begin = 0;; begin = begin == 0 ? 512 : 2 * begin) {
    const std::string bytes = bytes_at(file, begin, kSignature.size());
    if (bytes == kSignature) return begin;
    if (bytes.size() < kSignature.size()) return -1;
  }
}

// A superblock of version 3 says whether a writer has the file open (bit 0) or appends to it (bit 2).
bool left_open(std::ifstream& file, std::streamoff begin) {
  constexpr std::size_t kVersion = 8, kFlags = 11;
  const std::string bytes = bytes_at(file, begin, 12);
  return bytes.size() == 12 && bytes[kVersion] == 3 && (bytes[kFlags] & 5) != 0;
}

// Whether the first line is one of text: word2vec's binary files have such a line, and then numbers.
bool is_text(std::string_view bytes) {
  const std::string_view line = bytes.substr(0, bytes.find('\n'));
  return std::all_of(line.begin(), line.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0x20 || c == '\r' || c == '\t';
  });
}

// .fvecs, .ivecs, .bvecs: before each vector its dimension, 4 bytes, the same for all.
bool is_vectors(std::string_view path, std::string_view bytes) {
  if (path.ends_with(".fvecs") || path.ends_with(".ivecs") || path.ends_with(".bvecs")) return true;
  std::uint32_t first = 0, second = 0;
  if (bytes.size() < sizeof(first)) return false;
  std::memcpy(&first, bytes.data(), sizeof(first));
  const std::size_t next = sizeof(first) + std::size_t{first} * sizeof(float);
  if (first == 0 || next + sizeof(second) > bytes.size()) return false;
  std::memcpy(&second, bytes.data() + next, sizeof(second));
  return first == second;
}

}  // namespace

void require_regular_file(const std::string& path) {
  struct stat about {};
  const bool found = stat(path.c_str(), &about) == 0;
  require(found, ExitStatus::resource,
          found ? "" : path + ": " + std::strerror(errno) + ": give the path of an HDF5 file");
  require(
      S_ISREG(about.st_mode), ExitStatus::resource,
      path + (S_ISDIR(about.st_mode) ? ": is a folder" : ": is no regular file") + ": give the path of an HDF5 file");
  const int opened = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  require(opened >= 0, ExitStatus::resource,
          opened >= 0 ? "" : path + ": " + std::strerror(errno) + ": give the path of an HDF5 file");
  close(opened);
}

std::string why_not_opened(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (const std::streamoff begin = superblock(file); begin >= 0) {
    if (left_open(file, begin)) {
      return "was not closed by its writer, or is still being written: wait for it, or mend it by h5clear -s (of "
             "hdf5-tools)";
    }
    return "is truncated or damaged: copy or build it again";
  }
  const std::string bytes = bytes_at(file, 0, 65536);
  if (bytes.empty()) return "is empty, and is not HDF5: give a knowledge-set or result file";
  const std::string_view start = bytes;
  if (start.starts_with("\x93NUMPY"sv)) return std::string("is a NumPy array (.npy) and is not HDF5") + kRemedy;
  if (start.starts_with("PK\3\4"sv)) return "is a zip or .npz archive and is not HDF5: unpack it first";
  if (start.starts_with("\x1f\x8b"sv)) return "is packed by gzip and is not HDF5: unpack it first";
  if (is_text(start)) return std::string("is a text (such as word2vec's or GloVe's) and is not HDF5") + kRemedy;
  if (is_vectors(path, start)) return std::string("is a list of vectors (.fvecs) and is not HDF5") + kRemedy;
  return "is not HDF5: give a knowledge-set or result file";
}

}  // namespace knowscale

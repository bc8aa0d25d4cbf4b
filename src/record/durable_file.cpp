// SPDX-License-Identifier: BSD-3-Clause
#include "record/durable_file.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <vector>

#include "core/error.hpp"
#include "record/descriptor.hpp"

namespace knowscale {
namespace {

[[noreturn]] void fail(const std::string& path, const std::string& what) {
  throw Error(ExitStatus::resource, path + ": cannot " + what + ": " + std::strerror(errno) +
                                        ": free space or choose another place with -o; finished cases are kept");
}

[[noreturn]] void remove_and_fail(const std::string& temporary, const std::string& path, const std::string& what) {
  const int error = errno;
  unlink(temporary.c_str());
  errno = error;
  fail(path, what);
}

std::vector<char> image_of(const std::string& path, const std::function<void(hid_t)>& fill) {
  h5::silence();
  constexpr std::size_t growth = std::size_t{1} << 20;
  const h5::Id access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  h5::check(H5Pset_fapl_core(access, growth, /*backing_store=*/0), path, "be built in memory");
  const h5::Id file(h5::check(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, access), path, "be built in memory"),
                    H5Fclose);
  fill(file);
  h5::check(H5Fflush(file, H5F_SCOPE_GLOBAL), path, "be built in memory");
  std::vector<char> image(static_cast<std::size_t>(h5::check(H5Fget_file_image(file, nullptr, 0), path, "be sized")));
  h5::check(H5Fget_file_image(file, image.data(), image.size()), path, "be copied");
  return image;
}

bool write_whole(int fd, const std::vector<char>& bytes) {
  for (std::size_t done = 0; done < bytes.size();) {
    const ssize_t count = write(fd, bytes.data() + done, bytes.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    done += static_cast<std::size_t>(count);
  }
  return fsync(fd) == 0;
}

}  // namespace

std::string folder_of(const std::string& path) {
  const std::string parent = std::filesystem::path(path).parent_path().string();
  return parent.empty() ? "." : parent;
}

std::string behind_links(const std::string& path) {
  namespace fs = std::filesystem;
  constexpr int kMostLinks = 40;  // as the kernel
  fs::path end = path;
  std::error_code none;
  for (int links = 0; fs::is_symlink(fs::symlink_status(end, none)); ++links) {
    require(links < kMostLinks, ExitStatus::resource,
            path + ": is a symbolic link that leads to itself: choose another file with -o");
    end = end.parent_path() / fs::read_symlink(end, none);  // an absolute one replaces it all
  }
  return end.string();
}

void sync_folder(const std::string& folder) {
  const Descriptor opened(folder, O_RDONLY | O_DIRECTORY);
  if (opened.get() < 0 || fsync(opened.get()) != 0) fail(folder, "be made durable");
}

void write_durable_file(const std::string& path, const std::function<void(hid_t)>& fill) {
  const std::vector<char> image = image_of(path, fill);
  const std::string temporary = path + ".tmp";
  {
    const Descriptor file(temporary, O_WRONLY | O_CREAT | O_TRUNC);
    if (file.get() < 0) fail(path, "be written");
    if (!write_whole(file.get(), image)) remove_and_fail(temporary, path, "be written");
  }
  if (std::rename(temporary.c_str(), path.c_str()) != 0)
    remove_and_fail(temporary, path, "be renamed from " + temporary);
  sync_folder(folder_of(path));
}

}  // namespace knowscale

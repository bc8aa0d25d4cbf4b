// SPDX-License-Identifier: BSD-3-Clause
#include "record/store.hpp"

#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <stdexcept>

#include <knowscale_version.hpp>
#include "core/error.hpp"
#include "problem/h5.hpp"
#include "record/durable_file.hpp"
#include "record/table_file.hpp"

namespace knowscale {
namespace {

namespace fs = std::filesystem;

constexpr const char* kLock = "lock";

void write_header(hid_t file, const ResultHeader& header) {
  h5::write_integer(file, "schema_version", kSchemaVersion);
  h5::write_text(file, "knowscale_version", kVersion);
  h5::write_text(file, "campaign", header.campaign);
  h5::write_text(file, "config_hash", header.config_hash);
}

// Refuses a file of another campaign or configuration.
void require_same_configuration(hid_t file, const std::string& path, const ResultHeader& header) {
  const bool result = h5::has_attribute(file, "config_hash") && h5::has_attribute(file, "campaign");
  require(result, ExitStatus::resource, path + ": exists and is no knowscale result: choose another file with -o");
  const std::int64_t schema = h5::read_integer(file, "schema_version");
  require(schema == kSchemaVersion, ExitStatus::resource,
          fmt::format("{}: has schema {}, and this version writes {}: choose another file with -o", path, schema,
                      kSchemaVersion));
  const std::string hash = h5::read_text(file, "config_hash");
  require(
      hash == header.config_hash, ExitStatus::resource,
      fmt::format(
          "{}: holds results of another configuration (campaign \"{}\", hash {}; now \"{}\", {}): choose another file "
          "with -o, or move it away",
          path, h5::read_text(file, "campaign"), hash, header.campaign, header.config_hash));
}

// An opened part, or nothing where it is damaged: then its case counts as not finished and is measured again.
// Every table is read: a file system that crashed may leave a whole header before lost tables. A part that cannot
// be opened at all (permissions, an unreachable server) may be whole, and must not be overwritten: an Error.
std::optional<h5::Id> open_part(const std::string& path) {
  const Descriptor readable(path, O_RDONLY);
  require(readable.get() >= 0, ExitStatus::resource,
          fmt::format("{}: cannot be read: {}: make it readable, or choose another file with -o", path,
                      std::strerror(errno)));
  try {
    h5::Id file = h5::open_read_only(path);
    for (const std::string& name : h5::member_names(file)) {
      if (name != "io") read_table(file, name);
    }
    if (h5::has_attribute(file, "config_hash")) return file;
  } catch (const Error&) {
  }
  return std::nullopt;
}

// The number in a part's name, "case-000012.h5" with prefix "case-"; 0 where it is none.
std::int64_t part_number(const std::string& name, const std::string& prefix) {
  if (!name.starts_with(prefix) || !name.ends_with(".h5")) return 0;
  const std::string digits = name.substr(prefix.size(), name.size() - prefix.size() - 3);
  if (digits.empty() || digits.find_first_not_of("0123456789") != std::string::npos) return 0;
  return std::stoll(digits);
}

// Appends the rows of `table` in `file`. Columns differ where another version wrote the file.
void append_from(const h5::Id& file, Table& all) {
  try {
    append(all, read_table(file, all.name));
  } catch (const std::invalid_argument& difference) {
    throw Error(ExitStatus::resource, fmt::format("{}: {}: finish it with the version of knowscale that began it, or "
                                                  "choose another file with -o",
                                                  h5::file_name(file), difference.what()));
  }
}

std::vector<std::string> files_in(const std::string& folder) {
  std::vector<std::string> names;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder))
    names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

void copy_io(hid_t from, hid_t to) {
  if (!h5::exists(from, "io")) return;
  if (!h5::exists(to, "io")) h5::Id(H5Gcreate2(to, "io", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), H5Gclose);
  const h5::Id source = h5::open_group(from, "io"), target = h5::open_group(to, "io");
  for (const std::string& name : h5::member_names(source)) {
    const h5::Id kept = h5::open_group(source, name);  // which refuses a link to another file
    h5::check(H5Ocopy(kept, ".", target, name.c_str(), H5P_DEFAULT, H5P_DEFAULT), h5::file_name(from), "copy /io");
  }
}

}  // namespace

ResultStore::ResultStore(std::string path, ResultHeader header)
    : path_(std::move(path)), parts_(path_ + ".parts"), header_(std::move(header)) {
  try {
    if (fs::exists(path_)) adopt_result();
    if (complete_ && !fs::exists(parts_)) return;
    fs::create_directories(parts_);
    sync_folder(folder_of(parts_));
    lock_parts();
    // Another launch may have finished since the first look: its result is not to be measured again and overwritten.
    if (!complete_ && fs::exists(path_)) adopt_result();
    adopt_parts();
  } catch (const fs::filesystem_error& error) {
    throw Error(ExitStatus::resource,
                fmt::format("{}: cannot be written: {}: choose another place with -o", path_, error.code().message()));
  }
}

ResultStore::~ResultStore() {
  // A run that measured nothing leaves nothing behind.
  try {
    if (lock_.get() >= 0 && files_in(parts_) == std::vector<std::string>{kLock}) remove_parts();
  } catch (const fs::filesystem_error&) {
  }
}

std::string ResultStore::case_part(std::int64_t number) const {
  return fmt::format("{}/case-{:06}.h5", parts_, number);
}
std::string ResultStore::launch_part(std::int64_t launch) const {
  return fmt::format("{}/launch-{:04}.h5", parts_, launch);
}

void ResultStore::adopt_result() {
  const h5::Id file = h5::open_read_only(path_);
  require_same_configuration(file, path_, header_);
  const Table cases = read_table(file, "cases");
  if (cases.columns.empty()) return;
  try {
    for (const std::int64_t number : cases.values<std::int64_t>("case")) finished_.insert(number);
  } catch (const std::out_of_range& missing) {
    throw Error(ExitStatus::resource,
                fmt::format("{}: {}: choose another file with -o, or move it away", path_, missing.what()));
  }
  complete_ = true;
}

void ResultStore::lock_parts() {
  // A file, opened for writing: NFS keeps no lock of a folder between nodes, and none of a file open for reading.
  const std::string path = parts_ + "/" + kLock;
  lock_ = Descriptor(path, O_RDWR | O_CREAT);
  require(lock_.get() >= 0, ExitStatus::resource, fmt::format("{}: cannot be opened: {}", path, std::strerror(errno)));
  const bool locked = flock(lock_.get(), LOCK_EX | LOCK_NB) == 0, held_elsewhere = !locked && errno == EWOULDBLOCK;
  require(locked || held_elsewhere, ExitStatus::resource,
          fmt::format("{}: cannot be locked: {}: choose a file on another file system with -o", path,
                      std::strerror(errno)));
  // The holder may have removed the file that was waited for: a lock on it keeps nobody out.
  struct stat held {
  }, named{};
  const bool same = fstat(lock_.get(), &held) == 0 && stat(path.c_str(), &named) == 0 && held.st_ino == named.st_ino;
  require(locked && same, ExitStatus::resource,
          parts_ + ": another process is writing there now: wait for it, or choose another file with -o");
}

void ResultStore::remove_parts() {
  std::error_code ignored;  // what stays behind is removed by the next call
  if (!fs::exists(parts_, ignored)) return;
  for (const std::string& name : files_in(parts_)) fs::remove_all(parts_ + "/" + name, ignored);
  lock_ = Descriptor();  // NFS keeps a removed file in its folder while it is open
  fs::remove(parts_, ignored);
}

void ResultStore::adopt_parts() {
  for (const std::string& name : files_in(parts_)) {
    const std::int64_t number = part_number(name, "case-"), launch = part_number(name, "launch-");
    if (number == 0 && launch == 0) continue;
    launch_ = std::max(launch_, launch + 1);  // of a damaged part too: finished cases carry that number
    const std::optional<h5::Id> file = open_part(parts_ + "/" + name);
    if (!file) continue;
    require_same_configuration(*file, parts_, header_);
    require(
        !complete_ || number == 0 || finished_.contains(number), ExitStatus::resource,
        fmt::format("{}: holds case {}, which the finished {} lacks: move one of the two away", parts_, number, path_));
    if (complete_) continue;
    if (number > 0) finished_.insert(number);
    if (launch > 0) launches_.insert(launch);
  }
}

// A finished file takes no more: assemble() would leave the new part out, and remove it.
void ResultStore::require_incomplete() const {
  require(!complete_, ExitStatus::resource,
          path_ + ": is finished and takes no more cases: choose another file with -o");
}

void ResultStore::write_launch(std::span<const Table> tables) {
  require_incomplete();
  write_durable_file(launch_part(launch_), [&](hid_t file) {
    write_header(file, header_);
    for (const Table& table : tables) write_table(file, table);
  });
  launches_.insert(launch_);
}

void ResultStore::write_case(std::int64_t number, std::span<const Table> tables, std::span<const KeptMatrix> kept) {
  require_incomplete();
  write_durable_file(case_part(number), [&](hid_t file) {
    write_header(file, header_);
    for (const Table& table : tables) write_table(file, table);
    for (const KeptMatrix& matrix : kept)
      write_matrix(file, fmt::format("io/{}/{}", number, matrix.name), matrix.values);
  });
  finished_.insert(number);
}

Table ResultStore::read(const std::string& table) const {
  if (complete_) return read_table(h5::open_read_only(path_), table);
  Table all = {table, {}};
  for (const std::int64_t launch : launches_) append_from(h5::open_read_only(launch_part(launch)), all);
  for (const std::int64_t number : finished_) append_from(h5::open_read_only(case_part(number)), all);
  return all;
}

void ResultStore::assemble() {
  if (!complete_) {
    write_durable_file(path_, [&](hid_t file) {
      write_header(file, header_);
      for (const char* table : kResultTables) write_table(file, read(table));
      for (const std::int64_t number : finished_) copy_io(h5::open_read_only(case_part(number)), file);
    });
    complete_ = true;
  }
  if (lock_.get() >= 0) remove_parts();
}

}  // namespace knowscale

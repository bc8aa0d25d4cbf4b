// SPDX-License-Identifier: BSD-3-Clause
#include "record/store.hpp"

#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string_view>

#include <knowscale_version.hpp>
#include "core/error.hpp"
#include "problem/h5.hpp"
#include "record/durable_file.hpp"
#include "record/table_file.hpp"

namespace knowscale {
namespace {

namespace fs = std::filesystem;

constexpr const char* kLock = "lock";

// The two kinds of parts, and how many digits their numbers are padded to.
struct PartKind {
  std::string_view prefix;
  int digits;
};
constexpr PartKind kCasePart = {"case-", 6}, kLaunchPart = {"launch-", 4};

std::string part_name(const PartKind& kind, std::int64_t number) {
  return fmt::format("{}{:0{}}.h5", kind.prefix, number, kind.digits);
}

// The number in a part's name; 0 for a name that this program does not write.
std::int64_t part_number(const std::string& name, const PartKind& kind) {
  constexpr std::int64_t kMost = 999'999'999;
  if (!name.starts_with(kind.prefix)) return 0;
  std::int64_t number = 0;
  std::from_chars(name.data() + kind.prefix.size(), name.data() + name.size(), number);
  return number > 0 && number <= kMost && name == part_name(kind, number) ? number : 0;
}

// Whether this program writes files of that name in a folder of parts.
bool is_ours(std::string name) {
  constexpr std::string_view temporary = ".tmp";
  if (name == kLock) return true;
  if (name.ends_with(temporary)) name.resize(name.size() - temporary.size());
  return part_number(name, kCasePart) > 0 || part_number(name, kLaunchPart) > 0;
}

// Refuses what could not become the result file, before anything is measured. `file`: what `path` leads to.
void require_file_name(const std::string& path, const std::string& file) {
  const fs::path name = fs::path(file).filename();
  std::error_code none;
  const fs::file_status status = fs::status(file, none);
  require(!name.empty() && name != "." && name != ".." && !fs::is_directory(status), ExitStatus::resource,
          path + ": is a folder: give a file with -o");
  require(!fs::exists(status) || fs::is_regular_file(status), ExitStatus::resource,
          path + ": is neither a file nor a link to one: choose another file with -o");
}

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

// Whether its tables can be read and its case, if it is the part of one, is the one of its name. Every table is read: a
// file system that crashed may leave a whole header before lost tables.
bool is_whole(const h5::Id& part, std::int64_t case_number) {
  for (const std::string& name : h5::member_names(part)) {
    if (name != "io") read_table(part, name);
  }
  if (!h5::has_attribute(part, "config_hash")) return false;
  if (case_number == 0) return true;
  const Table cases = read_table(part, "cases");
  return std::get<std::vector<std::int64_t>>(cases.column("case").values) == std::vector<std::int64_t>{case_number};
}

// An opened part, or nothing where it is damaged: then its case counts as not finished and is measured again. A part
// that cannot be opened at all (permissions, an unreachable server) may be whole, and must not be overwritten: an
// Error.
std::optional<h5::Id> open_part(const std::string& path, std::int64_t case_number) {
  std::error_code none;
  const fs::file_status status = fs::status(path, none);
  require(!fs::exists(status) || fs::is_regular_file(status), ExitStatus::resource,
          path + ": is no file where a part should be: move it away");
  const Descriptor readable(path, O_RDONLY);
  require(readable.get() >= 0, ExitStatus::resource,
          fmt::format("{}: cannot be read: {}: make it readable, or choose another file with -o", path,
                      std::strerror(errno)));
  try {
    h5::Id file = h5::open_read_only(path);
    if (is_whole(file, case_number)) return file;
  } catch (const std::exception&) {  // whatever reading damaged bytes ends in
  }
  return std::nullopt;
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
    : path_(std::move(path)), file_(behind_links(path_)), parts_(file_ + ".parts"), header_(std::move(header)) {
  try {
    require_file_name(path_, file_);
    if (fs::exists(file_)) adopt_result();
    if (complete_ && !fs::exists(parts_)) return;
    fs::create_directories(parts_);
    // Parts that an earlier launch left can be written to where the file beside them can not.
    const bool writable = access(folder_of(file_).c_str(), W_OK | X_OK) == 0;
    require(complete_ || writable, ExitStatus::resource,
            fmt::format("{}: cannot be written: {}: choose another place with -o", path_, std::strerror(errno)));
    sync_folder(folder_of(parts_));
    lock_parts();
    // Another launch may have finished since the first look: its result is not to be measured again and overwritten.
    if (!complete_ && fs::exists(file_)) adopt_result();
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

std::string ResultStore::case_part(std::int64_t number) const { return parts_ + "/" + part_name(kCasePart, number); }
std::string ResultStore::launch_part(std::int64_t launch) const {
  return parts_ + "/" + part_name(kLaunchPart, launch);
}

void ResultStore::adopt_result() {
  const h5::Id file = h5::open_read_only(file_);
  require_same_configuration(file, path_, header_);
  const Table cases = read_table(file, "cases");
  if (cases.columns.empty()) return;
  try {
    for (const std::int64_t number : cases.values<std::int64_t>("case")) finished_.insert(number);
  } catch (const std::out_of_range& missing) {
    throw Error(ExitStatus::resource,
                fmt::format("{}: {}: choose another file with -o, or move it away", path_, missing.what()));
  }
  for (const std::int64_t number : finished_) {
    if (h5::exists(file, "io") && h5::exists(file, fmt::format("io/{}", number))) with_io_.insert(number);
  }
  complete_ = true;
}

void ResultStore::lock_parts() {
  // A file, opened for writing: NFS keeps no lock of a folder between nodes, and none of a file open for reading.
  const std::string path = parts_ + "/" + kLock;
  lock_ = Descriptor(path, O_RDWR | O_CREAT);
  require(lock_.get() >= 0, ExitStatus::resource,
          fmt::format("{}: cannot be opened: {}: choose another place with -o", path, std::strerror(errno)));
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
  for (const std::string& name : files_in(parts_)) {
    if (is_ours(name)) fs::remove(parts_ + "/" + name, ignored);
  }
  lock_ = Descriptor();  // NFS keeps a removed file in its folder while it is open
  fs::remove(parts_, ignored);
}

void ResultStore::adopt_parts() {
  for (const std::string& name : files_in(parts_)) {
    if (!is_ours(name)) {
      remarks_.push_back(parts_ + "/" + name + ": is no part that knowscale writes, and is left alone");
    } else if (name.ends_with(".h5")) {
      adopt_part(name);
    }
  }
}

void ResultStore::adopt_part(const std::string& name) {
  const std::int64_t number = part_number(name, kCasePart), launch = part_number(name, kLaunchPart);
  launch_ = std::max(launch_, launch + 1);  // of a damaged part too: finished cases carry that number
  const std::optional<h5::Id> file = open_part(parts_ + "/" + name, number);
  if (!file) {
    remarks_.push_back(fmt::format("{}/{}: is damaged{}", parts_, name,
                                   number > 0 && !complete_ ? ": its case is measured again" : ""));
    return;
  }
  require_same_configuration(*file, parts_, header_);
  require(
      !complete_ || number == 0 || finished_.contains(number), ExitStatus::resource,
      fmt::format("{}: holds case {}, which the finished {} lacks: move one of the two away", parts_, number, path_));
  if (complete_) return;
  if (number > 0) finished_.insert(number);
  if (number > 0 && h5::exists(*file, "io")) with_io_.insert(number);
  if (launch > 0) launches_.insert(launch);
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
  if (complete_) return read_table(h5::open_read_only(file_), table);
  Table all = {table, {}};
  for (const std::int64_t launch : launches_) append_from(h5::open_read_only(launch_part(launch)), all);
  for (const std::int64_t number : finished_) append_from(h5::open_read_only(case_part(number)), all);
  return all;
}

void ResultStore::assemble() {
  if (!complete_) {
    require(!fs::exists(file_), ExitStatus::resource,
            fmt::format("{}: was made by another program meanwhile: move it away, and the same command goes on from {}",
                        path_, parts_));
    write_durable_file(file_, [&](hid_t file) {
      write_header(file, header_);
      for (const char* table : kResultTables) write_table(file, read(table));
      for (const std::int64_t number : finished_) copy_io(h5::open_read_only(case_part(number)), file);
    });
    complete_ = true;
  }
  if (lock_.get() >= 0) remove_parts();
}

}  // namespace knowscale

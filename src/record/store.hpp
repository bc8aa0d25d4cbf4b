// SPDX-License-Identifier: BSD-3-Clause
// The result file, so written that nothing measured is lost. Rank 0 alone uses this; every function is
// serial. Where FILE.h5 is a symbolic link, FILE.h5 below is what it leads to, there or not. Layout on disk while a
// campaign runs:
//   FILE.h5.parts/lock             held by the process that writes
//   FILE.h5.parts/launch-0001.h5   meta and ceilings of each launch
//   FILE.h5.parts/case-000001.h5   one finished case: its rows of every table, and its kept matrices
// Each part is written to a temporary file, closed, fsynced, renamed, and its folder fsynced; assemble()
// builds FILE.h5 from the parts by copy in the same way and then removes them, and the folder unless it holds more.
#pragma once

#include <array>
#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "core/matrix.hpp"
#include "record/descriptor.hpp"
#include "record/table.hpp"

namespace knowscale {

// 2: query_block, key_block; 3: how ranks exchange; 4: sequences, /symmetry, /attended; 5: devices; 6: roles of
// columns; 7: knowledge in 8 bits
inline constexpr std::int64_t kSchemaVersion = 7;

// The tables of a result file.
inline constexpr std::array kResultTables = {"meta",  "ceilings", "cases",    "samples",
                                             "ranks", "verify",   "symmetry", "attended"};

// Root attributes; `config_hash` decides whether an existing file or folder is of this campaign.
struct ResultHeader {
  std::string campaign;
  std::string config_hash;
};

// /io/<case>/<name>: an input or output of a case in f64, in the order of the whole problem.
struct KeptMatrix {
  std::string name;  // queries, keys, values, output, lengths; weights of projections
  Matrix<double> values;
};

class ResultStore {
 public:
  // Opens or makes the folder of parts beside `path` (whose parent folders are made). Where parts or a
  // finished file of the same configuration exist, their cases count as finished. Throws
  // Error(resource) when the path is not writable or names no file, or when a file or folder there is of another
  // configuration or no result at all (it is never overwritten), or when another process writes there now.
  ResultStore(std::string path, ResultHeader header);
  ~ResultStore();
  ResultStore(const ResultStore&) = delete;
  ResultStore& operator=(const ResultStore&) = delete;

  const std::string& path() const { return path_; }  // as given
  const std::set<std::int64_t>& finished_cases() const { return finished_; }
  const std::set<std::int64_t>& cases_with_io() const { return with_io_; }  // of those found finished
  std::int64_t launch() const { return launch_; }  // of this process, from 1: one more than those recorded
  // A line for each part that was found and is not used: damaged ones, files that are none.
  const std::vector<std::string>& remarks() const { return remarks_; }

  // Durable when they return. Throw Error(resource) with path and system error (disk full, ...); what
  // was written before stays readable. So does a store whose file is finished: it takes no more.
  void write_launch(std::span<const Table> tables);
  void write_case(std::int64_t number, std::span<const Table> tables, std::span<const KeptMatrix> kept = {});

  // All rows so far of one table, in case order.
  Table read(const std::string& table) const;

  // Builds the result file from the parts and removes them; nothing to do where it is there already. Throws
  // Error(resource) where another program has made a file of that name meanwhile.
  void assemble();

 private:
  void adopt_result();
  void adopt_parts();
  void adopt_part(const std::string& name);
  void lock_parts();
  void remove_parts();
  void require_incomplete() const;
  std::string case_part(std::int64_t number) const;
  std::string launch_part(std::int64_t launch) const;

  std::string path_;
  std::string file_;   // what it leads to
  std::string parts_;  // folder of parts
  ResultHeader header_;
  std::set<std::int64_t> finished_;
  std::set<std::int64_t> with_io_;
  std::set<std::int64_t> launches_;  // whose parts are there
  std::vector<std::string> remarks_;
  std::int64_t launch_ = 1;
  bool complete_ = false;  // the result file is there
  Descriptor lock_;        // of a file in the folder, locked
};

}  // namespace knowscale

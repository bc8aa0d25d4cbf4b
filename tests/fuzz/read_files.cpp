// SPDX-License-Identifier: BSD-3-Clause
// All that the program reads of somebody else's files, for fuzz_files.py: names of files on stdin, one per line; for
// each a line on stdout: "read", "refused: <why>" (an Error, as it must be), or "finding: <what>" for any other
// exception and for HDF5 objects left open. Built with -fsanitize, memory errors end it.
#include <hdf5.h>

#include <cstdio>
#include <filesystem>
#include <iostream>
#include <numeric>

#include "comm/communicator.hpp"
#include "core/error.hpp"
#include "core/half.hpp"
#include "problem/finite.hpp"
#include "problem/knowledge_file.hpp"
#include "problem/knowledge_texts.hpp"
#include "problem/knowledge_tokens.hpp"
#include "record/console.hpp"
#include "record/store.hpp"

namespace {

using namespace knowscale;
namespace fs = std::filesystem;

class Readers {
 public:
  Readers(std::string path, const Communicator& world) : path_(std::move(path)), world_(world) {}

  std::string outcome() {
    std::string described;
    attempt([&] { described = describe_file(path_); });
    if (described.find(": knowscale result") == std::string::npos) read_knowledge();
    if (described.find(": knowledge set") == std::string::npos) read_result();
    if (const auto open = H5Fget_obj_count(static_cast<hid_t>(H5F_OBJ_ALL), H5F_OBJ_ALL); open != 0 && finding_.empty())
      finding_ = std::to_string(open) + " objects left open";
    return !finding_.empty() ? "finding: " + finding_ : !refused_.empty() ? "refused: " + refused_ : "read";
  }

 private:
  template <class Read>
  void attempt(const Read& read) {
    try {
      read();
    } catch (const Error& error) {
      if (refused_.empty()) refused_ = error.what();
    } catch (const std::exception& error) {
      finding_ = error.what();
    }
  }

  void read_knowledge() {
    attempt([&] { read_vectors(); });
    attempt([&] { read_sequences<float>(); });
    attempt([&] { read_sequences<F16>(); });
    attempt([&] { check_texts(path_, inspect_knowledge_file(path_).count); });
    attempt([&] { read_labels(path_, std::vector<std::int64_t>{0, 3, 1}); });
  }

  // As that of an earlier launch, and as one of its parts.
  void read_result() {
    attempt([&] { resume(path_); });
    if (fs::is_regular_file(path_)) attempt([&] { resume_from_part(); });
  }

  void read_vectors() {
    const KnowledgeFile file = inspect_knowledge_file(path_);
    check_numbers<F16>(path_, "keys", {0, file.count}, file.dimension);
    if (file.has_values) check_numbers<F16>(path_, "values", {0, file.count}, file.dimension);
    Matrix<double> keys(file.count, file.dimension);
    read_knowledge_rows(path_, file.has_values ? "values" : "keys", {0, file.count}, keys, world_);
  }

  template <class T>
  void read_sequences() {
    if (inspect_knowledge_file(path_).tokens == 0) return;
    std::vector<std::int64_t> places(40);
    std::iota(places.begin(), places.end(), 0);
    Matrix<T> out(40, 1);
    read_sentence_offsets(path_, 5);
    check_tokens(path_);
    read_tokens(path_, places, out);
    read_words(path_, places);
  }

  void resume(const std::string& path) {
    ResultStore store(path, {"test", "abc"});
    if (store.finished_cases().empty()) return;
    store.assemble();
    try {
      case_table(store.read("cases"));
    } catch (const std::out_of_range&) {  // a table of another version, which the program says in its own words
    }
  }
  void resume_from_part() {
    const std::string path = path_ + ".resumed";
    fs::remove_all(path);
    fs::create_directories(path + ".parts");
    fs::copy_file(path_, path + ".parts/case-000001.h5", fs::copy_options::overwrite_existing);
    resume(path);
    fs::remove_all(path + ".parts");
  }

  std::string path_;
  const Communicator& world_;
  std::string refused_, finding_;
};

}  // namespace

int main(int argc, char** argv) {
  const MpiSession session(&argc, &argv);
  const Communicator world = Communicator::world();
  for (std::string path; std::getline(std::cin, path);) {
    std::cout << Readers(path, world).outcome() << std::endl;
  }
}

// SPDX-License-Identifier: BSD-3-Clause
// Nothing measured is lost: every stage at which a run can end, another configuration, a full disk.
#include "record/store.hpp"

#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "core/error.hpp"
#include "problem/h5_dataset.hpp"

namespace knowscale {
namespace {

namespace fs = std::filesystem;

class Store : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = testing::TempDir() + "knowscale-store-" + std::to_string(getpid());
    fs::remove_all(folder_);
    path_ = folder_ + "/deep/out.h5";
  }
  void TearDown() override { fs::remove_all(folder_); }

  static ResultHeader header(const std::string& hash = "abc") { return {"test", hash}; }

  static std::vector<Table> case_tables(std::int64_t number, std::size_t samples = 2) {
    return {{"cases", {{"case", "1", "number", std::vector<std::int64_t>{number}}}},
            {"samples",
             {{"case", "1", "number", std::vector<std::int64_t>(samples, number)},
              {"seconds", "s", "time", std::vector<double>(samples, 0.1 * static_cast<double>(number))}}}};
  }
  static std::vector<Table> launch_tables(std::int64_t launch) {
    return {{"meta",
             {{"launch", "1", "launch", std::vector<std::int64_t>{launch}},
              {"name", "", "what", std::vector<std::string>{"host"}}}}};
  }

  void write_two_cases() const {
    ResultStore store(path_, header());
    store.write_launch(launch_tables(store.launch()));
    store.write_case(1, case_tables(1));
    store.write_case(2, case_tables(2));
  }

  static std::string bytes(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
  }

  void expect_refused(const ResultHeader& other, const std::string& word) const {
    try {
      const ResultStore store(path_, other);
      FAIL() << "not refused";
    } catch (const Error& error) {
      EXPECT_EQ(error.status(), ExitStatus::resource);
      EXPECT_NE(std::string(error.what()).find(word), std::string::npos) << error.what();
    }
  }

  std::string folder_, path_;
};

TEST_F(Store, FinishedCasesAreKnownToTheNextLaunch) {
  write_two_cases();
  const ResultStore store(path_, header());
  EXPECT_EQ(store.finished_cases(), (std::set<std::int64_t>{1, 2}));
  EXPECT_EQ(store.launch(), 2);
  EXPECT_EQ(store.read("samples").rows(), 4U);
}

TEST_F(Store, AssemblesCasesOfAllLaunchesInCaseOrderAndRemovesTheParts) {
  {
    ResultStore store(path_, header());
    store.write_launch(launch_tables(store.launch()));
    store.write_case(3, case_tables(3));
  }
  ResultStore store(path_, header());
  store.write_launch(launch_tables(store.launch()));
  store.write_case(1, case_tables(1));
  store.assemble();
  EXPECT_FALSE(fs::exists(path_ + ".parts"));
  EXPECT_EQ(std::get<std::vector<std::int64_t>>(store.read("cases").column("case").values),
            (std::vector<std::int64_t>{1, 3}));
  EXPECT_EQ(std::get<std::vector<std::int64_t>>(store.read("meta").column("launch").values),
            (std::vector<std::int64_t>{1, 2}));
  const h5::Id file = h5::open_read_only(path_);
  EXPECT_EQ(h5::read_integer(file, "schema_version"), kSchemaVersion);
  EXPECT_EQ(h5::read_text(file, "campaign"), "test");
  EXPECT_EQ(h5::read_text(file, "config_hash"), "abc");
}

TEST_F(Store, KeptMatricesAreCopiedIntoTheResult) {
  Matrix<double> matrix(2, 3);
  for (std::int64_t i = 0; i < 6; ++i) matrix.data()[i] = static_cast<double>(i);
  std::vector<KeptMatrix> kept;
  kept.push_back({"queries", std::move(matrix)});
  ResultStore store(path_, header());
  store.write_case(7, case_tables(7), kept);
  store.assemble();
  const h5::Id file = h5::open_read_only(path_);
  EXPECT_EQ(h5::Dataset(file, "io/7/queries", h5::Content::numbers, 2).columns(), 3);
}

TEST_F(Store, AFinishedResultCountsAllItsCases) {
  {
    ResultStore store(path_, header());
    store.write_case(1, case_tables(1));
    store.assemble();
  }
  const std::string before = bytes(path_);
  ResultStore store(path_, header());
  EXPECT_EQ(store.finished_cases(), std::set<std::int64_t>{1});
  store.assemble();
  EXPECT_EQ(bytes(path_), before);
  EXPECT_FALSE(fs::exists(path_ + ".parts"));
}

TEST_F(Store, AKillBetweenRenameAndRemovalLeavesAGoodResult) {
  write_two_cases();
  const std::string kept = folder_ + "/kept";
  fs::copy(path_ + ".parts", kept, fs::copy_options::recursive);
  ResultStore(path_, header()).assemble();
  fs::copy(kept, path_ + ".parts", fs::copy_options::recursive);
  ResultStore store(path_, header());
  EXPECT_EQ(store.finished_cases().size(), 2U);
  EXPECT_EQ(store.read("samples").rows(), 4U);
  store.assemble();
  EXPECT_FALSE(fs::exists(path_ + ".parts"));
}

TEST_F(Store, ATruncatedPartCountsAsNotFinished) {
  write_two_cases();
  const std::string part = path_ + ".parts/case-000002.h5";
  fs::resize_file(part, fs::file_size(part) / 2);
  ResultStore store(path_, header());
  EXPECT_EQ(store.finished_cases(), std::set<std::int64_t>{1});
  store.write_case(2, case_tables(2));
  EXPECT_EQ(store.read("cases").rows(), 2U);
}

TEST_F(Store, APartThatLostItsTablesCountsAsNotFinishedWhereverItWasCut) {
  write_two_cases();
  const std::string part = path_ + ".parts/case-000002.h5", whole = bytes(part);
  // Not the first 512 bytes, the root of the file: HDF5 1.10 then refuses to open it, and leaks.
  for (std::size_t kept = 512; kept < whole.size(); kept += 128) {
    std::ofstream(part, std::ios::binary) << whole.substr(0, kept) << std::string(whole.size() - kept, '\0');
    const ResultStore store(path_, header());
    EXPECT_NO_THROW(store.read("cases")) << "zeros from byte " << kept;
  }
}

TEST_F(Store, APartThatAnotherProgramLocksIsNotTakenForDamaged) {
  write_two_cases();
  const Descriptor reader(path_ + ".parts/case-000002.h5", O_RDWR);
  ASSERT_EQ(flock(reader.get(), LOCK_EX), 0);
  EXPECT_EQ(ResultStore(path_, header()).finished_cases().size(), 2U);
}

TEST_F(Store, APartThatCannotBeOpenedIsNotMeasuredAgain) {
  write_two_cases();
  const std::string part = path_ + ".parts/case-000002.h5";
  fs::remove(part);
  fs::create_symlink("case-000002.h5", part);
  expect_refused(header(), "cannot be read");
}

TEST_F(Store, ADamagedLaunchPartKeepsItsNumber) {
  write_two_cases();
  fs::resize_file(path_ + ".parts/launch-0001.h5", 10);
  const ResultStore store(path_, header());
  EXPECT_EQ(store.launch(), 2);
  EXPECT_EQ(store.read("meta").rows(), 0U);
}

TEST_F(Store, AFinishedResultTakesNoMoreCases) {
  write_two_cases();
  const std::string kept = folder_ + "/kept";
  fs::copy(path_ + ".parts", kept, fs::copy_options::recursive);
  ResultStore(path_, header()).assemble();
  fs::copy(kept, path_ + ".parts", fs::copy_options::recursive);
  ResultStore store(path_, header());
  EXPECT_THROW(store.write_case(3, case_tables(3)), Error);
}

TEST_F(Store, PartsOfCasesThatTheFinishedResultLacksAreNotRemoved) {
  write_two_cases();
  const std::string kept = folder_ + "/kept";
  fs::copy(path_ + ".parts", kept, fs::copy_options::recursive);
  fs::remove(path_ + ".parts/case-000002.h5");
  ResultStore(path_, header()).assemble();
  fs::copy(kept, path_ + ".parts", fs::copy_options::recursive);
  expect_refused(header(), "holds case 2");
  EXPECT_TRUE(fs::exists(path_ + ".parts/case-000002.h5"));
}

TEST_F(Store, PartsWithOtherColumnsAreOneError) {
  write_two_cases();
  ResultStore store(path_, header());
  std::vector<Table> tables = case_tables(3);
  tables[0].columns.push_back({"new", "1", "of a later version", std::vector<double>{1}});
  store.write_case(3, tables);
  EXPECT_THROW(store.assemble(), Error);
}

TEST_F(Store, FilesThatAreNoPartsAreNamedAndLeftAlone) {
  write_two_cases();
  const std::vector<std::string> strange = {"case-99999999999999999999.h5",
                                            "case-9223372036854775807.h5",
                                            "launch-9223372036854775807.h5",
                                            "case-x.h5",
                                            "case-7.h5",
                                            "case-.h5",
                                            "case--00001.h5",
                                            "case-000000.h5",
                                            "case-000002.h5.bak",
                                            "notes.txt"};
  for (const std::string& name : strange) fs::copy(path_ + ".parts/case-000002.h5", path_ + ".parts/" + name);
  fs::create_directory(path_ + ".parts/a folder");
  ResultStore store(path_, header());
  EXPECT_EQ(store.finished_cases(), (std::set<std::int64_t>{1, 2}));
  EXPECT_EQ(store.launch(), 2);
  EXPECT_EQ(store.remarks().size(), strange.size() + 1);
  store.assemble();
  EXPECT_EQ(store.read("cases").rows(), 2U);
  for (const std::string& name : strange) EXPECT_TRUE(fs::exists(path_ + ".parts/" + name)) << name;
  EXPECT_FALSE(fs::exists(path_ + ".parts/case-000002.h5"));
}

TEST_F(Store, APartOfAnotherCaseThanItsNameSaysCountsAsNotFinished) {
  write_two_cases();
  fs::copy(path_ + ".parts/case-000002.h5", path_ + ".parts/case-000003.h5");
  std::ofstream(path_ + ".parts/case-000004.h5");
  const ResultStore store(path_, header());
  EXPECT_EQ(store.finished_cases(), (std::set<std::int64_t>{1, 2}));
  ASSERT_EQ(store.remarks().size(), 2U);
  EXPECT_NE(store.remarks()[1].find("case-000004.h5: is damaged: its case is measured again"), std::string::npos);
}

TEST_F(Store, WhatIsNoFileInThePlaceOfAPartIsRefused) {
  write_two_cases();
  const std::string part = path_ + ".parts/case-000003.h5";
  fs::create_directory(part);
  expect_refused(header(), "is no file where a part should be");
  fs::remove(part);
  ASSERT_EQ(mkfifo(part.c_str(), 0600), 0);  // which nobody writes to: opening it would take forever
  expect_refused(header(), "is no file where a part should be");
}

TEST_F(Store, KnowsWhichFinishedCasesKeepTheirMatrices) {
  for (const bool assembled : {false, true}) {
    ResultStore store(path_, header());
    EXPECT_EQ(store.cases_with_io(), assembled ? std::set<std::int64_t>{2} : std::set<std::int64_t>{});
    if (assembled) break;
    std::vector<KeptMatrix> kept;
    kept.push_back({"queries", Matrix<double>(1, 1)});
    store.write_case(1, case_tables(1));
    store.write_case(2, case_tables(2), kept);
    EXPECT_EQ(store.cases_with_io(), std::set<std::int64_t>{}) << "found, not written now";
    store.assemble();
  }
}

TEST_F(Store, ALinkIsFollowedWhetherItsFileIsThereOrNot) {
  const std::string link = folder_ + "/link.h5", chain = folder_ + "/chain.h5";
  fs::create_directories(folder_);
  fs::create_symlink("deep/out.h5", link);  // relative to its folder, which does not exist yet
  fs::create_symlink(link, chain);
  {
    ResultStore store(chain, header());
    EXPECT_TRUE(fs::is_directory(path_ + ".parts"));
    EXPECT_THROW(ResultStore(path_, header()), Error) << "one lock for all names of a file";
    store.write_case(1, case_tables(1));
    store.assemble();
    EXPECT_EQ(store.path(), chain);
  }
  EXPECT_TRUE(fs::is_symlink(link) && fs::is_symlink(chain));
  EXPECT_TRUE(fs::is_regular_file(fs::symlink_status(path_)));
  EXPECT_EQ(ResultStore(link, header()).finished_cases(), std::set<std::int64_t>{1});
}

TEST_F(Store, WhatCouldNotBecomeAFileIsRefusedBeforehand) {
  fs::create_directories(folder_ + "/deep");
  fs::create_directory_symlink("deep", folder_ + "/link");
  fs::create_symlink("circle", folder_ + "/circle");
  for (const char* folder : {"/deep", "/deep/", "/link", "/new/", "/deep/.", "/deep/.."}) {
    path_ = folder_ + folder;
    expect_refused(header(), "is a folder");
  }
  path_ = folder_ + "/circle";
  expect_refused(header(), "leads to itself");
  path_ = "/dev/null";
  expect_refused(header(), "neither a file nor a link to one");
  path_ = folder_ + "/deep/" + std::string(252, 'x');  // fits, and .parts behind it does not
  expect_refused(header(), "File name too long");
  EXPECT_EQ(std::distance(fs::recursive_directory_iterator(folder_), {}), 3);
}

TEST_F(Store, NamesWithSpacesAndLineBreaksAreNames) {
  path_ = folder_ + "/two\nlines and \xff.h5";
  write_two_cases();
  ResultStore store(path_, header());
  store.assemble();
  EXPECT_EQ(ResultStore(path_, header()).finished_cases().size(), 2U);
}

TEST_F(Store, AFileThatAppearsMeanwhileIsNotOverwritten) {
  ResultStore store(path_, header());
  store.write_case(1, case_tables(1));
  std::ofstream(path_) << "of another program";
  EXPECT_THROW(store.assemble(), Error);
  EXPECT_EQ(bytes(path_), "of another program");
  fs::remove(path_);
  store.assemble();
  EXPECT_EQ(store.read("cases").rows(), 1U);
}

TEST_F(Store, LeftoverTemporaryFilesAreNoParts) {
  write_two_cases();
  std::ofstream(path_ + ".parts/case-000003.h5.tmp") << "half";
  EXPECT_EQ(ResultStore(path_, header()).finished_cases().size(), 2U);
}

TEST_F(Store, AnotherConfigurationIsRefusedAndTouchesNothing) {
  write_two_cases();
  expect_refused(header("other"), "another configuration");
  ResultStore(path_, header()).assemble();
  const std::string before = bytes(path_);
  expect_refused(header("other"), "another configuration");
  EXPECT_EQ(bytes(path_), before);
  EXPECT_FALSE(fs::exists(path_ + ".parts"));
}

TEST_F(Store, AFileThatIsNoResultIsRefused) {
  fs::create_directories(fs::path(path_).parent_path());
  std::ofstream(path_) << "a letter to my mother";
  expect_refused(header(), "not HDF5");
  EXPECT_EQ(bytes(path_), "a letter to my mother");
}

TEST_F(Store, APlaceThatCannotBeWrittenIsRefused) {
  fs::create_directories(folder_);
  std::ofstream(folder_ + "/deep") << "a file where a folder should be";
  expect_refused(header(), path_);
}

TEST_F(Store, AFolderThatTakesPartsAndNotTheFileIsRefusedBeforehand) {
  write_two_cases();
  const std::string deep = fs::path(path_).parent_path().string();
  fs::permissions(path_ + ".parts", fs::perms::all);
  for (const auto& part : fs::directory_iterator(path_ + ".parts")) fs::permissions(part.path(), fs::perms::all);
  fs::permissions(deep, fs::perms::all & ~(fs::perms::owner_write | fs::perms::group_write | fs::perms::others_write));
  const pid_t child = fork();
  if (child == 0) {
    constexpr uid_t nobody = 65534;
    if (getuid() == 0 && setuid(nobody) != 0) _exit(2);  // root may write everywhere
    expect_refused(header(), "Permission denied");
    _exit(HasFailure() ? 1 : 0);
  }
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  fs::permissions(deep, fs::perms::all);
  EXPECT_EQ(ResultStore(path_, header()).finished_cases().size(), 2U);
}

TEST_F(Store, TwoWritersAtOnceAreRefused) {
  ResultStore first(path_, header());
  expect_refused(header(), "another process");
}

TEST_F(Store, ARunThatMeasuredNothingLeavesNothing) {
  { const ResultStore store(path_, header()); }
  EXPECT_FALSE(fs::exists(path_ + ".parts"));
}

TEST_F(Store, AFullDiskIsOneErrorAndKeepsWhatWasThere) {
  write_two_cases();
  const pid_t child = fork();
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit = {32768, 32768};
    setrlimit(RLIMIT_FSIZE, &limit);
    int status = 1;
    try {
      ResultStore store(path_, header());
      store.write_case(3, case_tables(3, 100000));
    } catch (const Error& error) {
      const std::string message = error.what();
      status = error.status() == ExitStatus::resource && message.find("case-000003.h5") != std::string::npos ? 0 : 2;
    }
    _exit(status);
  }
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_FALSE(fs::exists(path_ + ".parts/case-000003.h5.tmp"));
  ResultStore store(path_, header());
  EXPECT_EQ(store.finished_cases(), (std::set<std::int64_t>{1, 2}));
  EXPECT_EQ(store.read("samples").rows(), 4U);
}

}  // namespace
}  // namespace knowscale

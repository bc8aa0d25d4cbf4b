// SPDX-License-Identifier: BSD-3-Clause
#include "record/table.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "core/error.hpp"
#include "problem/h5.hpp"
#include "record/durable_file.hpp"
#include "record/table_file.hpp"

namespace knowscale {
namespace {

using Ints = std::vector<std::int64_t>;
using Reals = std::vector<double>;
using Texts = std::vector<std::string>;

Table example(std::int64_t first) {
  return {"things",
          {{"zebra", "1", "comes first, though last by name", Ints{first, first + 1}},
           {"seconds", "s", "a time", Reals{0.5, -1e300}},
           {"label", "", "a text", Texts{"", "w\xC3\xB6rter"}}}};
}

Table round_trip(const Table& table) {
  const std::string path = testing::TempDir() + "table.h5";
  write_durable_file(path, [&](hid_t file) { write_table(file, table); });
  const h5::Id file = h5::open_read_only(path);
  return read_table(file, table.name);
}

void expect_same(const Table& a, const Table& b) {
  ASSERT_EQ(a.columns.size(), b.columns.size());
  for (std::size_t i = 0; i < a.columns.size(); ++i) {
    EXPECT_EQ(a.columns[i].name, b.columns[i].name);
    EXPECT_EQ(a.columns[i].units, b.columns[i].units);
    EXPECT_EQ(a.columns[i].long_name, b.columns[i].long_name);
    EXPECT_EQ(a.columns[i].values, b.columns[i].values);
  }
}

TEST(Table, SurvivesAFileWithOrderUnitsAndTexts) { expect_same(round_trip(example(7)), example(7)); }

// A campaign among the names of a machine, padded to its length, would be there once a row.
TEST(Table, ALongTextAmongShortOnesTakesItsRoomOnce) {
  Table table = {"meta", {{"value", "", "value", Texts(46, "short")}}};
  for (const std::size_t size : {std::size_t{2000}, std::size_t{1} << 20}) {
    std::get<Texts>(table.columns[0].values)[20] = std::string(size, 'x');
    expect_same(round_trip(table), table);
    EXPECT_LT(std::filesystem::file_size(testing::TempDir() + "table.h5"), size + 20000);
  }
}

TEST(Table, WithoutRowsSurvivesAFile) {
  const Table empty = {"none", {{"a", "s", "nothing", Reals{}}, {"b", "", "no text", Texts{}}}};
  expect_same(round_trip(empty), empty);
}

TEST(Table, ThatIsNotThereHasNoColumns) {
  const std::string path = testing::TempDir() + "table.h5";
  write_durable_file(path, [&](hid_t file) { write_table(file, example(1)); });
  const h5::Id file = h5::open_read_only(path);
  EXPECT_TRUE(read_table(file, "others").columns.empty());
}

TEST(Table, EveryColumnHasTheRowScale) {
  const std::string path = testing::TempDir() + "table.h5";
  write_durable_file(path, [&](hid_t file) { write_table(file, example(1)); });
  const h5::Id file = h5::open_read_only(path);
  for (const char* name : {"zebra", "seconds", "label"}) {
    std::string label;
    const h5::Id column = h5::open_object(h5::open_group(file, "things"), name, H5I_DATASET, label);
    EXPECT_TRUE(h5::has_attribute(column, "DIMENSION_LIST")) << name;
  }
}

// Of another character set, and the row never written.
TEST(Table, WithTextsOfVariableLengthIsReadWhoeverWroteIt) {
  const std::string path = testing::TempDir() + "table.h5";
  write_durable_file(path, [](hid_t file) {
    write_table(file, {"things", {}});
    const h5::Id group = h5::open_group(file, "things");
    const h5::Id type(H5Tcopy(H5T_C_S1), H5Tclose);
    H5Tset_size(type, H5T_VARIABLE);
    const hsize_t size = 1;
    const h5::Id space(H5Screate_simple(1, &size, nullptr), H5Sclose);
    const h5::Id label(H5Dcreate2(group, "label", type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), H5Dclose);
    const char* text = "short";
    H5Dwrite(label, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, &text);
    h5::write_text(label, "units", "");
    h5::write_text(label, "long_name", "");
    H5Adelete(group, "columns");
    h5::write_text(group, "columns", "label");
  });
  const h5::Id file = h5::open_read_only(path);
  EXPECT_EQ(read_table(file, "things").column("label").values, ColumnValues(Texts{"short"}));
}

std::string refusal_of(const std::string& path) {
  try {
    h5::open_read_only(path);
  } catch (const Error& error) {
    return error.what();
  }
  return "opened";
}

TEST(OpenReadOnly, TellsMissingFromForeignFromTruncated) {
  const std::string path = testing::TempDir() + "refused.h5";
  std::filesystem::remove(path);
  errno = 0;
  EXPECT_NE(refusal_of(path).find("No such file"), std::string::npos);
  std::ofstream(path) << "text";
  EXPECT_NE(refusal_of(path).find("is not HDF5"), std::string::npos);
  write_durable_file(path, [](hid_t file) { write_table(file, example(1)); });
  EXPECT_EQ(refusal_of(path), "opened");
  std::filesystem::resize_file(path, std::filesystem::file_size(path) / 2);
  EXPECT_NE(refusal_of(path).find("truncated"), std::string::npos);
}

TEST(WriteDurableFile, LeavesNoTemporaryWhereTheNameIsTaken) {
  const std::string path = testing::TempDir() + "taken.h5";
  std::filesystem::create_directories(path + "/inside");
  EXPECT_THROW(write_durable_file(path, [](hid_t) {}), Error);
  EXPECT_FALSE(std::filesystem::exists(path + ".tmp"));
  std::filesystem::remove_all(path);
}

TEST(Append, AddsRowsInOrder) {
  Table all = example(1);
  append(all, example(5));
  EXPECT_EQ(all.rows(), 4U);
  EXPECT_EQ(std::get<Ints>(all.column("zebra").values), (Ints{1, 2, 5, 6}));
}

TEST(Append, TakesAndLeavesTablesWithoutColumns) {
  Table all = {"things", {}};
  append(all, example(1));
  append(all, {"things", {}});
  expect_same(all, example(1));
}

TEST(Append, RefusesOtherColumns) {
  Table all = example(1), other = example(1);
  other.columns[1].name = "minutes";
  EXPECT_THROW(append(all, other), std::invalid_argument);
  other = example(1);
  other.columns[1].values = Ints{1, 2};
  EXPECT_THROW(append(all, other), std::invalid_argument);
  other.columns.pop_back();
  EXPECT_THROW(append(all, other), std::invalid_argument);
}

TEST(Column, OfAnUnknownNameThrows) { EXPECT_THROW(example(1).column("hours"), std::out_of_range); }

}  // namespace
}  // namespace knowscale

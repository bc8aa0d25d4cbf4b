// SPDX-License-Identifier: BSD-3-Clause
#include "core/error.hpp"

#include <gtest/gtest.h>

#include <new>
#include <stdexcept>

namespace knowscale {
namespace {

template <class Exception>
Error error_of(const Exception& exception) {
  try {
    throw exception;
  } catch (...) {
    return current_error();
  }
}

TEST(CurrentError, KeepsStatusAndMessageOfAnError) {
  const Error error = error_of(Error(ExitStatus::usage, "n = 0: use 1"));
  EXPECT_EQ(error.status(), ExitStatus::usage);
  EXPECT_STREQ(error.what(), "n = 0: use 1");
}

TEST(CurrentError, MakesOneOfEverythingElse) {
  EXPECT_NE(std::string(error_of(std::bad_alloc()).what()).find("out of memory"), std::string::npos);
  EXPECT_NE(std::string(error_of(std::length_error("too long")).what()).find("too long"), std::string::npos);
  EXPECT_EQ(error_of(7).status(), ExitStatus::resource);
}

}  // namespace
}  // namespace knowscale

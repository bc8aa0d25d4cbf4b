// SPDX-License-Identifier: BSD-3-Clause
// stdout and stderr that are closed, full, or without a reader. Each test is a process of its own.
#include "core/streams.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <string>

namespace knowscale {
namespace {

// What body() returns in a child whose streams prepare(), first, has made what it likes; -1 where it ended otherwise.
int in_child(const std::function<void()>& prepare, const std::function<int()>& body) {
  const pid_t child = fork();
  if (child == 0) {
    prepare();
    prepare_streams();
    _exit(body());
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void onto(const char* path, int descriptor) { dup2(open(path, O_WRONLY), descriptor); }

int print_and_fail() {
  print_out(std::string(100000, 'x') + "\n");
  print_err("y\n");
  return output_error();
}

TEST(Streams, WhatStdoutTakesIsNoError) {
  EXPECT_EQ(in_child([] { onto("/dev/null", STDOUT_FILENO); }, print_and_fail), 0);
}

TEST(Streams, AFullStdoutIsToldAtTheEnd) {
  EXPECT_EQ(in_child([] { onto("/dev/full", STDOUT_FILENO); }, print_and_fail), ENOSPC);
  EXPECT_EQ(in_child([] { onto("/dev/full", STDOUT_FILENO); },
                     [] {
                       print_out("short\n");  // it waits in the buffer
                       return output_error();
                     }),
            ENOSPC);
}

TEST(Streams, AReaderThatLeftIsToldFromOtherErrorsAndKillsNobody) {
  const auto without_reader = [] {
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    close(ends[0]);
    dup2(ends[1], STDOUT_FILENO);
  };
  EXPECT_EQ(in_child(without_reader, print_and_fail), EPIPE);
}

TEST(Streams, AStderrThatIsFullOrClosedDoesNotMatter) {
  EXPECT_EQ(in_child([] { onto("/dev/null", STDOUT_FILENO), onto("/dev/full", STDERR_FILENO); }, print_and_fail), 0);
  EXPECT_EQ(in_child([] { onto("/dev/null", STDOUT_FILENO), close(STDERR_FILENO); }, print_and_fail), 0);
}

TEST(Streams, AFileIsNeverOpenedAsAStreamThatIsClosed) {
  const auto close_all = [] {
    for (const int descriptor : {0, 1, 2}) close(descriptor);
  };
  EXPECT_EQ(in_child(close_all, [] { return open("/dev/null", O_RDONLY) > STDERR_FILENO ? 0 : 1; }), 0);
  EXPECT_EQ(in_child(close_all, print_and_fail), EBADF);
}

}  // namespace
}  // namespace knowscale

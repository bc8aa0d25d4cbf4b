// SPDX-License-Identifier: BSD-3-Clause
// Memory that control groups leave, of machines that are folders of files here.
#include "study/cgroup.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <limits>

#include "study/memory.hpp"

namespace knowscale {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kNoLimit = std::numeric_limits<std::int64_t>::max();

class Cgroup : public testing::Test {
 protected:
  void SetUp() override { root_ = testing::TempDir() + "knowscale-cgroup-" + std::to_string(getpid()); }
  void TearDown() override { fs::remove_all(root_); }

  void write(const std::string& path, const std::string& text) const {
    fs::create_directories(fs::path(root_ + path).parent_path());
    std::ofstream(root_ + path) << text;
  }
  void process_is_in(const std::string& groups, const std::string& mounts) const {
    write("/proc/self/cgroup", groups);
    write("/proc/self/mountinfo", "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n" + mounts);
  }
  // In a group of version 2, below two others.
  void process_is_in_a_job() const {
    process_is_in("0::/slurm/job_7/step_0\n", "30 22 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n");
  }
  std::int64_t left() const { return memory_left_by_cgroups(root_); }

  const std::string job_ = "/sys/fs/cgroup/slurm/job_7";
  std::string root_;
};

TEST_F(Cgroup, LimitsNothingWhereThereIsNone) {
  EXPECT_EQ(left(), kNoLimit);  // not even /proc
  process_is_in_a_job();
  EXPECT_EQ(left(), kNoLimit);
  write(job_ + "/step_0/memory.max", "max\n");
  write(job_ + "/step_0/memory.current", "5000\n");
  EXPECT_EQ(left(), kNoLimit);
}

TEST_F(Cgroup, CountsWhatTheKernelGivesBackAsFree) {
  process_is_in_a_job();
  write(job_ + "/memory.max", "2000000");
  write(job_ + "/memory.current", "1999000");
  EXPECT_EQ(left(), 1000);
  // "file" holds shared memory, too, which nobody gives back.
  write(job_ + "/memory.stat",
        "anon 300000\nfile 1500000\nshmem 500000\ninactive_file 600000\nactive_file 400000\nslab_reclaimable 10000\n"
        "slab_unreclaimable 9000\n");
  EXPECT_EQ(left(), 1000 + 600000 + 400000 + 10000);
}

TEST_F(Cgroup, TakesTheTightestOfAllLevels) {
  process_is_in_a_job();
  for (const auto& [folder, limit] : {std::pair("/sys/fs/cgroup", 900), {"/sys/fs/cgroup/slurm", 800}}) {
    write(folder + std::string("/memory.max"), std::to_string(limit));
    write(folder + std::string("/memory.current"), "100");
  }
  EXPECT_EQ(left(), 700);
  write(job_ + "/memory.max", "500");
  write(job_ + "/memory.current", "300");
  EXPECT_EQ(left(), 200);
  write(job_ + "/step_0/memory.high", "250");
  write(job_ + "/step_0/memory.current", "100");
  EXPECT_EQ(left(), 150);
  write("/sys/fs/cgroup/memory.current", "880");
  EXPECT_EQ(left(), 20);
  write("/sys/fs/cgroup/memory.current", "1000");  // a limit that was lowered below what is used
  EXPECT_EQ(left(), 0);
}

TEST_F(Cgroup, GroupsOfOthersDoNotCount) {
  process_is_in_a_job();
  write("/sys/fs/cgroup/slurm/job_8/memory.max", "1");
  write(job_ + "/step_0/child/memory.max", "1");
  EXPECT_EQ(left(), kNoLimit);
}

TEST_F(Cgroup, OfVersion1) {
  process_is_in("9:cpu,cpuacct:/other\n4:hugetlb,memory:/slurm/uid_3/job_7\n0::/\n",
                "31 22 0:30 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n"
                "32 22 0:31 / /cgroups/my\\040memory rw shared:4 master:1 - cgroup cgroup rw,hugetlb,memory\n");
  const std::string job = "/cgroups/my memory/slurm/uid_3/job_7";
  write(job + "/memory.limit_in_bytes", "9223372036854771712");
  write(job + "/memory.usage_in_bytes", "5000");
  write(job + "/memory.stat", "inactive_file 1\ntotal_inactive_file 3000\ntotal_active_file 500\ntotal_cache 4000\n");
  EXPECT_EQ(left(), 9223372036854771712 - 1500);
  write("/cgroups/my memory/slurm/memory.limit_in_bytes", "70000");
  write("/cgroups/my memory/slurm/memory.usage_in_bytes", "60000");
  EXPECT_EQ(left(), 10000);
  // Groups above the container's, which it does not see.
  write(job + "/memory.stat", "hierarchical_memory_limit 7000\ntotal_inactive_file 3000\ntotal_active_file 500\n");
  EXPECT_EQ(left(), 5500);
}

TEST_F(Cgroup, OfAContainerThatSeesItsOwnPartOfTheTree) {
  process_is_in("4:memory:/docker/abc/inner\n",
                "32 22 0:31 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n");
  write("/sys/fs/cgroup/memory/inner/memory.limit_in_bytes", "100");
  EXPECT_EQ(left(), 100);
  write("/sys/fs/cgroup/memory/memory.limit_in_bytes", "60");
  EXPECT_EQ(left(), 60);
  for (const char* group : {"/docker/abcd/inner", "/../other", "/docker"}) {  // the group is not in what is mounted
    process_is_in("4:memory:" + std::string(group) + "\n",
                  "32 22 0:31 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n");
    EXPECT_EQ(left(), 60) << group;
  }
}

TEST_F(Cgroup, IsFoundInTheUsualPlaceWhereMountsAreHidden) {
  write("/sys/fs/cgroup/memory.max", "100");
  EXPECT_EQ(left(), 100);
}

TEST_F(Cgroup, FreeMemoryIsTheLessOfNodeAndGroups) {
  EXPECT_EQ(free_memory_bytes(root_), kNoLimit) << "what is not known refuses nothing";
  write("/proc/meminfo", "MemTotal:       16 kB\nMemFree:         2 kB\nMemAvailable:    8 kB\n");
  EXPECT_EQ(free_memory_bytes(root_), 8192);
  write("/sys/fs/cgroup/memory.max", "5000");
  EXPECT_EQ(free_memory_bytes(root_), 5000);
  EXPECT_GT(free_memory_bytes(), 0);
  EXPECT_LT(free_memory_bytes(), kNoLimit);
}

}  // namespace
}  // namespace knowscale

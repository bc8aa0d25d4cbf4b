// SPDX-License-Identifier: BSD-3-Clause
#include "record/environment.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <hwy/highway.h>
#include <hwy/targets.h>
#include <oneapi/tbb/version.h>
#include <sched.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <fstream>

#include <knowscale_version.hpp>
#include "kernels/blas/gemm.hpp"
#include "kernels/ceilings.hpp"
#include "kernels/cuda/cuda.hpp"
#include "problem/h5.hpp"

extern char** environ;

namespace knowscale {
namespace {

// The text behind "name :" in a /proc file; empty where it is not there.
std::string proc_value(const char* path, const std::string& name) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos || !line.starts_with(name)) continue;
    const std::size_t begin = line.find_first_not_of(" \t", colon + 1);
    return begin == std::string::npos ? "" : line.substr(begin);
  }
  return "";
}

bool decides_speed(const std::string& variable) {
  constexpr std::array<const char*, 8> prefixes = {"SLURM_", "OMP_",       "OPENBLAS_", "OMPI_MCA_",
                                                   "TBB_",   "KNOWSCALE_", "PMIX_MCA_", "UCX_"};
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [&](const char* prefix) { return variable.starts_with(prefix); });
}

cpu_set_t allowed_set() {
  cpu_set_t set;
  CPU_ZERO(&set);
  sched_getaffinity(0, sizeof(set), &set);
  return set;
}

std::string hdf5_version() {
  unsigned major = 0, minor = 0, release = 0;
  H5get_libversion(&major, &minor, &release);
  return fmt::format("HDF5 {}.{}.{}", major, minor, release);
}

}  // namespace

NameValues versions(const std::string& mpi_version) {
  return {{"knowscale", kVersion},
          {"revision", kRevision},
          {"compiler", kCompiler},
          {"flags", kFlags},
          {"mpi", mpi_version},
          {"blas", blas::version()},
          {"hdf5", hdf5_version()},
          {"tbb", fmt::format("oneTBB {} (interface {})", TBB_runtime_version(), TBB_runtime_interface_version())},
          {"cuda", cuda::version()},
          {"highway", fmt::format("Highway {}.{}.{}, {}", HWY_MAJOR, HWY_MINOR, HWY_PATCH,
                                  hwy::TargetName(hwy::SupportedTargets() & -hwy::SupportedTargets()))},
          {"xxhash", fmt::format("xxHash {}.{}.{}", XXH_versionNumber() / 10000, XXH_versionNumber() / 100 % 100,
                                 XXH_versionNumber() % 100)},
          {"fmt", fmt::format("fmt {}.{}.{}", FMT_VERSION / 10000, FMT_VERSION / 100 % 100, FMT_VERSION % 100)}};
}

NameValues environment(const std::vector<std::string>& argv) {
  utsname system{};
  uname(&system);
  NameValues pairs = {{"host", host()},
                      {"cpu", proc_value("/proc/cpuinfo", "model name")},
                      {"cores", std::to_string(sysconf(_SC_NPROCESSORS_ONLN))},
                      {"last_level_cache", fmt::format("{} B", last_level_cache_bytes())},
                      {"memory", proc_value("/proc/meminfo", "MemTotal")},
                      {"system", fmt::format("{} {} {}", system.sysname, system.release, system.machine)},
                      {"affinity", affinity()},
                      {"start", time_now()},
                      {"argv", fmt::format("{}", fmt::join(argv, " "))}};
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string text = *variable;
    if (decides_speed(text)) pairs.emplace_back(text.substr(0, text.find('=')), text.substr(text.find('=') + 1));
  }
  return pairs;
}

std::string time_now() { return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr))); }

int allowed_cores() {
  const cpu_set_t set = allowed_set();
  return CPU_COUNT(&set);
}

std::string affinity() {
  const cpu_set_t set = allowed_set();
  std::string ranges;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &set)) continue;
    int last = cpu;
    while (last + 1 < CPU_SETSIZE && CPU_ISSET(last + 1, &set)) ++last;
    ranges += fmt::format("{}{}{}", ranges.empty() ? "" : ",", cpu, last > cpu ? fmt::format("-{}", last) : "");
    cpu = last;
  }
  return ranges;
}

std::string host() {
  std::array<char, 256> name{};
  gethostname(name.data(), name.size() - 1);
  return name.data();
}

}  // namespace knowscale

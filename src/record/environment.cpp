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
#include <cstddef>
#include <ctime>
#include <fstream>
#include <memory>
#include <sstream>

#include <knowscale_version.hpp>
#include "kernels/blas/gemm.hpp"
#include "kernels/ceilings.hpp"
#include "kernels/engine.hpp"
#include "kernels/simd/ways.hpp"
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

std::string hdf5_version() {
  unsigned major = 0, minor = 0, release = 0;
  H5get_libversion(&major, &minor, &release);
  return fmt::format("HDF5 {}.{}.{}", major, minor, release);
}

}  // namespace

NameValues versions(const std::string& mpi_version) {
  const Engine* devices = engine_of_devices();
  return {{"knowscale", kVersion},
          {"revision", kRevision},
          {"compiler", kCompiler},
          {"flags", kFlags},
          {"mpi", mpi_version},
          {"blas", blas::version()},
          {"hdf5", hdf5_version()},
          {"tbb", fmt::format("oneTBB {} (interface {})", TBB_runtime_version(), TBB_runtime_interface_version())},
          {"cuda", devices == nullptr ? "not in this build" : devices->version()},
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

std::string processor() {
  std::string name;
  for (const char* part : {"vendor_id", "cpu family", "model\t", "stepping", "CPU implementer", "CPU part"}) {
    const std::string value = proc_value("/proc/cpuinfo", part);
    if (!value.empty()) name += (name.empty() ? "" : " ") + value;
  }
  const simd::CacheSizes& caches = simd::cache_sizes();
  return fmt::format("{}, {}, {} KiB, {} KiB", name.empty() ? "unknown" : name,
                     hwy::TargetName(hwy::SupportedTargets() & -hwy::SupportedTargets()), caches.l1 >> 10,
                     caches.l2 >> 10);
}

std::string build() { return fmt::format("{} {}", kVersion, kRevision); }

std::string time_now() { return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr))); }

// The kernel refuses a set that is smaller than its own, which grows with the machine.
std::vector<int> allowed_cpus() {
  for (std::size_t size = 1024; size <= 1 << 20; size *= 2) {
    const std::unique_ptr<cpu_set_t, void (*)(cpu_set_t*)> set(CPU_ALLOC(size), [](cpu_set_t* s) { CPU_FREE(s); });
    const std::size_t bytes = CPU_ALLOC_SIZE(size);
    CPU_ZERO_S(bytes, set.get());
    if (sched_getaffinity(0, bytes, set.get()) != 0) continue;
    std::vector<int> cpus;
    for (std::size_t cpu = 0; cpu < size; ++cpu) {
      if (CPU_ISSET_S(cpu, bytes, set.get())) cpus.push_back(static_cast<int>(cpu));
    }
    return cpus;
  }
  return {0};
}

int allowed_cores() { return static_cast<int>(allowed_cpus().size()); }

std::string affinity() {
  const std::vector<int> cpus = allowed_cpus();
  std::string ranges;
  for (std::size_t first = 0, last = 0; first < cpus.size(); first = ++last) {
    while (last + 1 < cpus.size() && cpus[last + 1] == cpus[last] + 1) ++last;
    ranges += fmt::format("{}{}{}", ranges.empty() ? "" : ",", cpus[first],
                          last > first ? fmt::format("-{}", cpus[last]) : "");
  }
  return ranges;
}

std::string host() {
  std::array<char, 256> name{};
  gethostname(name.data(), name.size() - 1);
  return name.data();
}

}  // namespace knowscale

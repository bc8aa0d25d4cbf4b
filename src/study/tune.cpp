// SPDX-License-Identifier: BSD-3-Clause
#include "study/tune.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <random>
#include <vector>

#include "campaign/tuning.hpp"
#include "comm/clock.hpp"
#include "core/statistics.hpp"
#include "core/streams.hpp"
#include "core/text.hpp"
#include "kernels/ceilings.hpp"
#include "kernels/kernel.hpp"
#include "kernels/partial.hpp"
#include "record/environment.hpp"
#include "study/progress.hpp"

namespace knowscale {
namespace {

constexpr std::int64_t kWidth = 64;  // of a head
constexpr std::int64_t kManyRows = 512, kManyKeys = 4096;
constexpr int kFewestRounds = 7, kMostRounds = 201;
constexpr double kRateSeconds = 0.1;

struct Range {
  std::int64_t rows, keys;
};

// Few rows are bound by reading what is in no cache, many by arithmetic.
Range problem_of(std::size_t row_class, std::int64_t most_keys) {
  if (row_class + 1 == simd::kRowCounts.size()) return {kManyRows, std::min(kManyKeys, most_keys)};
  return {simd::kRowCounts[row_class].most, most_keys};
}

// Uniform in [-1, 1), the same some thousand rows over and over: what numbers are does not matter to speed.
template <class T>
Matrix<T> filled(std::int64_t rows, std::int64_t cols, std::uint64_t seed) {
  constexpr std::int64_t kRows = 4096;
  Matrix<T> matrix(rows, cols);
  std::mt19937_64 words(seed);
  const std::int64_t drawn = std::min(rows, kRows) * cols;
  std::generate_n(matrix.data(), drawn,
                  [&] { return static_cast<T>(std::ldexp(static_cast<double>(words() >> 11), -52) - 1); });
  for (std::int64_t i = drawn; i < matrix.size(); ++i) matrix.data()[i] = matrix.data()[i - drawn];
  return matrix;
}

// Keys or values of one format.
template <class T>
class Rows {
 public:
  Rows(Precision precision, std::int64_t bytes, std::uint64_t seed) {
    const ByteLayout layout = {precision, 1, kWidth};
    const std::int64_t row_bytes =
        in_bytes(precision) ? layout.record_bytes() : kWidth * static_cast<std::int64_t>(sizeof(T));
    const std::int64_t rows = bytes / row_bytes;
    if constexpr (std::is_same_v<T, float>) {
      if (in_bytes(precision)) {
        const Matrix<float> drawn = filled<float>(std::min<std::int64_t>(rows, 4096), kWidth, seed);
        bytes_ = ByteMatrix(layout, Matrix<std::uint8_t>(rows, layout.record_bytes()));
        for (std::int64_t i = 0; i < rows; ++i) bytes_.set_row(i, drawn.row(i % drawn.rows()));
        view_ = bytes_.view();
        return;
      }
    }
    numbers_ = filled<T>(rows, kWidth, seed);
    view_ = numbers_.view();
  }
  const StoredRows<T>& view() const { return view_; }
  // What lies in memory.
  std::span<const double> memory() const {
    const void* data = view_.in_bytes() ? static_cast<const void*>(view_.bytes.records.data) : view_.data;
    return {static_cast<const double*>(data), static_cast<std::size_t>(view_.stored_bytes() / 8)};
  }

 private:
  Matrix<T> numbers_;
  ByteMatrix bytes_;
  StoredRows<T> view_;
};

// Of one format: what it computes with, and its ways' times.
template <class T>
class Workload {
 public:
  Workload(const Communicator& world, Precision precision, std::int64_t bytes)
      : world_(world),
        precision_(precision),
        keys_(precision, bytes / 2, 1),
        values_(precision, bytes / 2, 2),
        queries_(filled<T>(kManyRows, kWidth, 3)),
        read_(read_rate(threads_, keys_.memory(), kRateSeconds)),
        fma_(fma_rate<std::conditional_t<std::is_same_v<T, F16>, float, T>>(threads_, kRateSeconds)) {}

  // The best of what was tried, if a second measurement finds it better once more: of ten ways, each with an interval
  // of 95 %, noise makes one look better now and then.
  TunedClass tune(std::size_t row_class, double seconds) {
    const std::vector<simd::Way> ways = simd::alternatives(precision_, row_class);
    const Range range = problem_of(row_class, keys_.view().rows);
    TunedClass tuned = {precision_, row_class, ways.front(), 0, "", {}};
    const Times times = measure(ways, row_class, range, 0.7 * seconds);
    std::size_t best = 0;
    for (std::size_t way = 0; way < ways.size(); ++way) {
      const MedianInterval speed = speed_of(times, way);
      tuned.tried.push_back({ways[way], speed.median, speed.low, speed.high});
      if (is_better(speed) && speed.median > tuned.tried[best].speed) best = way;
    }
    double taken = quantile(times[0], 0.5);
    if (best > 0) {
      const Times again = measure({ways.front(), ways[best]}, row_class, range, 0.3 * seconds);
      const MedianInterval speed = speed_of(again, 1);
      if (is_better(speed) && speed.median > kWorthIt) {
        tuned.way = ways[best];
        tuned.tried[best] = {ways[best], speed.median, speed.low, speed.high};
        taken = quantile(again[1], 0.5);
      }
    }
    const auto rows = static_cast<double>(range.rows), keys = static_cast<double>(range.keys);
    const double share = keys / static_cast<double>(keys_.view().rows);
    const double of_read = 2 * share * static_cast<double>(keys_.view().stored_bytes()) / taken / read_,
                 of_fma = 4 * rows * keys * kWidth / taken / fma_;
    tuned.reached = std::max(of_read, of_fma);
    tuned.rate = of_read > of_fma ? "read" : "FMA";
    return tuned;
  }

 private:
  using Times = std::vector<std::vector<double>>;  // of each way, in the same rounds
  static constexpr double kWorthIt = 1.01;

  Times measure(const std::vector<simd::Way>& ways, std::size_t row_class, const Range& range, double seconds) {
    Times times(ways.size());
    const double start = now();
    for (int round = 0; round < kMostRounds; ++round) {
      const int more = round < kFewestRounds || now() - start < seconds ? 1 : 0;
      if (world_.allreduce(more, Combine::minimum) == 0) break;
      for (std::size_t i = 0; i < ways.size(); ++i) {  // there and back, so that none always follows the same one
        const std::size_t way = round % 2 == 0 ? i : ways.size() - 1 - i;
        times[way].push_back(seconds_of(ways[way], row_class, range));
      }
    }
    for (auto& of_way : times) world_.allreduce(std::span<double>(of_way), Combine::maximum);
    return times;
  }

  // Of the way, beside the first one.
  static MedianInterval speed_of(const Times& times, std::size_t way) {
    std::vector<double> speeds(times[way].size());
    std::transform(times[0].begin(), times[0].end(), times[way].begin(), speeds.begin(), std::divides<>());
    return median_interval(speeds);
  }
  static bool is_better(const MedianInterval& speed) { return speed.bounded && speed.low > 1; }

  double seconds_of(const simd::Way& way, std::size_t row_class, const Range& range) {
    simd::Ways taken = simd::ways_of_hardware();
    taken.of(precision_, row_class) = way;
    simd::take_ways(taken);
    const HeadShape shape = {1, 1, kWidth, kWidth};
    const AttentionInput<T> input = {
        queries_.view().slice_rows({0, range.rows}), keys_.view().slice_rows({0, range.keys}),
        values_.view().slice_rows({0, range.keys}), shape, 1 / std::sqrt(static_cast<double>(kWidth))};
    Partial<Accumulator<T>> out(range.rows, shape);
    world_.barrier();
    const double start = now();
    kernel_.compute(input, out.rows(), threads_);
    return now() - start;
  }

  const Communicator& world_;
  const Threads threads_{1};
  const Kernel& kernel_ = kernel_by_name("simd");
  Precision precision_;
  Rows<T> keys_, values_;
  Matrix<T> queries_;
  double read_, fma_;
};

// Keys and values of all ranks of a node together: what no cache holds.
std::int64_t bytes_of_a_rank(const Communicator& world) {
  constexpr std::int64_t kLeast = 8 << 20, kMost = std::int64_t{1} << 30;
  const std::int64_t ranks = world.node().size();
  return std::clamp(4 * last_level_cache_bytes() / ranks, kLeast, kMost) / 4096 * 4096;
}

bool has_choice(Precision precision, std::size_t rows) { return simd::alternatives(precision, rows).size() > 1; }

// Makes its folder. `how`: to the end of what is there, or in its place.
void write_file(const std::string& path, const std::string& text, std::ios::openmode how) {
  const auto fail = [&](const std::string& what) {
    throw Error(ExitStatus::resource, fmt::format("{}: cannot be written: {}: give another one with -o", path, what));
  };
  std::error_code error;
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  if (!folder.empty()) std::filesystem::create_directories(folder, error);
  if (error) fail(error.message());
  std::ofstream file(path, how);
  file << text;
  file.close();
  if (!file) fail(std::strerror(errno));
}

std::string outcome(const TunedClass& tuned) {
  const auto chosen = std::find_if(tuned.tried.begin(), tuned.tried.end(),
                                   [&](const TriedWay& tried) { return tried.way == tuned.way; });
  return fmt::format("{:.2f} of {:<4}  {:.3f} x  {}", tuned.reached, tuned.rate, chosen->speed,
                     text_of(tuned.way, tuned.rows));
}

// None where there is no such file.
std::optional<std::string> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file.is_open()) return std::nullopt;
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (file.bad()) throw Error(ExitStatus::resource, fmt::format("{}: cannot be read: {}", path, std::strerror(errno)));
  return text;
}

}  // namespace

ExitStatus tune(const TuneOptions& options, const Communicator& world) {
  std::string path;
  world.together([&] {
    path = options.output.empty() ? tuning_path() : options.output;
    require(
        !path.empty(), ExitStatus::usage,
        "tune: no file to write: KNOWSCALE_TUNING is none, or neither HOME nor XDG_CACHE_HOME is known: use -o FILE");
    if (world.is_root()) write_file(path, "", std::ios::app);  // whether that can be, before a minute is spent
  });
  std::int64_t classes = 0;
  for (const Precision precision : kPrecisions) {
    for (std::size_t rows = 0; rows < simd::kRowCounts.size(); ++rows) classes += has_choice(precision, rows) ? 1 : 0;
  }
  Progress progress(world.is_root(), classes, 0);
  Tuning tuning = {processor(), build(), fmt::format("{}, {} ranks of 1 thread", time_now(), world.size()), {}};
  const simd::Ways before = simd::ways();
  for (const Precision precision : kPrecisions) {
    with_type_of(precision, [&]<class T>(T) {
      Workload<T> workload(world, precision, bytes_of_a_rank(world));
      for (std::size_t rows = 0; rows < simd::kRowCounts.size(); ++rows) {
        if (!has_choice(precision, rows)) continue;
        progress.start(fmt::format("{}, queries: {}", name_of(precision), simd::kRowCounts[rows].name));
        tuning.classes.push_back(workload.tune(rows, options.seconds / static_cast<double>(classes)));
        progress.finish(outcome(tuning.classes.back()));
      }
    });
  }
  simd::take_ways(before);
  world.together([&] {
    if (!world.is_root()) return;
    print_out(fmt::format("{:<10} {:<12} {:<12} {:<8} {}\n", "precision", "queries", "reached", "speed", "way"));
    for (const TunedClass& tuned : tuning.classes) {
      print_out(fmt::format("{:<10} {:<12} {}\n", name_of(tuned.precision), simd::kRowCounts[tuned.rows].name,
                            outcome(tuned)));
    }
    write_file(path, text_of(tuning), std::ios::trunc);
    print_out(fmt::format("knowscale: TUNED processor=\"{}\" file={}\n", tuning.processor, printable(path)));
  });
  return ExitStatus::valid;
}

std::string take_tuning(const Communicator& world) {
  std::string path, text;
  world.together([&] {
    if (!world.is_root()) return;
    path = tuning_path();
    if (path.empty()) return;
    const std::optional<std::string> file = read_file(path);
    require(file || std::getenv("KNOWSCALE_TUNING") == nullptr, ExitStatus::usage,
            fmt::format("KNOWSCALE_TUNING={}: there is no such file: make it with knowscale tune -o, or say none",
                        printable(path)));
    text = file.value_or("");
  });
  world.broadcast(path);
  world.broadcast(text);
  if (text.empty()) return "ways as the hardware says";
  int takes = 0;
  world.together([&] {
    const Tuning tuning = parse_tuning(text, printable(path));
    takes = tuning.processor == processor() && tuning.build == build() ? 1 : 0;
    if (takes == 0) return;
    simd::Ways ways = simd::ways_of_hardware();
    for (const TunedClass& tuned : tuning.classes) ways.of(tuned.precision, tuned.rows) = tuned.way;
    simd::take_ways(ways);
  });
  return fmt::format("ways of {} on {} of {} ranks, those with the processor and build that it was measured with",
                     printable(path), world.allreduce(takes, Combine::sum), world.size());
}

}  // namespace knowscale

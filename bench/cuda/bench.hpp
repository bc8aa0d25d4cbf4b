// SPDX-License-Identifier: BSD-3-Clause
// What the groups of bench_cuda share: a group is a shape with all kernels that compute it, checked first and then
// timed in turns, so that a change of the machine's speed meets all of them.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/precision.hpp"
#include "kernels/cuda/ceilings/ceilings.hpp"
#include "kernels/cuda/runtime/rank_device.hpp"

namespace knowscale::cuda::bench {

struct Options {
  bool quick = false;    // sizes that an emulated device does in seconds
  double seconds = 0.4;  // of timing, a kernel
};

struct Bench {
  const RankDevice& device;
  DeviceRates rates;
  Options options;

  const Stream& stream() const { return device.stream(); }
};

// What a group works on.
struct Shape {
  std::int64_t n = 0, m = 0, heads = 1, kv_heads = 1, d = 0;
  bool causal = false;
};

// What the work takes at least, whatever does it.
struct Work {
  double flops = 0;
  double bytes = 0;      // each input read once, each output written once
  double flop_rate = 0;  // of the units that do it; 0: not measured
};

// A line of the table.
struct Row {
  std::string group, kernel, precision;
  Shape shape;
  std::vector<double> seconds;
  Work work;
  double error = 0;
  double error_bound = 0;

  bool valid() const { return error <= error_bound; }  // NaN is not
};

struct Group {
  std::string name;
  std::function<std::vector<Row>(const Bench&)> run;
};

std::vector<Group> attention_groups(const Options& options);
std::vector<Group> shard_groups(const Options& options);  // merge, moments, top keys
std::vector<Group> lstm_groups(const Options& options);

// Samples of each of `works`, which queue their i-th repetition, in three rounds.
std::vector<std::vector<double>> seconds_in_turns(const Bench& bench,
                                                  const std::vector<std::function<void(int)>>& works);

// How many sets of inputs of so many bytes it takes that none is in the cache when it is used again.
int input_sets(const Bench& bench, std::int64_t bytes);

// Fills with NaN of every format what a kernel is to write.
void poison(void* data, std::int64_t bytes, const Stream& stream);

template <class T>
Matrix<T> download(const T* data, std::int64_t rows, std::int64_t cols, const Stream& stream) {
  Matrix<T> matrix(rows, cols);
  if (matrix.size() == 0) return matrix;
  check(cudaMemcpyAsync(matrix.data(), data, matrix.span().size_bytes(), cudaMemcpyDeviceToHost, stream),
        "cudaMemcpyAsync");
  stream.wait();
  return matrix;
}

// Whether all numbers of it are finite.
bool all_finite(const Matrix<float>& matrix);

// |found - expected| / |expected| over all numbers that were added.
class RelativeError {
 public:
  void add(double found, double expected);
  double value() const;

 private:
  double difference_ = 0, size_ = 0;
};

}  // namespace knowscale::cuda::bench

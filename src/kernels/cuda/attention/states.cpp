// SPDX-License-Identifier: BSD-3-Clause
#include "kernels/cuda/attention/states.hpp"

#include <algorithm>

#include "kernels/cuda/attention/from_host.hpp"
#include "kernels/cuda/attention/rows.hpp"
#include "kernels/cuda/runtime/rank_device.hpp"
#include "kernels/sequences.hpp"

namespace knowscale::cuda {
namespace {

template <class T>
class States : public DeviceStates<T> {
 public:
  States(Method method, std::int64_t rows, std::int64_t width)
      : device_(RankDevice::in_use()), method_(method), width_(width), states_(rows * width), maxima_(rows) {}

  double attend(const AttentionInput<T>& queries, std::span<const KeySource<T>> sources,
                std::int64_t first_row) override {
    const auto lock = device_.enter();
    double copied = 0;
    const std::int64_t count = queries.queries.rows * queries.shape.heads;
    const MatrixView<float> out = view(states_.data() + first_row * width_, count);
    if (sources.empty()) clear(out, device_.stream());
    if (sources.size() > 1) more_.reserve(count * width_);
    for (std::size_t i = 0; i < sources.size(); ++i) {
      const MatrixView<float> state = i == 0 ? out : view(more_.data(), count);
      copied += attend_to(attention_to(sources[i], queries), state);
      if (i > 0) merge(out, state, device_.stream());
    }
    device_.stream().wait();
    return copied;
  }

  MatrixView<float> rows(std::int64_t count) override { return view(states_.data(), count); }

  std::span<float> read_maxima(std::int64_t count) override {
    const auto lock = device_.enter();
    cuda::read_maxima(rows(count), maxima_.data(), device_.stream());
    device_.stream().wait();
    return {maxima_.data(), static_cast<std::size_t>(count)};
  }

  void rescale(std::span<const float> maxima) override {
    const auto lock = device_.enter();
    cuda::rescale(rows(static_cast<std::int64_t>(maxima.size())), maxima.data(), device_.stream());
    device_.stream().wait();
  }

  double to_host(MatrixView<const float> rows, MatrixView<float> to) override {
    const auto lock = device_.enter();
    const Stream& stream = device_.stream();
    device_.copies().start(stream);
    device_.copies().loaded(stream);
    device_.copies().computed(stream);
    host_.reserve(rows.size());
    check(cudaMemcpyAsync(host_.data(), rows.data, static_cast<std::size_t>(rows.size()) * sizeof(float),
                          cudaMemcpyDeviceToHost, stream),
          "cudaMemcpyAsync");
    stream.wait();
    for (std::int64_t i = 0; i < to.rows; ++i) std::copy_n(host_.data() + i * width_, width_, to.row(i));
    return device_.copies().stop(stream);
  }

  void* stream() const override { return static_cast<cudaStream_t>(device_.stream()); }

 private:
  MatrixView<float> view(float* data, std::int64_t count) const { return {data, count, width_, width_}; }

  double attend_to(const AttentionInput<T>& input, MatrixView<float> state) {
    if (input.mask.sequences.empty()) return attend_part(input, state);
    double copied = 0;
    for (const OneSequence& part : sequences_of(input)) {
      const std::int64_t heads = input.shape.heads;
      copied +=
          attend_part(part_of(input, part), state.slice_rows({part.queries.begin * heads, part.queries.end * heads}));
    }
    return copied;
  }

  // Waits: the next part's inputs go through the same buffers.
  double attend_part(const AttentionInput<T>& input, MatrixView<float> state) {
    device_.copies().start(device_.stream());
    attend_from_host(device_, workspace_, method_, input, state.data);
    device_.copies().computed(device_.stream());
    return device_.copies().stop(device_.stream());
  }

  RankDevice& device_;
  Method method_;
  std::int64_t width_;
  Workspace<T> workspace_;
  DeviceBuffer<float> states_, more_, maxima_;
  PinnedBuffer<float> host_;
};

template <class T>
std::unique_ptr<DeviceStates<T>> make_states(const AttentionInput<T>& input, Method method, std::int64_t rows) {
  const auto lock = RankDevice::in_use().enter();
  return std::make_unique<States<T>>(method, rows, input.shape.value_dim + 2);
}

}  // namespace

constinit const ByPrecision<MakeStates> device_states =
    by_precision<MakeStates>([]<class T>() { return make_states<T>; }, Numbers<float, Bf16, F16>());

}  // namespace knowscale::cuda

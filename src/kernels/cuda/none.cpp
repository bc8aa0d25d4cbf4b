// SPDX-License-Identifier: BSD-3-Clause
// A build without CUDA.
#include "core/error.hpp"
#include "kernels/cuda/ceilings.hpp"
#include "kernels/cuda/cuda.hpp"
#include "kernels/cuda/device_states.hpp"
#include "kernels/cuda/lstm_from_host.hpp"
#include "kernels/cuda/moments_from_host.hpp"
#include "kernels/cuda/top_keys_from_host.hpp"

namespace knowscale::cuda {
namespace {

[[noreturn]] void refuse() {
  throw Error(ExitStatus::resource, "this build has no kernels for devices: configure with -DKNOWSCALE_CUDA=ON");
}

}  // namespace

bool built() { return false; }
std::string version() { return "not in this build"; }
int device_count() { return 0; }
Device use_device(int) { refuse(); }
std::int64_t free_bytes() { return 0; }
double take_copy_seconds() { return 0; }
DeviceRates measure_device_rates(double) { refuse(); }

std::span<const Kernel> kernels() { return {}; }
std::int64_t scratch_bytes(Method, Precision, const HeadShape&, std::int64_t, std::int64_t) { return 0; }
std::int64_t resident_bytes(Precision, std::int64_t, std::int64_t, std::int64_t) { return 0; }
template <class T>
std::shared_ptr<const void> keep_on_device(MatrixView<const T>, std::int64_t, std::int64_t) {
  refuse();
}
template <class T>
std::unique_ptr<DeviceStates<T>> device_states(const Kernel&, std::int64_t, std::int64_t) {
  refuse();
}

template std::shared_ptr<const void> keep_on_device(MatrixView<const float>, std::int64_t, std::int64_t);
template std::shared_ptr<const void> keep_on_device(MatrixView<const double>, std::int64_t, std::int64_t);
template std::shared_ptr<const void> keep_on_device(MatrixView<const Bf16>, std::int64_t, std::int64_t);
template std::shared_ptr<const void> keep_on_device(MatrixView<const F16>, std::int64_t, std::int64_t);
template std::unique_ptr<DeviceStates<float>> device_states(const Kernel&, std::int64_t, std::int64_t);
template std::unique_ptr<DeviceStates<Bf16>> device_states(const Kernel&, std::int64_t, std::int64_t);
template std::unique_ptr<DeviceStates<F16>> device_states(const Kernel&, std::int64_t, std::int64_t);

template <class T>
void moments_from_host(const MomentRows<T>&, std::span<const MomentKind>, std::int64_t, MatrixView<Accumulator<T>>) {
  refuse();
}
template <class T>
TopKeys top_keys_from_host(const AttentionInput<T>&, std::int64_t) {
  refuse();
}
template <class T>
std::unique_ptr<Seq2Seq<T>> seq2seq_on_device(const Seq2SeqWeights<T>&) {
  refuse();
}

template void moments_from_host(const MomentRows<float>&, std::span<const MomentKind>, std::int64_t, MatrixView<float>);
template void moments_from_host(const MomentRows<double>&, std::span<const MomentKind>, std::int64_t,
                                MatrixView<double>);
template void moments_from_host(const MomentRows<Bf16>&, std::span<const MomentKind>, std::int64_t, MatrixView<float>);
template void moments_from_host(const MomentRows<F16>&, std::span<const MomentKind>, std::int64_t, MatrixView<float>);
template TopKeys top_keys_from_host(const AttentionInput<float>&, std::int64_t);
template TopKeys top_keys_from_host(const AttentionInput<double>&, std::int64_t);
template TopKeys top_keys_from_host(const AttentionInput<Bf16>&, std::int64_t);
template TopKeys top_keys_from_host(const AttentionInput<F16>&, std::int64_t);
template std::unique_ptr<Seq2Seq<float>> seq2seq_on_device(const Seq2SeqWeights<float>&);
template std::unique_ptr<Seq2Seq<double>> seq2seq_on_device(const Seq2SeqWeights<double>&);

}  // namespace knowscale::cuda

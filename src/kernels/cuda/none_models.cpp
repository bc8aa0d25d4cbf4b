// SPDX-License-Identifier: BSD-3-Clause
// A build without CUDA: what models do on devices beside attention.
#include "core/error.hpp"
#include "kernels/cuda/lstm_from_host.hpp"
#include "kernels/cuda/moments_from_host.hpp"
#include "kernels/cuda/top_keys_from_host.hpp"

namespace knowscale::cuda {
namespace {

[[noreturn]] void refuse() {
  throw Error(ExitStatus::resource, "this build has no kernels for devices: configure with -DKNOWSCALE_CUDA=ON");
}

}  // namespace

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

// SPDX-License-Identifier: BSD-3-Clause
#include "kernels/attend.hpp"

#include <atomic>
#include <string>
#include <utility>
#include <vector>

#include "core/error.hpp"
#include "kernels/partial.hpp"
#include "kernels/sequences.hpp"
#include "kernels/threads.hpp"

namespace knowscale {
namespace {

// Many sequences keep the threads busy one each; few are divided inside the kernel.
template <class T>
double attend_by_sequence(const Kernel& kernel, const AttentionInput<T>& input, MatrixView<Accumulator<T>> out,
                          const Threads& threads) {
  const std::vector<OneSequence> parts = sequences_of(input);
  std::atomic<double> copied = 0;
  const auto compute = [&](const OneSequence& part, const Threads& workers) {
    const std::int64_t heads = input.shape.heads;
    copied += kernel.compute(part_of(input, part),
                             out.slice_rows({part.queries.begin * heads, part.queries.end * heads}), workers);
  };
  const auto count = static_cast<std::int64_t>(parts.size());
  if (count < 2 * threads.count()) {
    for (const OneSequence& part : parts) compute(part, threads);
    return copied;
  }
  const Threads alone(1);
  threads.parallel_for(count, [&](std::int64_t i) {
    compute(parts[static_cast<std::size_t>(i)], alone);
    threads.poll();
  });
  return copied;
}

}  // namespace

template <class T>
double attend(const Kernel& kernel, const AttentionInput<T>& queries, std::span<const KeySource<T>> sources,
              MatrixView<Accumulator<T>> out, const Threads& threads) {
  using A = Accumulator<T>;
  if (sources.empty()) {
    clear(out);
    return 0;
  }
  for (const KeySource<T>& source : sources) {
    require(kernel.reads_bytes || !(source.keys.in_bytes() || source.values.in_bytes()), ExitStatus::usage,
            "kernel " + std::string(kernel.name) + " reads no knowledge in 8 bits: use simd");
  }
  double copied = 0;
  Matrix<A> more(sources.size() > 1 ? out.rows : 0, out.cols);
  for (std::size_t i = 0; i < sources.size(); ++i) {
    const AttentionInput<T> input = attention_to(sources[i], queries);
    const MatrixView<A> state = i == 0 ? out : more.view();
    copied += input.mask.sequences.empty() ? kernel.compute(input, state, threads)
                                           : attend_by_sequence(kernel, input, state, threads);
    if (i > 0) merge<A>(out, std::as_const(more).view(), threads);
  }
  return copied;
}

template double attend(const Kernel&, const AttentionInput<float>&, std::span<const KeySource<float>>,
                       MatrixView<float>, const Threads&);
template double attend(const Kernel&, const AttentionInput<double>&, std::span<const KeySource<double>>,
                       MatrixView<double>, const Threads&);
template double attend(const Kernel&, const AttentionInput<Bf16>&, std::span<const KeySource<Bf16>>, MatrixView<float>,
                       const Threads&);
template double attend(const Kernel&, const AttentionInput<F16>&, std::span<const KeySource<F16>>, MatrixView<float>,
                       const Threads&);

}  // namespace knowscale

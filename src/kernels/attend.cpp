// SPDX-License-Identifier: BSD-3-Clause
#include "kernels/attend.hpp"

#include <algorithm>
#include <vector>

#include "kernels/threads.hpp"

namespace knowscale {
namespace {

RowRange common(RowRange a, RowRange b) {
  const std::int64_t begin = std::max(a.begin, b.begin);
  return {begin, std::max(begin, std::min(a.end, b.end))};
}

// Rows of tokens [first, first + rows) that lie in `sequence`.
RowRange rows_in(RowRange sequence, std::int64_t first, std::int64_t rows) {
  const RowRange tokens = common(sequence, {first, first + rows});
  return {tokens.begin - first, tokens.end - first};
}

// Queries of one sequence and the keys of the same; row ranges of the input.
struct OneSequence {
  RowRange queries, keys;
};

template <class T>
AttentionInput<T> part_of(const AttentionInput<T>& input, const OneSequence& part) {
  AttentionInput<T> one = input;
  one.queries = input.queries.slice_rows(part.queries);
  one.keys = input.keys.slice_rows(part.keys);
  one.values = input.values.slice_rows(part.keys);
  one.mask.sequences = {};
  one.mask.first_query += part.queries.begin;
  one.mask.first_key += part.keys.begin;
  if (!one.mask.visible.empty()) {
    one.mask.visible =
        one.mask.visible.subspan(static_cast<std::size_t>(part.keys.begin), static_cast<std::size_t>(part.keys.size()));
  }
  return one;
}

// Many sequences keep the threads busy one each; few are divided inside the kernel.
template <class T>
void attend_by_sequence(const Kernel<T>& kernel, const AttentionInput<T>& input, MatrixView<Accumulator<T>> out,
                        const Threads& threads) {
  const Mask& mask = input.mask;
  std::vector<OneSequence> parts;
  for (const RowRange& sequence : mask.sequences) {
    const OneSequence part = {rows_in(sequence, mask.first_query, input.queries.rows),
                              rows_in(sequence, mask.first_key, input.keys.rows)};
    if (part.queries.size() > 0) parts.push_back(part);
  }
  const auto compute = [&](const OneSequence& part, const Threads& workers) {
    const std::int64_t heads = input.shape.heads;
    kernel.compute(part_of(input, part), out.slice_rows({part.queries.begin * heads, part.queries.end * heads}),
                   workers);
  };
  const auto count = static_cast<std::int64_t>(parts.size());
  if (count < 2 * threads.count()) {
    for (const OneSequence& part : parts) compute(part, threads);
    return;
  }
  const Threads alone(1);
  threads.parallel_for(count, [&](std::int64_t i) {
    compute(parts[static_cast<std::size_t>(i)], alone);
    threads.poll();
  });
}

}  // namespace

template <class T>
void attend(const Kernel<T>& kernel, const AttentionInput<T>& queries, std::span<const KeySource<T>> sources,
            MatrixView<Accumulator<T>> out, const Threads& threads) {
  using A = Accumulator<T>;
  if (sources.empty()) return clear(out);
  Matrix<A> more(sources.size() > 1 ? out.rows : 0, out.cols);
  for (std::size_t i = 0; i < sources.size(); ++i) {
    AttentionInput<T> input = queries;
    input.keys = sources[i].keys;
    input.values = sources[i].values;
    input.mask = sources[i].mask;
    input.mask.first_query += queries.mask.first_query;
    const MatrixView<A> state = i == 0 ? out : more.view();
    if (input.mask.sequences.empty()) {
      kernel.compute(input, state, threads);
    } else {
      attend_by_sequence(kernel, input, state, threads);
    }
    if (i > 0) merge<A>(out, std::as_const(more).view(), threads);
  }
}

template void attend(const Kernel<float>&, const AttentionInput<float>&, std::span<const KeySource<float>>,
                     MatrixView<float>, const Threads&);
template void attend(const Kernel<double>&, const AttentionInput<double>&, std::span<const KeySource<double>>,
                     MatrixView<double>, const Threads&);
template void attend(const Kernel<Bf16>&, const AttentionInput<Bf16>&, std::span<const KeySource<Bf16>>,
                     MatrixView<float>, const Threads&);
template void attend(const Kernel<F16>&, const AttentionInput<F16>&, std::span<const KeySource<F16>>, MatrixView<float>,
                     const Threads&);

}  // namespace knowscale

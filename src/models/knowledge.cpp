// SPDX-License-Identifier: BSD-3-Clause
#include "models/knowledge.hpp"

#include "problem/knowledge.hpp"

namespace knowscale::knowledge_model {
namespace {

// The options with the placement that the reduction gives them.
template <class T>
ReductionOptions resolved(const Case& c, const Backend<T>& backend) {
  ReductionOptions options = c.options;
  options.placement = backend.reduction->placement(options.placement);
  return options;
}

template <class T>
class Prepared : public PreparedModel<T> {
  using A = Accumulator<T>;

 public:
  Prepared(const Problem<T>& problem, const Backend<T>& backend)
      : attention_{problem.comm,
                   problem.threads,
                   *backend.kernel,
                   {problem.queries,
                    problem.knowledge.keys.view(),
                    problem.knowledge.values(),
                    problem.c.head_shape(),
                    problem.c.scale,
                    {},
                    problem.c.tiles},
                   shard_ranges(problem.c.m, problem.comm.size(), problem.c.shard_granule()),
                   resolved(problem.c, backend)},
        prepared_(backend.reduction->prepare(attention_)),
        rows_(backend.reduction->result_rows(problem.c.options.placement, problem.queries.rows, problem.comm.size(),
                                             problem.comm.rank())),
        output_(problem.queries.rows, problem.c.d) {}

  Phases run() override { return prepared_->run(output_.view()); }
  Output<A> output() const override { return {rows_, output_.view().slice_rows(rows_)}; }

 private:
  ShardedAttention<T> attention_;
  std::unique_ptr<PreparedAttention<T>> prepared_;
  RowRange rows_;
  Matrix<A> output_;
};

}  // namespace

template <class T>
std::unique_ptr<PreparedModel<T>> prepare(const Problem<T>& problem, const Backend<T>& backend) {
  return std::make_unique<Prepared<T>>(problem, backend);
}

template <class T>
Cost cost(const Case& c, const Backend<T>& backend) {
  const double queries = static_cast<double>(c.batch * c.n), width = static_cast<double>(c.d);
  const double shard_rows = static_cast<double>(shard_range(c.m, c.ranks, c.shard_granule(), 0).size());
  const double sets = has_separate_values(c) ? 2 : 1;
  const ReductionCost reduction = cost_of(*backend.reduction, reduction_shape(c));
  const double scratch = static_cast<double>(backend.kernel->scratch_bytes(c.head_shape(), c.threads));
  const double slots = c.options.overlap ? 2 : 1;
  return {.flops = 4 * queries * static_cast<double>(c.m) * width,
          .bytes_read = sets * shard_rows * static_cast<double>(c.knowledge_dim()) * sizeof(T),
          .bytes_sent = reduction.sent.bytes,
          .messages = reduction.sent.messages,
          .state_bytes = slots * reduction.buffers + queries * width * sizeof(Accumulator<T>) + scratch};
}

template std::unique_ptr<PreparedModel<float>> prepare(const Problem<float>&, const Backend<float>&);
template std::unique_ptr<PreparedModel<double>> prepare(const Problem<double>&, const Backend<double>&);
template std::unique_ptr<PreparedModel<Bf16>> prepare(const Problem<Bf16>&, const Backend<Bf16>&);
template std::unique_ptr<PreparedModel<F16>> prepare(const Problem<F16>&, const Backend<F16>&);
template Cost cost(const Case&, const Backend<float>&);
template Cost cost(const Case&, const Backend<double>&);
template Cost cost(const Case&, const Backend<Bf16>&);
template Cost cost(const Case&, const Backend<F16>&);

}  // namespace knowscale::knowledge_model

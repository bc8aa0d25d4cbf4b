// SPDX-License-Identifier: BSD-3-Clause
#include "models/knowledge.hpp"

#include "comm/clock.hpp"

namespace knowscale::knowledge_model {
namespace {

template <class T>
class Prepared : public PreparedModel<T> {
  using L = Accumulator<T>;

 public:
  Prepared(const Problem<T>& problem, const Backend<T>& backend)
      : problem_(problem),
        backend_(backend),
        input_{problem.queries,
               problem.knowledge.keys.view(),
               problem.knowledge.values(),
               problem.c.head_shape(),
               problem.c.scale,
               {},
               problem.c.tiles},
        partial_(problem.queries.rows, input_.shape),
        output_(problem.queries.rows, problem.c.d) {}

  Phases run() override {
    const double start = now();
    backend_.kernel->compute(input_, partial_.rows(), problem_.threads);
    const double computed = now();
    const RowRange rows = backend_.reduction->run(problem_.comm, partial_);
    const double reduced = now();
    const std::int64_t heads = input_.shape.heads;
    rows_ = {rows.begin / heads, rows.end / heads};
    // Row (query, head) of the state is head `head` of the query's output row.
    const MatrixView<L> by_head = {output_.row(rows_.begin), rows.size(), input_.shape.value_dim,
                                   input_.shape.value_dim};
    normalise<L>(partial_.rows().slice_rows(rows), by_head);
    return {computed - start + now() - reduced, 0};
  }

  Output<L> output() const override { return {rows_, output_.view().slice_rows(rows_)}; }

 private:
  Problem<T> problem_;
  Backend<T> backend_;
  AttentionInput<T> input_;
  Partial<L> partial_;
  Matrix<L> output_;
  RowRange rows_;
};

}  // namespace

template <class T>
std::unique_ptr<PreparedModel<T>> prepare(const Problem<T>& problem, const Backend<T>& backend) {
  return std::make_unique<Prepared<T>>(problem, backend);
}

template <class T>
Cost cost(const Case& c, const Backend<T>& backend) {
  const double queries = static_cast<double>(c.batch * c.n), width = static_cast<double>(c.d);
  const double shard_rows = static_cast<double>(row_range(c.m, c.ranks, 0).size());
  const double sets = has_separate_values(c) ? 2 : 1;
  const ReductionShape shape = {c.ranks, c.batch * c.n, c.head_shape(), sizeof(Accumulator<T>)};
  const Traffic traffic = backend.reduction->traffic(shape);
  const double scratch = static_cast<double>(backend.kernel->scratch_bytes(c.head_shape(), c.threads));
  return {.flops = 4 * queries * static_cast<double>(c.m) * width,
          .bytes_read = sets * shard_rows * static_cast<double>(c.knowledge_dim()) * sizeof(T),
          .bytes_sent = traffic.bytes,
          .messages = traffic.messages,
          // The partial state, a second one inside MPI, the output.
          .state_bytes = 2 * shape.state_bytes() + queries * width * sizeof(Accumulator<T>) + scratch};
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

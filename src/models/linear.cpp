// SPDX-License-Identifier: BSD-3-Clause
#include "models/linear.hpp"

#include <array>

#include "comm/clock.hpp"
#include "models/knowledge_moments.hpp"
#include "models/projection.hpp"

namespace knowscale::linear_model {
namespace {

// Every rank answers its own tokens, so that a sharded sequence stays where it is.
template <class T>
class Prepared : public PreparedModel<T> {
  using A = Accumulator<T>;

 public:
  explicit Prepared(const Problem<T>& problem)
      : problem_(problem),
        moments_(problem, kKinds, false),
        own_(problem.c.token_shard(problem.comm.rank())),
        rows_(problem.c.options.placement == Placement::replicated ? RowRange{0, problem.queries.rows} : own_),
        output_(problem.queries.rows, problem.c.d) {}

  Phases run() override {
    Phases phases;
    phases.compute += moments_.update();
    const double start = now();
    const HeadShape shape = problem_.c.head_shape();
    const std::int64_t width = shape.key_dim;
    for (std::int64_t head = 0; head < shape.heads; ++head) {
      project<T, A>(problem_.queries.slice_cols(head * width, width), moments_.of(0, shape.kv_head_of(head)),
                    output_.view().slice_cols(head * width, width), own_, projected_rows(problem_.c), problem_.threads);
    }
    phases.compute += now() - start;
    if (problem_.c.options.placement == Placement::replicated) problem_.comm.allgather_rows(output_.view());
    return phases;
  }

  Output<A> output() const override { return {rows_, output_.view().slice_rows(rows_)}; }

 private:
  static constexpr std::array kKinds = {Moment::plain};

  Problem<T> problem_;
  KnowledgeMoments<T> moments_;
  RowRange own_, rows_;
  Matrix<A> output_;
};

}  // namespace

template <class T>
std::unique_ptr<PreparedModel<T>> prepare(const Problem<T>& problem, const Backend<T>&) {
  return std::make_unique<Prepared<T>>(problem);
}

template std::unique_ptr<PreparedModel<float>> prepare(const Problem<float>&, const Backend<float>&);
template std::unique_ptr<PreparedModel<double>> prepare(const Problem<double>&, const Backend<double>&);
template std::unique_ptr<PreparedModel<Bf16>> prepare(const Problem<Bf16>&, const Backend<Bf16>&);
template std::unique_ptr<PreparedModel<F16>> prepare(const Problem<F16>&, const Backend<F16>&);

}  // namespace knowscale::linear_model

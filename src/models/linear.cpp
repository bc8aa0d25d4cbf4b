// SPDX-License-Identifier: BSD-3-Clause
#include "models/linear.hpp"

#include <array>

#include "comm/clock.hpp"
#include "models/knowledge_moments.hpp"
#include "models/prepared.hpp"
#include "models/projection.hpp"

namespace knowscale::linear_model {
namespace {

// Every rank answers its own tokens, so that a sharded sequence stays where it is.
template <class T>
class Prepared : public PreparedModel<T> {
  using A = Accumulator<T>;

 public:
  Prepared(const Problem<T>& problem, const Backend&)
      : problem_(problem),
        moments_(problem, kKinds, host_engine()),
        own_(problem.c.token_shard(problem.comm.rank())),
        rows_(problem.c.options.placement == Placement::replicated ? RowRange{0, problem.queries.rows} : own_),
        output_(problem.queries.rows, problem.c.d) {}

  Phases run() override {
    Phases phases = moments_.update();
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
  static constexpr std::array kKinds = {kPlain};

  Problem<T> problem_;
  KnowledgeMoments<T> moments_;
  RowRange own_, rows_;
  Matrix<A> output_;
};

}  // namespace

constinit const ByPrecision<PrepareModel> prepare = prepared<Prepared>();

}  // namespace knowscale::linear_model

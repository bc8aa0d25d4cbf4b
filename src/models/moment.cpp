// SPDX-License-Identifier: BSD-3-Clause
#include "models/moment.hpp"

#include "models/moment_attention.hpp"
#include "models/prepared.hpp"

namespace knowscale::moment_model {
namespace {

template <class T>
class Prepared : public MomentAttention<T> {
 public:
  Prepared(const Problem<T>& problem, const Backend& backend) : MomentAttention<T>(problem, backend) {}
  Phases run() override { return this->attend_in_moments(); }
};

}  // namespace

constinit const ByPrecision<PrepareModel> prepare = prepared<Prepared>();

}  // namespace knowscale::moment_model

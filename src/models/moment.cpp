// SPDX-License-Identifier: BSD-3-Clause
#include "models/moment.hpp"

#include "models/moment_attention.hpp"

namespace knowscale::moment_model {
namespace {

template <class T>
class Prepared : public MomentAttention<T> {
 public:
  Prepared(const Problem<T>& problem, const Backend<T>& backend) : MomentAttention<T>(problem, backend) {}
  Phases run() override { return this->attend_in_moments(); }
};

}  // namespace

template <class T>
std::unique_ptr<PreparedModel<T>> prepare(const Problem<T>& problem, const Backend<T>& backend) {
  return std::make_unique<Prepared<T>>(problem, backend);
}

template std::unique_ptr<PreparedModel<float>> prepare(const Problem<float>&, const Backend<float>&);
template std::unique_ptr<PreparedModel<double>> prepare(const Problem<double>&, const Backend<double>&);
template std::unique_ptr<PreparedModel<Bf16>> prepare(const Problem<Bf16>&, const Backend<Bf16>&);
template std::unique_ptr<PreparedModel<F16>> prepare(const Problem<F16>&, const Backend<F16>&);

}  // namespace knowscale::moment_model

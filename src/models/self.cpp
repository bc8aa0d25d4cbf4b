// SPDX-License-Identifier: BSD-3-Clause
#include "models/self.hpp"

#include "models/one_softmax.hpp"

namespace knowscale::self_model {
namespace {

template <class T>
class Prepared : public OneSoftmax<T> {
 public:
  Prepared(const Problem<T>& problem, const Backend& backend) : OneSoftmax<T>(problem, backend) {
    this->attend_to({this->own_tokens()});
  }
};

}  // namespace

constinit const ByPrecision<PrepareModel> prepare = prepared<Prepared>();

}  // namespace knowscale::self_model

// SPDX-License-Identifier: BSD-3-Clause
#include "models/joint.hpp"

#include "models/one_softmax.hpp"

namespace knowscale::joint_model {
namespace {

template <class T>
class Prepared : public OneSoftmax<T> {
 public:
  Prepared(const Problem<T>& problem, const Backend& backend) : OneSoftmax<T>(problem, backend) {
    this->attend_to({this->own_tokens(), this->stored_knowledge()});
  }
};

}  // namespace

constinit const ByPrecision<PrepareModel> prepare = prepared<Prepared>();

}  // namespace knowscale::joint_model

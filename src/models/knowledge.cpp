// SPDX-License-Identifier: BSD-3-Clause
#include "models/knowledge.hpp"

#include "models/one_softmax.hpp"

namespace knowscale::knowledge_model {
namespace {

template <class T>
class Prepared : public OneSoftmax<T> {
 public:
  Prepared(const Problem<T>& problem, const Backend& backend) : OneSoftmax<T>(problem, backend) {
    this->attend_to({this->stored_knowledge()});
  }
};

}  // namespace

constinit const ByPrecision<PrepareModel> prepare = prepared<Prepared>();

}  // namespace knowscale::knowledge_model

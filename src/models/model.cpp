// SPDX-License-Identifier: BSD-3-Clause
#include "models/model.hpp"

#include <algorithm>
#include <array>

#include "core/named.hpp"
#include "models/knowledge.hpp"
#include "models/lstm.hpp"

namespace knowscale {

template <class T>
std::span<const Model<T>> models() {
  static constexpr Model<T> knowledge = {"knowledge", true, false, knowledge_model::prepare<T>,
                                         knowledge_model::cost<T>};
  if constexpr (sizeof(T) == 2) {  // the LSTM computes in the format it stores
    static constexpr std::array<Model<T>, 1> table = {{knowledge}};
    return table;
  } else {
    static constexpr std::array<Model<T>, 2> table = {
        {knowledge, {"lstm", false, true, lstm_model::prepare<T>, lstm_model::cost<T>}}};
    return table;
  }
}

template <class T>
const Model<T>& model_by_name(std::string_view name) {
  return entry_by_name(models<T>(), "model", name);
}

ReductionShape reduction_shape(const Case& c) {
  return {.ranks = c.ranks,
          .queries = c.batch * c.n,
          .keys = c.m,
          .heads = c.head_shape(),
          .stored_bytes = static_cast<std::int64_t>(bytes_of(c.precision)),
          .state_bytes = std::max<std::int64_t>(static_cast<std::int64_t>(bytes_of(c.precision)), sizeof(float)),
          .separate_values = has_separate_values(c),
          .options = c.options};
}

template <class T>
Backend<T> backend_of(const Case& c) {
  if (!model_by_name<T>(c.model).attends) return {};
  return {&kernel_by_name<T>(c.kernel), &reduction_by_name<T>(c.reduction)};
}

template std::span<const Model<float>> models();
template const Model<float>& model_by_name(std::string_view);
template Backend<float> backend_of(const Case&);
template std::span<const Model<double>> models();
template const Model<double>& model_by_name(std::string_view);
template Backend<double> backend_of(const Case&);
template std::span<const Model<Bf16>> models();
template const Model<Bf16>& model_by_name(std::string_view);
template Backend<Bf16> backend_of(const Case&);
template std::span<const Model<F16>> models();
template const Model<F16>& model_by_name(std::string_view);
template Backend<F16> backend_of(const Case&);

}  // namespace knowscale

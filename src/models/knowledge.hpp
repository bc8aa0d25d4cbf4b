// SPDX-License-Identifier: BSD-3-Clause
// `knowledge`: Y = rowsoftmax(b X K^T) V over the whole sharded knowledge set (G1 = 0).
#pragma once

#include "models/model.hpp"

namespace knowscale::knowledge_model {

template <class T>
std::unique_ptr<PreparedModel<T>> prepare(const Problem<T>& problem, const Backend<T>& backend);

}  // namespace knowscale::knowledge_model

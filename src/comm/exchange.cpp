// SPDX-License-Identifier: BSD-3-Clause
#include "comm/exchange.hpp"

#include <algorithm>
#include <iterator>

#include "comm/communicator.hpp"
#include "comm/counts.hpp"

namespace knowscale {

void Requests::add(Requests&& others) {
  requests_.insert(requests_.end(), others.requests_.begin(), others.requests_.end());
  std::move(others.kept_.begin(), others.kept_.end(), std::back_inserter(kept_));
  others = Requests();
}

bool Requests::complete() {
  if (requests_.empty()) return true;
  int done = 0;
  check_mpi(MPI_Testall(message_count(static_cast<std::int64_t>(requests_.size())), requests_.data(), &done,
                        MPI_STATUSES_IGNORE),
            "MPI_Testall");
  if (done == 0) return false;
  *this = Requests();
  return true;
}

void Requests::wait() {
  while (!complete()) {
  }
}

bool Exchange::complete() {
  if (!handle_) return true;
  while (!handle_.done() && handle_.promise().awaited_->complete()) handle_.resume();
  if (!handle_.done()) return false;
  const std::exception_ptr error = handle_.promise().error_;
  handle_.destroy();
  handle_ = nullptr;
  if (error) std::rethrow_exception(error);
  return true;
}

void Exchange::wait() {
  while (!complete()) {
  }
}

}  // namespace knowscale

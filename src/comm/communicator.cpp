// SPDX-License-Identifier: BSD-3-Clause
#include "comm/communicator.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <limits>
#include <optional>
#include <thread>
#include <utility>

#include "comm/counts.hpp"
#include "comm/row_type.hpp"
#include "core/half.hpp"

namespace knowscale {
namespace {

std::vector<int> exclusive_sum(const std::vector<int>& counts) {
  std::vector<int> starts(counts.size(), 0);
  for (std::size_t r = 1; r < counts.size(); ++r)
    starts[r] = message_count(std::int64_t{starts[r - 1]} + counts[r - 1]);
  return starts;
}

}  // namespace

MPI_Op mpi_op(Combine combine) {
  switch (combine) {
    case Combine::sum: return MPI_SUM;
    case Combine::maximum: return MPI_MAX;
    case Combine::minimum: return MPI_MIN;
  }
  return MPI_OP_NULL;
}

template <>
MPI_Datatype mpi_type<char>() {
  return MPI_CHAR;
}
template <>
MPI_Datatype mpi_type<std::uint8_t>() {
  return MPI_UINT8_T;
}
template <>
MPI_Datatype mpi_type<float>() {
  return MPI_FLOAT;
}
template <>
MPI_Datatype mpi_type<double>() {
  return MPI_DOUBLE;
}
// As bits: 16-bit numbers are sent, never added.
template <>
MPI_Datatype mpi_type<Bf16>() {
  return MPI_UINT16_T;
}
template <>
MPI_Datatype mpi_type<F16>() {
  return MPI_UINT16_T;
}
template <>
MPI_Datatype mpi_type<int>() {
  return MPI_INT;
}
template <>
MPI_Datatype mpi_type<std::int64_t>() {
  return MPI_INT64_T;
}

void check_mpi(int code, const char* call) {
  if (code == MPI_SUCCESS) return;
  std::array<char, MPI_MAX_ERROR_STRING> text{};
  int length = 0;
  MPI_Error_string(code, text.data(), &length);
  throw Error(ExitStatus::resource,
              std::string(call) + " failed: " + std::string(text.data(), static_cast<std::size_t>(length)));
}

int message_count(std::int64_t count) {
  require(count <= std::numeric_limits<int>::max(), ExitStatus::usage,
          "a message of " + std::to_string(count) +
              " elements exceeds MPI's 2^31 - 1: use fewer queries (n, batch) or heads a case");
  return static_cast<int>(count);
}

MpiSession::MpiSession(int* argc, char*** argv) {
  int provided = 0;
  check_mpi(MPI_Init_thread(argc, argv, MPI_THREAD_FUNNELED, &provided), "MPI_Init_thread");
  check_mpi(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
  require(provided >= MPI_THREAD_FUNNELED, ExitStatus::resource,
          "this MPI gives no MPI_THREAD_FUNNELED, which threads beside MPI need: use another MPI build");
}

MpiSession::~MpiSession() { MPI_Finalize(); }

std::string mpi_version() {
  std::array<char, MPI_MAX_LIBRARY_VERSION_STRING> text{};
  int length = 0;
  check_mpi(MPI_Get_library_version(text.data(), &length), "MPI_Get_library_version");
  const std::string all(text.data());
  return all.substr(0, std::min(all.find(','), all.find('\n')));
}

void abort_all_ranks(int status) {
  MPI_Abort(MPI_COMM_WORLD, status);
  std::_Exit(status);
}

Communicator::Communicator(MPI_Comm handle) : handle_(handle) {
  if (handle_ == MPI_COMM_NULL) return;
  check_mpi(MPI_Comm_set_errhandler(handle_, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
  check_mpi(MPI_Comm_rank(handle_, &rank_), "MPI_Comm_rank");
  check_mpi(MPI_Comm_size(handle_, &size_), "MPI_Comm_size");
}

Communicator::Communicator(Communicator&& other) noexcept { *this = std::move(other); }

Communicator& Communicator::operator=(Communicator&& other) noexcept {
  std::swap(handle_, other.handle_);
  std::swap(rank_, other.rank_);
  std::swap(size_, other.size_);
  return *this;
}

Communicator::~Communicator() {
  if (handle_ != MPI_COMM_NULL) MPI_Comm_free(&handle_);
}

Communicator Communicator::world() {
  MPI_Comm handle = MPI_COMM_NULL;
  check_mpi(MPI_Comm_dup(MPI_COMM_WORLD, &handle), "MPI_Comm_dup");
  return Communicator(handle);
}

Communicator Communicator::first(int ranks) const { return split(rank_ < ranks ? 0 : -1); }

Communicator Communicator::duplicate() const {
  MPI_Comm handle = MPI_COMM_NULL;
  check_mpi(MPI_Comm_dup(handle_, &handle), "MPI_Comm_dup");
  return Communicator(handle);
}

Communicator Communicator::split(int group) const {
  MPI_Comm handle = MPI_COMM_NULL;
  check_mpi(MPI_Comm_split(handle_, group < 0 ? MPI_UNDEFINED : group, rank_, &handle), "MPI_Comm_split");
  return Communicator(handle);
}

Communicator Communicator::node() const {
  MPI_Comm handle = MPI_COMM_NULL;
  check_mpi(MPI_Comm_split_type(handle_, MPI_COMM_TYPE_SHARED, rank_, MPI_INFO_NULL, &handle), "MPI_Comm_split_type");
  return Communicator(handle);
}

void Communicator::barrier() const { check_mpi(MPI_Barrier(handle_), "MPI_Barrier"); }

void Communicator::sleeping_barrier() const {
  MPI_Request request = MPI_REQUEST_NULL;
  check_mpi(MPI_Ibarrier(handle_, &request), "MPI_Ibarrier");
  auto pause = std::chrono::microseconds(20);
  for (int done = 0; done == 0;) {
    check_mpi(MPI_Test(&request, &done, MPI_STATUS_IGNORE), "MPI_Test");
    if (done != 0) break;
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, std::chrono::microseconds(5000));
  }
}

template <class T>
void Communicator::broadcast(std::span<T> data, int root) const {
  check_mpi(MPI_Bcast(data.data(), message_count(static_cast<std::int64_t>(data.size())), mpi_type<T>(), root, handle_),
            "MPI_Bcast");
}

void Communicator::broadcast(std::string& text, int root) const {
  std::int64_t size = static_cast<std::int64_t>(text.size());
  broadcast(std::span<std::int64_t>(&size, 1), root);
  text.resize(static_cast<std::size_t>(size));
  broadcast(std::span<char>(text), root);
}

void Communicator::broadcast(std::vector<std::string>& texts, int root) const {
  std::int64_t count = static_cast<std::int64_t>(texts.size());
  broadcast(std::span<std::int64_t>(&count, 1), root);
  texts.resize(static_cast<std::size_t>(count));
  for (std::string& text : texts) broadcast(text, root);
}

template <class T>
void Communicator::allreduce(std::span<T> data, Combine combine) const {
  // In pieces, because MPI counts with int.
  constexpr std::size_t piece = std::size_t{1} << 30;
  for (std::size_t begin = 0; begin < data.size(); begin += piece) {
    const auto part = data.subspan(begin, std::min(piece, data.size() - begin));
    check_mpi(MPI_Allreduce(MPI_IN_PLACE, part.data(), static_cast<int>(part.size()), mpi_type<T>(), mpi_op(combine),
                            handle_),
              "MPI_Allreduce");
  }
}

template <class T>
std::vector<T> Communicator::gather(std::span<const T> data) const {
  const int count = message_count(static_cast<std::int64_t>(data.size()));
  std::vector<T> all(is_root() ? data.size() * static_cast<std::size_t>(size_) : 0);
  check_mpi(MPI_Gather(data.data(), count, mpi_type<T>(), all.data(), count, mpi_type<T>(), 0, handle_), "MPI_Gather");
  return all;
}

std::vector<std::string> Communicator::gather(const std::string& text) const {
  const int length = message_count(static_cast<std::int64_t>(text.size()));
  const std::vector<int> lengths = gather(std::span<const int>(&length, 1));
  const std::vector<int> starts = exclusive_sum(lengths);
  std::string all(is_root() ? static_cast<std::size_t>(starts.back() + lengths.back()) : 0, '\0');
  check_mpi(MPI_Gatherv(text.data(), length, MPI_CHAR, all.data(), lengths.data(), starts.data(), MPI_CHAR, 0, handle_),
            "MPI_Gatherv");
  std::vector<std::string> texts;
  for (std::size_t r = 0; r < lengths.size(); ++r) {
    texts.push_back(all.substr(static_cast<std::size_t>(starts[r]), static_cast<std::size_t>(lengths[r])));
  }
  return texts;
}

template <class T>
Matrix<T> Communicator::gather_rows(MatrixView<const T> rows) const {
  const RowType<T> type(rows.cols);
  const int count = message_count(rows.rows);
  const std::vector<int> counts = gather(std::span<const int>(&count, 1));
  const std::vector<int> starts = exclusive_sum(counts);
  Matrix<T> all(is_root() ? std::int64_t{starts.back()} + counts.back() : 0, rows.cols);
  check_mpi(MPI_Gatherv(rows.data, count, type.get(), all.data(), counts.data(), starts.data(), type.get(), 0, handle_),
            "MPI_Gatherv");
  return all;
}

template <class T>
void Communicator::allgather_rows(MatrixView<T> all) const {
  std::vector<RowRange> ranges;
  for (int r = 0; r < size_; ++r) ranges.push_back(row_range(all.rows, size_, r));
  allgather_rows(all, ranges);
}

template <class T>
void Communicator::allgather_rows(MatrixView<T> all, std::span<const RowRange> ranges) const {
  const RowType<T> type(all.cols);
  std::vector<int> counts;
  for (const RowRange& range : ranges) counts.push_back(message_count(range.size()));
  const std::vector<int> starts = exclusive_sum(counts);
  check_mpi(
      MPI_Allgatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, all.data, counts.data(), starts.data(), type.get(), handle_),
      "MPI_Allgatherv");
}

template <class T>
void Communicator::send(std::span<const T> data, int to) const {
  check_mpi(MPI_Send(data.data(), message_count(static_cast<std::int64_t>(data.size())), mpi_type<T>(), to, 0, handle_),
            "MPI_Send");
}

template <class T>
void Communicator::receive(std::span<T> data, int from) const {
  check_mpi(MPI_Recv(data.data(), message_count(static_cast<std::int64_t>(data.size())), mpi_type<T>(), from, 0,
                     handle_, MPI_STATUS_IGNORE),
            "MPI_Recv");
}

template <class T>
void Communicator::shift(std::span<const T> sent, std::span<T> received) const {
  const int count = message_count(static_cast<std::int64_t>(sent.size()));
  check_mpi(MPI_Sendrecv(sent.data(), count, mpi_type<T>(), (rank_ + 1) % size_, 0, received.data(), count,
                         mpi_type<T>(), (rank_ + size_ - 1) % size_, 0, handle_, MPI_STATUS_IGNORE),
            "MPI_Sendrecv");
}

void Communicator::together(const std::function<void()>& local) const {
  std::optional<Error> error;
  try {
    local();
  } catch (...) {  // one that passed here would leave the other ranks waiting
    error = current_error();
  }
  const int failed = allreduce(error ? rank_ : size_, Combine::minimum);
  if (failed == size_) return;
  std::string message = error ? error->what() : "";
  int status = error ? static_cast<int>(error->status()) : 0;
  broadcast(message, failed);
  broadcast(std::span<int>(&status, 1), failed);
  throw CollectiveError(static_cast<ExitStatus>(status), message);
}

template void Communicator::broadcast(std::span<char>, int) const;
template void Communicator::broadcast(std::span<float>, int) const;
template void Communicator::broadcast(std::span<double>, int) const;
template void Communicator::broadcast(std::span<Bf16>, int) const;
template void Communicator::broadcast(std::span<F16>, int) const;
template void Communicator::broadcast(std::span<int>, int) const;
template void Communicator::broadcast(std::span<std::int64_t>, int) const;
template void Communicator::allreduce(std::span<float>, Combine) const;
template void Communicator::allreduce(std::span<double>, Combine) const;
template void Communicator::allreduce(std::span<int>, Combine) const;
template void Communicator::allreduce(std::span<std::int64_t>, Combine) const;
template std::vector<double> Communicator::gather(std::span<const double>) const;
template std::vector<int> Communicator::gather(std::span<const int>) const;
template std::vector<std::int64_t> Communicator::gather(std::span<const std::int64_t>) const;
template Matrix<float> Communicator::gather_rows(MatrixView<const float>) const;
template Matrix<double> Communicator::gather_rows(MatrixView<const double>) const;
template void Communicator::allgather_rows(MatrixView<float>) const;
template void Communicator::allgather_rows(MatrixView<double>) const;
template void Communicator::allgather_rows(MatrixView<float>, std::span<const RowRange>) const;
template void Communicator::allgather_rows(MatrixView<double>, std::span<const RowRange>) const;
template void Communicator::allgather_rows(MatrixView<Bf16>, std::span<const RowRange>) const;
template void Communicator::allgather_rows(MatrixView<F16>, std::span<const RowRange>) const;
template void Communicator::send(std::span<const float>, int) const;
template void Communicator::send(std::span<const double>, int) const;
template void Communicator::shift(std::span<const double>, std::span<double>) const;
template void Communicator::receive(std::span<float>, int) const;
template void Communicator::receive(std::span<double>, int) const;

}  // namespace knowscale

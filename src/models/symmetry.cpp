// SPDX-License-Identifier: BSD-3-Clause
#include "models/symmetry.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <utility>
#include <vector>

#include "core/random.hpp"
#include "problem/sequence.hpp"

namespace knowscale {
namespace {

// The theory's table: keeps (true) or breaks. With one key/value head, orthogonal and orthogonal_by_head are
// one; with several a softmax model keeps the smaller group alone. A model without heads keeps nothing.
bool should_keep(const Case& c, Symmetry symmetry) {
  const bool attends = c.heads > 0;
  if (symmetry == Symmetry::orthogonal) return attends && c.kv_heads == 1;
  return attends;
}

// The whole problem on every rank.
template <class T>
struct Instance {
  Matrix<T> keys, values, queries;
};

template <class T>
Matrix<T> all_rows(MatrixView<const T> own, std::int64_t total, RowRange range, const Communicator& comm) {
  Matrix<T> all(total, own.cols);
  if (own.size() > 0) std::copy_n(own.data, own.size(), all.row(range.begin));
  comm.allgather_rows(all.view());
  return all;
}

template <class T>
Instance<T> load_instance(const Case& c, const Communicator& comm) {
  const KnowledgeShard<T> shard = load_knowledge<T>(c, comm);
  Instance<T> instance;
  instance.keys = all_rows<T>(shard.keys.view(), c.m, shard.rows, comm);
  instance.values = all_rows<T>(shard.values(), c.m, shard.rows, comm);
  instance.queries = load_queries<T>(c, comm);
  return instance;
}

// The model's whole output on every rank.
template <class T>
Matrix<T> evaluate(const Instance<T>& instance, const Case& c, const Communicator& comm, const Threads& threads) {
  KnowledgeShard<T> shard;
  shard.rows = row_range(c.m, comm.size(), comm.rank());
  const auto own = [&](const Matrix<T>& all) {
    Matrix<T> rows(shard.rows.size(), all.cols());
    std::copy_n(all.row(shard.rows.begin), rows.size(), rows.data());
    return rows;
  };
  shard.keys = own(instance.keys);
  shard.separate_values = own(instance.values);
  const Problem<T> problem = {c, shard, instance.queries.view(), comm, threads};
  const auto model = model_by_name<T>(c.model).prepare(problem, backend_of<T>(c));
  model->run();
  const Output<T> output = model->output();

  // Sharded outputs tile the rows, replicated ones are whole everywhere.
  const std::int64_t rows = c.batch * c.n;
  const bool replicated = comm.allreduce(output.rows.size(), Combine::sum) == rows * comm.size();
  Matrix<T> all(rows, c.d);
  std::fill_n(all.data(), all.size(), T{0});
  if (!replicated || comm.is_root()) std::copy_n(output.values.data, output.values.size(), all.row(output.rows.begin));
  comm.allreduce(all.span(), Combine::sum);
  return all;
}

// A Haar-distributed orthogonal matrix: Gram-Schmidt on a Gaussian one, twice for accuracy; its R has a
// positive diagonal, which is the sign fix (Mezzadri 2007). Odd draws have one row negated, so that both
// determinants come up.
Matrix<double> haar(std::int64_t size, std::uint64_t seed, std::int64_t draw) {
  Matrix<double> q(size, size);
  for (std::int64_t i = 0; i < size; ++i) {
    double* row = q.row(i);
    fill_normal(seed, Stream::rotation, draw * size + i, {row, static_cast<std::size_t>(size)});
    for (int pass = 0; pass < 2; ++pass) {
      for (std::int64_t k = 0; k < i; ++k) {
        const double along = std::inner_product(row, row + size, q.row(k), 0.0);
        for (std::int64_t j = 0; j < size; ++j) row[j] -= along * q(k, j);
      }
    }
    const double length = std::sqrt(std::inner_product(row, row + size, row, 0.0));
    for (std::int64_t j = 0; j < size; ++j) row[j] /= length;
  }
  if (draw % 2 == 1) std::transform(q.row(0), q.row(1), q.row(0), std::negate<>());
  return q;
}

// rows Q_g for each block g of Q's size: rotation(g) is the matrix of columns [g size, (g + 1) size).
template <class T, class Rotation>
Matrix<T> rotated(const Matrix<T>& rows, const Rotation& rotation) {
  Matrix<T> out(rows.rows(), rows.cols());
  const std::int64_t size = rotation(0).rows();
  for (std::int64_t i = 0; i < rows.rows(); ++i) {
    for (std::int64_t column = 0; column < rows.cols(); ++column) {
      const Matrix<double>& q = rotation(column / size);
      double sum = 0;
      for (std::int64_t k = 0; k < size; ++k) {
        sum += static_cast<double>(rows(i, column / size * size + k)) * q(k, column % size);
      }
      out(i, column) = static_cast<T>(sum);
    }
  }
  return out;
}

// Row i of the result is row order[i].
template <class T>
Matrix<T> permuted(const Matrix<T>& rows, const std::vector<std::int64_t>& order) {
  Matrix<T> out(rows.rows(), rows.cols());
  for (std::int64_t i = 0; i < rows.rows(); ++i)
    std::copy_n(rows.row(order[static_cast<std::size_t>(i)]), rows.cols(), out.row(i));
  return out;
}

// Rows of every group of `group` shuffled alike, by sorting random words.
std::vector<std::int64_t> random_order(std::int64_t rows, std::int64_t group, std::uint64_t seed) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(rows));
  std::iota(order.begin(), order.end(), 0);
  const auto key = [&](std::int64_t i) {
    return std::pair(i / group, random_words(seed, Stream::order, static_cast<std::uint64_t>(i % group), 0)[0]);
  };
  std::sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) { return key(a) < key(b); });
  return order;
}

template <class T>
double relative_difference(const Matrix<T>& a, const Matrix<T>& b) {
  double difference = 0, largest = 0;
  for (std::int64_t i = 0; i < a.size(); ++i) {
    difference = std::max(difference, std::abs(static_cast<double>(a.data()[i]) - static_cast<double>(b.data()[i])));
    largest = std::max(largest, std::abs(static_cast<double>(b.data()[i])));
  }
  return difference / largest;
}

// Rotating and reordering rounds every component once, which moves a score s by about 2 u |q| |k|; the
// softmax doubles it, and sums over m keys add u sqrt(m). 16: both sides, and four standard deviations.
template <class T>
double rounding_bound(const Instance<T>& instance, const Case& c) {
  const auto longest = [](const Matrix<T>& rows) {
    double square = 0;
    for (std::int64_t i = 0; i < rows.rows(); ++i) {
      square = std::max(square, std::inner_product(rows.row(i), rows.row(i) + rows.cols(), rows.row(i), 0.0));
    }
    return std::sqrt(square);
  };
  const double score = c.heads > 0 ? c.scale * longest(instance.queries) * longest(instance.keys) : 1;
  return 16 * unit_roundoff(c.precision) * (4 * score + std::sqrt(static_cast<double>(c.m)) + 8);
}

template <class T>
class Checker {
 public:
  Checker(const Case& c, const Communicator& comm, const Threads& threads)
      : c_(c),
        comm_(comm),
        threads_(threads),
        instance_(load_instance<T>(c, comm)),
        output_(evaluate(instance_, c, comm, threads)) {}

  SymmetryCheck check(Symmetry symmetry) const {
    return {symmetry, should_keep(c_, symmetry), error_of(symmetry), rounding_bound(instance_, c_)};
  }

 private:
  double error_of(Symmetry symmetry) const {
    switch (symmetry) {
      case Symmetry::orthogonal: return rotation_error(1);
      case Symmetry::orthogonal_by_head: return rotation_error(c_.kv_heads);
      case Symmetry::knowledge_permutation: {
        const auto order = random_order(c_.m, c_.m, c_.seed);
        return difference({permuted(instance_.keys, order), permuted(instance_.values, order), copy(instance_.queries)},
                          output_);
      }
      case Symmetry::sequence_permutation: {
        const auto order = random_order(c_.batch * c_.n, c_.n, c_.seed);
        return difference({copy(instance_.keys), copy(instance_.values), permuted(instance_.queries, order)},
                          permuted(output_, order));
      }
    }
    return 0;
  }

  // The largest error of four draws, one matrix for each of `blocks` blocks of the knowledge's columns.
  double rotation_error(std::int64_t blocks) const {
    double error = 0;
    for (std::int64_t draw = 0; draw < 4; ++draw) {
      // One matrix on all columns of the knowledge; queries, which are wider with GQA, take it block by block.
      const std::int64_t size = blocks == 1 ? instance_.keys.cols() : c_.head_dim();
      std::vector<Matrix<double>> matrices;
      for (std::int64_t g = 0; g < blocks; ++g) matrices.push_back(haar(size, c_.seed, draw + 4 * g));
      const std::int64_t query_blocks = c_.d / size, group = std::max<std::int64_t>(query_blocks / blocks, 1);
      const auto for_knowledge = [&](std::int64_t g) -> const Matrix<double>& {
        return matrices[static_cast<std::size_t>(g)];
      };
      const auto for_queries = [&](std::int64_t g) -> const Matrix<double>& {
        return matrices[static_cast<std::size_t>(g / group)];
      };
      error =
          std::max(error, difference({rotated(instance_.keys, for_knowledge), rotated(instance_.values, for_knowledge),
                                      rotated(instance_.queries, for_queries)},
                                     rotated(output_, for_queries)));
    }
    return error;
  }

  double difference(const Instance<T>& moved, const Matrix<T>& expected) const {
    return relative_difference(evaluate(moved, c_, comm_, threads_), expected);
  }

  static Matrix<T> copy(const Matrix<T>& matrix) {
    Matrix<T> out(matrix.rows(), matrix.cols());
    std::copy_n(matrix.data(), matrix.size(), out.data());
    return out;
  }

  const Case& c_;
  const Communicator& comm_;
  const Threads& threads_;
  Instance<T> instance_;
  Matrix<T> output_;
};

}  // namespace

std::string name_of(Symmetry symmetry) {
  switch (symmetry) {
    case Symmetry::orthogonal: return "O(d)";
    case Symmetry::orthogonal_by_head: return "O(d_h) by head";
    case Symmetry::knowledge_permutation: return "permuted knowledge";
    case Symmetry::sequence_permutation: return "permuted sequence";
  }
  return "";
}

bool SymmetryCheck::passed() const { return should_keep ? error <= bound : error > 1000 * bound; }

template <class T>
std::vector<SymmetryCheck> check_symmetries(const Case& c, const Communicator& comm, const Threads& threads) {
  const Checker<T> checker(c, comm, threads);
  std::vector<SymmetryCheck> checks;
  for (const Symmetry symmetry : {Symmetry::orthogonal, Symmetry::orthogonal_by_head, Symmetry::knowledge_permutation,
                                  Symmetry::sequence_permutation}) {
    if (symmetry == Symmetry::orthogonal_by_head && c.heads == 0) continue;
    checks.push_back(checker.check(symmetry));
  }
  return checks;
}

template std::vector<SymmetryCheck> check_symmetries<float>(const Case&, const Communicator&, const Threads&);
template std::vector<SymmetryCheck> check_symmetries<double>(const Case&, const Communicator&, const Threads&);

}  // namespace knowscale

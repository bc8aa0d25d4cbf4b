// SPDX-License-Identifier: BSD-3-Clause
#include "truth/symmetry.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <utility>
#include <vector>

#include "core/random.hpp"
#include "kernels/threads.hpp"
#include "problem/sequence.hpp"
#include "problem/weights.hpp"
#include "truth/orthogonal.hpp"

namespace knowscale {
namespace {

// The whole problem on every rank.
template <class T>
struct Instance {
  Matrix<T> keys, values, queries;
};

template <class T>
Matrix<T> copy(const Matrix<T>& matrix) {
  Matrix<T> out(matrix.rows(), matrix.cols());
  std::copy_n(matrix.data(), matrix.size(), out.data());
  return out;
}

template <class T>
Instance<T> load_instance(const Case& c, const Communicator& comm) {
  const Communicator alone = comm.split(comm.rank());
  Case whole = c;
  whole.ranks = 1;
  whole.sequence = Placement::replicated;
  whole.precision = unscaled(c.precision);  // quantised when they have been moved
  whole.exact = false;
  const KnowledgeShard<T> all = load_knowledge<T>(whole, alone);
  Instance<T> instance;
  instance.keys = c.m == 0 ? Matrix<T>() : copy(all.keys);
  instance.values = copy(all.has_separate_values() ? all.separate_values : all.keys);
  instance.queries = load_queries<T>(whole, alone);
  return instance;
}

template <class T>
Matrix<T> rows_of(const Matrix<T>& all, RowRange range) {
  Matrix<T> rows(range.size(), all.cols());
  std::copy_n(all.row(range.begin), rows.size(), rows.data());
  return rows;
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
  for (std::int64_t i = 0; i < rows.rows(); ++i) {
    std::copy_n(rows.row(order[static_cast<std::size_t>(i)]), rows.cols(), out.row(i));
  }
  return out;
}

// The rows of every range shuffled among themselves, by sorting random words.
std::vector<std::int64_t> random_order(const std::vector<RowRange>& ranges, std::uint64_t seed) {
  std::vector<std::int64_t> order;
  for (const RowRange& range : ranges) {
    const auto first = static_cast<std::ptrdiff_t>(order.size());
    for (std::int64_t i = range.begin; i < range.end; ++i) order.push_back(i);
    std::sort(order.begin() + first, order.end(), [&](std::int64_t a, std::int64_t b) {
      const auto word = [&](std::int64_t i) {
        return random_words(seed, Draw::order, static_cast<std::uint64_t>(i), 0)[0];
      };
      return word(a) < word(b);
    });
  }
  return order;
}

template <class T>
Matrix<T> multiplied(const Matrix<T>& rows, double factor) {
  Matrix<T> out(rows.rows(), rows.cols());
  std::transform(rows.data(), rows.data() + rows.size(), out.data(),
                 [&](T x) { return static_cast<T>(factor * static_cast<double>(x)); });
  return out;
}

// Components moved on by one and negated: other vectors of the same lengths.
template <class T>
Matrix<T> turned(const Matrix<T>& rows) {
  Matrix<T> out(rows.rows(), rows.cols());
  for (std::int64_t i = 0; i < rows.rows(); ++i) {
    for (std::int64_t j = 0; j < rows.cols(); ++j) {
      out(i, j) = static_cast<T>(-static_cast<double>(rows(i, (j + 1) % rows.cols())));
    }
  }
  return out;
}

// The keys with the first token added to each: its own scores grow by |x|^2, which no other keys could make up for.
template <class T>
Matrix<T> shifted(const Instance<T>& instance, const Case& c) {
  const std::int64_t columns_a_key_head = c.d / std::max<std::int64_t>(instance.keys.cols() / c.head_dim(), 1);
  Matrix<T> out(instance.keys.rows(), instance.keys.cols());
  for (std::int64_t i = 0; i < out.rows(); ++i) {
    for (std::int64_t j = 0; j < out.cols(); ++j) {
      const std::int64_t column = j / c.head_dim() * columns_a_key_head + j % c.head_dim();
      out(i, j) =
          static_cast<T>(static_cast<double>(instance.keys(i, j)) + static_cast<double>(instance.queries(0, column)));
    }
  }
  return out;
}

template <class L>
double relative_difference(const Matrix<L>& a, const Matrix<L>& b) {
  double difference = 0, largest = 0;
  for (std::int64_t i = 0; i < a.size(); ++i) {
    const double off = std::abs(static_cast<double>(a.data()[i]) - static_cast<double>(b.data()[i]));
    difference = std::isnan(off) ? std::numeric_limits<double>::infinity() : std::max(difference, off);
    largest = std::max(largest, std::abs(static_cast<double>(b.data()[i])));
  }
  return difference == 0 ? 0 : difference / largest;  // of zeros, too
}

template <class T>
double longest(const Matrix<T>& rows) {
  double square = 0;
  for (std::int64_t i = 0; i < rows.rows(); ++i) {
    double sum = 0;
    for (std::int64_t j = 0; j < rows.cols(); ++j) {
      sum += static_cast<double>(rows(i, j)) * static_cast<double>(rows(i, j));
    }
    square = std::max(square, sum);
  }
  return std::sqrt(square);
}

// Frobenius norm of the metric of `moment`, (1/m) sum_k k k^T / (1 + |k|^2 / d_h), of the head where it is largest: it
// stretches no token by more.
template <class T>
double metric_norm(const Matrix<T>& keys, const Case& c) {
  double largest = 0;
  const std::int64_t width = c.head_dim();
  for (std::int64_t first = 0; first < c.kv_heads * width; first += width) {
    const auto dot = [&](std::int64_t k, std::int64_t l) {
      double sum = 0;
      for (std::int64_t j = first; j < first + width; ++j) {
        sum += static_cast<double>(keys(k, j)) * static_cast<double>(keys(l, j));
      }
      return sum;
    };
    double square = 0;
    for (std::int64_t k = 0; k < keys.rows(); ++k) {
      for (std::int64_t l = 0; l < keys.rows(); ++l) {
        const double d_h = static_cast<double>(width), both = dot(k, l);
        square += both * both / ((1 + dot(k, k) / d_h) * (1 + dot(l, l) / d_h));
      }
    }
    largest = std::max(largest, std::sqrt(square) / static_cast<double>(keys.rows()));
  }
  return largest;
}

// Rotating and reordering rounds every component once, which moves a score s by about 2 u |q| |k|; the softmax doubles
// it, and sums over m keys, and n tokens where they are keys, add u times the root. 16: both sides, and four standard
// deviations. Projections keep the length of a vector, give or take. Weights of bf16 are rounded on both sides, and so
// are factors where a kernel rounds them: half of what they could do at worst, as their roundings are not of one sign.
template <class T>
double rounding_bound(const Instance<T>& instance, const Case& c, const Structure& structure,
                      const Roundings& roundings) {
  const double query = longest(instance.queries), key = longest(instance.keys);
  double score = 0;
  for (const Softmax& softmax : structure.all()) {
    const double stretch = structure.moments > 0 && softmax.sequence ? metric_norm(instance.keys, c) : 1;
    if (softmax.sequence) score = std::max(score, c.scale * query * query * stretch);
    if (softmax.knowledge) score = std::max(score, c.scale * query * key);
  }
  const double rows = static_cast<double>(c.m + (structure.sees_sequence() ? c.n : 0));
  return 16 * unit_roundoff(c.precision) * (4 * score + std::sqrt(rows) + 8) +
         4 * (weight_roundoff(c.precision) + roundings.weights) + roundings.factors * (2 * score + 2);
}

template <class T>
class Checker {
  using A = Accumulator<T>;

 public:
  Checker(const Case& c, const Communicator& comm, const Threads& threads, const Model& model, const Backend& backend)
      : c_(c),
        comm_(comm),
        threads_(threads),
        model_(model),
        backend_(backend),
        instance_(load_instance<T>(c, comm)),
        output_(evaluate(instance_)) {}

  bool applies(Symmetry symmetry) const {
    const Structure& structure = model_.structure;
    switch (symmetry) {
      // One key/value head for several: the same as by head, where the knowledge has no more columns than that.
      case Symmetry::orthogonal: return c_.heads <= 1 || c_.kv_heads > 1 || instance_.keys.cols() == 0 || c_.projected;
      case Symmetry::orthogonal_by_head: return structure.heads;
      case Symmetry::knowledge_permutation: return structure.reads_knowledge();
      case Symmetry::key_shift: return structure.reads_knowledge() && !coarse();
      case Symmetry::ranks: return comm_.size() > 1;
      case Symmetry::tiles: return structure.attends() && backend_.kernel->tiled;
      default: return true;
    }
  }

  // Which round nothing: absmax quantisation of a head goes with them, too.
  bool exact_rotations() const { return sizeof(T) == 2 || in_bytes(c_.precision); }
  // What rounds as 16 bits do leaves little room between kept and broken.
  bool coarse() const { return exact_rotations() || roundings_of(c_.kernel, precision_of<T>).factors > 0x1p-16; }

  SymmetryCheck check(Symmetry symmetry) const {
    const Structure& structure = model_.structure;
    const Roundings roundings = roundings_of(c_.kernel, precision_of<T>);
    const double bound = symmetry == Symmetry::key_shift ? rounding_bound(shifted_instance(), c_, structure, roundings)
                                                         : rounding_bound(instance_, c_, structure, roundings);
    const bool keep = should_keep(c_, symmetry);
    SymmetryCheck check = {symmetry, keep, error_of(symmetry), bound};
    if (coarse()) check.far = 5, check.clear = 20;
    if (!keep && !check.broken()) check.shown = change_shown(symmetry);
    return check;
  }

 private:
  // The model's whole output on every rank.
  Matrix<A> evaluate(const Instance<T>& instance) const { return evaluate(instance, c_, comm_, threads_); }
  Matrix<A> evaluate(const Instance<T>& instance, const Case& c, const Communicator& comm,
                     const Threads& threads) const {
    KnowledgeShard<T> shard;
    shard.rows = shard_range(c.m, comm.size(), c.shard_granule(), comm.rank());
    shard.keys = rows_of(instance.keys, shard.rows);
    shard.separate_values = rows_of(instance.values, shard.rows);
    Matrix<T> queries = copy(instance.queries);
    if (c.sequence == Placement::sharded) {
      const RowRange held = c.token_shard(comm.rank());
      const T nobodys = static_cast<T>(std::numeric_limits<float>::quiet_NaN());
      std::fill(queries.row(0), queries.row(held.begin), nobodys);
      std::fill(queries.row(held.end), queries.row(queries.rows()), nobodys);
    }
    if constexpr (std::is_same_v<T, float>) {
      if (in_bytes(c.precision)) shard = quantised(c, std::move(shard), threads);
    }
    const Problem<T> problem = {c, shard, queries.view(), comm, threads};
    const auto prepared = model_.prepare(problem, backend_);
    prepared->run();
    const Output<A> output = prepared->output();

    // Sharded outputs tile the rows, replicated ones are whole everywhere.
    const bool replicated = comm.allreduce(output.rows.size(), Combine::sum) == c.tokens() * comm.size();
    Matrix<A> all(c.tokens(), c.d);
    std::fill_n(all.data(), all.size(), A{0});
    if (!replicated || comm.is_root()) {
      std::copy_n(output.values.data, output.values.size(), all.row(output.rows.begin));
    }
    comm.allreduce(all.span(), Combine::sum);
    return all;
  }

  double error_of(Symmetry symmetry) const {
    switch (symmetry) {
      case Symmetry::orthogonal: return rotation_error(1, instance_.keys.cols() > 0 ? instance_.keys.cols() : c_.d);
      case Symmetry::orthogonal_by_head: return rotation_error(c_.kv_heads, c_.head_dim());
      case Symmetry::knowledge_permutation: {
        const auto order = random_order({{0, c_.m}}, c_.seed);
        return difference({permuted(instance_.keys, order), permuted(instance_.values, order), copy(instance_.queries)},
                          output_);
      }
      case Symmetry::sequence_permutation: {
        const auto order = random_order(c_.sequences(), c_.seed);
        return difference({copy(instance_.keys), copy(instance_.values), permuted(instance_.queries, order)},
                          permuted(output_, order));
      }
      case Symmetry::ranks: {
        Case alone = c_;
        alone.ranks = 1;
        return relative_difference(evaluate(instance_, alone, comm_.split(comm_.rank()), threads_), output_);
      }
      case Symmetry::threads: {
        Case more = c_;
        more.threads = threads_.count() + 1;
        return relative_difference(evaluate(instance_, more, comm_, Threads(more.threads)), output_);
      }
      case Symmetry::tiles: {
        Case tiled = c_;
        tiled.tiles = {3, 16};
        return relative_difference(evaluate(instance_, tiled, comm_, threads_), output_);
      }
      case Symmetry::scaling: {
        Case colder = c_;
        colder.scale = c_.scale / 4;
        const Instance<T> doubled = {multiplied(instance_.keys, 2), multiplied(instance_.values, 2),
                                     multiplied(instance_.queries, 2)};
        return relative_difference(evaluate(doubled, colder, comm_, threads_), multiplied(output_, 2));
      }
      case Symmetry::key_shift: return difference(shifted_instance(), output_);
    }
    return 0;
  }

  // How much the output changes where what the symmetry moves is something else: the length of the vectors stays.
  double change_shown(Symmetry symmetry) const {
    const bool of_queries = symmetry != Symmetry::knowledge_permutation && symmetry != Symmetry::key_shift;
    const bool of_values = symmetry == Symmetry::knowledge_permutation;
    const auto other = [](const Matrix<T>& rows, bool changes) { return changes ? turned(rows) : copy(rows); };
    return difference(
        {other(instance_.keys, !of_queries), other(instance_.values, of_values), other(instance_.queries, of_queries)},
        output_);
  }

  Instance<T> shifted_instance() const {
    return {shifted(instance_, c_), copy(instance_.values), copy(instance_.queries)};
  }

  // The largest error of four draws, one matrix for each of `blocks` blocks of `size` columns of the knowledge.
  // Queries, which are wider than the knowledge with grouped heads, take it block by block.
  double rotation_error(std::int64_t blocks, std::int64_t size) const {
    double error = 0;
    for (std::int64_t draw = 0; draw < 4; ++draw) {
      std::vector<Matrix<double>> matrices;
      for (std::int64_t g = 0; g < blocks; ++g) {
        matrices.push_back(exact_rotations() ? signed_permutation(size, c_.seed, draw + 4 * g)
                                             : haar(size, c_.seed, draw + 4 * g));
      }
      // Columns of that width fall into these blocks.
      const auto for_width = [&](std::int64_t width) {
        const std::int64_t group = std::max<std::int64_t>(width / size / blocks, 1);
        return [&matrices, group](std::int64_t block) -> const Matrix<double>& {
          return matrices[static_cast<std::size_t>(block / group) % matrices.size()];
        };
      };
      const auto keys = for_width(instance_.keys.cols()), queries = for_width(c_.d);
      error = std::max(error, difference({rotated(instance_.keys, keys), rotated(instance_.values, keys),
                                          rotated(instance_.queries, queries)},
                                         rotated(output_, queries)));
    }
    return error;
  }

  double difference(const Instance<T>& moved, const Matrix<A>& expected) const {
    return relative_difference(evaluate(moved), expected);
  }

  const Case& c_;
  const Communicator& comm_;
  const Threads& threads_;
  const Model& model_;
  Backend backend_;
  Instance<T> instance_;
  Matrix<A> output_;
};

}  // namespace

Case small_for_symmetries(const Case& c) {
  Case small = c;
  small.knowledge = "gaussian";
  small.separate_values = true;
  // Large enough that what should break does: one token cannot change places.
  small.n = std::clamp<std::int64_t>(c.n, 4, 6);
  small.m = c.m == 0 ? 0 : std::clamp<std::int64_t>(c.m, 24, 40);
  small.batch = std::min<std::int64_t>(c.batch, 2);
  small.unequal.clear();
  for (std::int64_t b = 0; b < small.batch && !c.unequal.empty(); ++b) small.unequal.push_back(small.n - b);
  small.hidden = std::min<std::int64_t>(c.hidden, 32);
  small.d = std::max<std::int64_t>(c.heads, 1) * std::min<std::int64_t>(c.head_dim(), 32);
  // Sharper scores would drown what should break in what rounding may do.
  if (c.scale > 0) small.scale = 1 / std::sqrt(static_cast<double>(small.head_dim()));
  if (c.options.chunk > 0) small.options.chunk = std::min<std::int64_t>(c.options.chunk, 8);
  if (small.tokens() < small.ranks) small.sequence = Placement::replicated;
  return small;
}

std::vector<SymmetryCheck> check_symmetries(const Case& c, const Communicator& comm, const Threads& threads,
                                            const Model& model, const Backend& backend) {
  return with_type_of(c.precision, [&]<class T>(T) {
    const Checker<T> checker(c, comm, threads, model, backend);
    std::vector<SymmetryCheck> checks;
    for (std::size_t i = 0; i < kSymmetries; ++i) {
      const auto symmetry = static_cast<Symmetry>(i);
      if (checker.applies(symmetry)) checks.push_back(checker.check(symmetry));
    }
    return checks;
  });
}

std::vector<SymmetryCheck> check_symmetries(const Case& c, const Communicator& comm, const Threads& threads) {
  return check_symmetries(c, comm, threads, model_by_name(c.model), backend_of(c));
}

}  // namespace knowscale

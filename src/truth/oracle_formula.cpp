// SPDX-License-Identifier: BSD-3-Clause
#include "truth/oracle_formula.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "kernels/threads.hpp"
#include "problem/weights.hpp"

namespace knowscale {
namespace {

constexpr std::int64_t kBlock = 1024;  // keys

// From sums of squares to magnitudes; least: of all terms together.
void finish_sizes(Magnified& rows, std::int64_t i, double least) {
  for (std::int64_t j = 0; j < rows.cols(); ++j) {
    rows.size(i, j) = std::abs(rows.value(i, j)) + std::sqrt(rows.size(i, j)) + least;
  }
}

}  // namespace

Magnified product(const Magnified& a, std::int64_t begin, const Magnified& b, double least, const Threads& threads) {
  Magnified out(a.rows(), b.cols());
  threads.parallel_for(a.rows(), [&](std::int64_t i) {
    for (std::int64_t k = 0; k < b.rows(); ++k) {
      const double value = a.value(i, begin + k), size = a.size(i, begin + k);
      for (std::int64_t j = 0; j < b.cols(); ++j) {
        out.value(i, j) += value * b.value(k, j);
        out.size(i, j) += size * b.size(k, j) * (size * b.size(k, j));
      }
    }
    finish_sizes(out, i, least * static_cast<double>(b.rows()));
  });
  return out;
}

namespace {

template <class T>
Magnified widened(MatrixView<const T> rows) {
  Magnified out(rows.rows, rows.cols);
  for (std::int64_t i = 0; i < rows.rows; ++i) {
    for (std::int64_t j = 0; j < rows.cols; ++j) {
      out.value(i, j) = static_cast<double>(rows(i, j));
      out.size(i, j) = std::abs(out.value(i, j));
    }
  }
  return out;
}

Magnified magnified(const Matrix<double>& rows) { return widened(rows.view()); }

void put(const Magnified& from, Magnified& to, std::int64_t column) {
  for (std::int64_t i = 0; i < from.rows(); ++i) {
    std::copy_n(from.value.row(i), from.cols(), to.value.row(i) + column);
    std::copy_n(from.size.row(i), from.cols(), to.size.row(i) + column);
  }
}

Magnified copied(const Magnified& rows) {
  Magnified out(rows.rows(), rows.cols());
  put(rows, out, 0);
  return out;
}

Magnified selected(const Magnified& all, const std::vector<std::int64_t>& rows) {
  Magnified out(static_cast<std::int64_t>(rows.size()), all.cols());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    std::copy_n(all.value.row(rows[i]), all.cols(), out.value.row(static_cast<std::int64_t>(i)));
    std::copy_n(all.size.row(rows[i]), all.cols(), out.size.row(static_cast<std::int64_t>(i)));
  }
  return out;
}

// Makes the parts of one model's formula.
template <class T>
class Maker {
 public:
  Maker(const Problem<T>& problem, const std::vector<std::int64_t>& sampled)
      : problem_(problem), c_(problem.c), sampled_(sampled) {
    // All of them where tokens are keys or lie elsewhere; else the sampled ones alone.
    const bool all = model_by_name(c_.model).structure.sees_sequence();
    if (all || c_.sequence == Placement::sharded) {
      Magnified tokens = magnified(tokens_on_every_rank(problem));
      asking_ = selected(tokens, sampled);
      if (all) tokens_ = std::move(tokens);
      return;
    }
    asking_ = Magnified(samples(), c_.d);
    for (std::int64_t s = 0; s < samples(); ++s) {
      const T* row = problem.queries.row(sampled[static_cast<std::size_t>(s)]);
      for (std::int64_t j = 0; j < c_.d; ++j) {
        asking_.value(s, j) = static_cast<double>(row[j]);
        asking_.size(s, j) = std::abs(asking_.value(s, j));
      }
    }
  }

  ModelFormula knowledge() { return of_one(over_knowledge()); }
  ModelFormula self() { return of_one(over_tokens()); }

  ModelFormula joint() {
    SoftmaxFormula both = over_tokens(), other = over_knowledge();
    both.over_knowledge = true;
    both.knowledge_queries = std::move(other.knowledge_queries);
    return of_one(std::move(both));
  }

  ModelFormula moment() {
    ModelFormula formula = of_one(in_moments());
    formula.chain = moment_roundings() + 2 * std::sqrt(static_cast<double>(c_.head_dim()));
    return formula;
  }

  ModelFormula equivariant() {
    ModelFormula formula = moment();
    formula.softmaxes.push_back(over_knowledge());
    return formula;
  }

  ModelFormula linear() {
    ModelFormula formula;
    formula.plain = by_head(asking_, moments(false, [](double) { return 1.0; }));
    formula.chain = moment_roundings() + std::sqrt(static_cast<double>(c_.head_dim()));
    return formula;
  }

  ModelFormula transformer() {
    using A = Accumulator<T>;
    const std::int64_t kv_width = c_.kv_heads * c_.head_dim();
    const ProjectionWeights<A> weights = make_projection_weights<A>(c_.seed, c_.d, kv_width);
    const Magnified query = widened<A>(weights.query.view()), key = widened<A>(weights.key.view()),
                    value = widened<A>(weights.value.view());
    SoftmaxFormula sequence, knowledge;
    sequence.over_tokens = knowledge.over_knowledge = true;
    sequence.mapped = knowledge.mapped = true;
    sequence.token_queries = times(asking_, 0, query);
    sequence.token_keys = times(tokens_, 0, key);
    sequence.token_values = times(tokens_, 0, value);
    // (W_Q^T x)_h . (W_K^T k)_g = (W_K,g (W_Q^T x)_h) . k: the knowledge is asked as it is.
    knowledge.own_columns = false;
    knowledge.knowledge_queries = Magnified(samples() * c_.heads, c_.d);
    for (std::int64_t s = 0; s < samples(); ++s) {
      for (std::int64_t h = 0; h < c_.heads; ++h) {
        for (std::int64_t i = 0; i < c_.d; ++i) {
          double& to = knowledge.knowledge_queries.value(s * c_.heads + h, i);
          double& size = knowledge.knowledge_queries.size(s * c_.heads + h, i);
          for (std::int64_t j = 0; j < c_.head_dim(); ++j) {
            const std::int64_t column = h * c_.head_dim() + j, of_key = group_of(h) * c_.head_dim() + j;
            const double term = key.size(i, of_key) * sequence.token_queries.size(s, column);
            to += key.value(i, of_key) * sequence.token_queries.value(s, column);
            size += term * term;
          }
        }
        finish_sizes(knowledge.knowledge_queries, s * c_.heads + h, least_ * static_cast<double>(c_.head_dim()));
      }
    }
    for (std::int64_t g = 0; g < c_.kv_heads; ++g) knowledge.value_map.push_back(columns(value, g));
    ModelFormula formula = of_one(std::move(sequence));
    formula.softmaxes.push_back(std::move(knowledge));
    formula.output_map = widened<A>(weights.output.view());
    formula.chain = 3 * std::sqrt(static_cast<double>(c_.d)) + 8;
    return formula;
  }

 private:
  static ModelFormula of_one(SoftmaxFormula softmax) {
    ModelFormula formula;
    formula.softmaxes.push_back(std::move(softmax));
    return formula;
  }
  Magnified times(const Magnified& a, std::int64_t begin, const Magnified& b) const {
    return product(a, begin, b, least_, problem_.threads);
  }
  std::int64_t samples() const { return static_cast<std::int64_t>(sampled_.size()); }
  std::int64_t group_of(std::int64_t head) const { return head * c_.kv_heads / c_.heads; }

  // Means over the heads of a group, rounded as the model stores them: in its format where they go straight to the
  // softmax, else in that of its sums.
  template <class Stored>
  Magnified pooled() const {
    const std::int64_t group = c_.heads / c_.kv_heads, width = c_.head_dim();
    Magnified out(tokens_.rows(), c_.kv_heads * width);
    for (std::int64_t i = 0; i < out.rows(); ++i) {
      for (std::int64_t column = 0; column < out.cols(); ++column) {
        double sum = 0, size = 0;
        for (std::int64_t j = 0; j < group; ++j) {
          const std::int64_t from = (column / width * group + j) * width + column % width;
          sum += tokens_.value(i, from);
          size += tokens_.size(i, from);
        }
        out.value(i, column) =
            group == 1 ? sum : static_cast<double>(static_cast<Stored>(sum / static_cast<double>(group)));
        out.size(i, column) = size / static_cast<double>(group);
      }
    }
    return out;
  }

  SoftmaxFormula over_tokens() const {
    SoftmaxFormula softmax;
    softmax.over_tokens = true;
    softmax.token_queries = copied(asking_);
    softmax.token_keys = pooled<T>();
    softmax.token_values = pooled<T>();
    return softmax;
  }

  SoftmaxFormula over_knowledge() const {
    SoftmaxFormula softmax;
    softmax.over_knowledge = true;
    softmax.knowledge_queries = Magnified(samples() * c_.heads, c_.head_dim());
    for (std::int64_t s = 0; s < samples(); ++s) {
      for (std::int64_t h = 0; h < c_.heads; ++h) {
        const std::int64_t row = s * c_.heads + h;
        std::copy_n(asking_.value.row(s) + h * c_.head_dim(), c_.head_dim(), softmax.knowledge_queries.value.row(row));
        std::copy_n(asking_.size.row(s) + h * c_.head_dim(), c_.head_dim(), softmax.knowledge_queries.size.row(row));
      }
    }
    return softmax;
  }

  SoftmaxFormula in_moments() const {
    const auto d_h = static_cast<double>(c_.head_dim());
    const auto metric = moments(true, [&](double square) { return 1 / (1 + square / d_h); });
    const auto map = moments(false, [&](double square) { return 1 / std::sqrt(1 + square / d_h); });
    SoftmaxFormula softmax;
    softmax.over_tokens = softmax.mapped = true;
    softmax.token_queries = by_head(asking_, metric);
    softmax.token_keys = pooled<Accumulator<T>>();
    softmax.token_values = Magnified(tokens_.rows(), softmax.token_keys.cols());
    for (std::int64_t g = 0; g < c_.kv_heads; ++g) {
      put(times(softmax.token_keys, g * c_.head_dim(), map[static_cast<std::size_t>(g)]), softmax.token_values,
          g * c_.head_dim());
    }
    return softmax;
  }

  // Each head's columns times the matrix of its key/value head.
  Magnified by_head(const Magnified& rows, const std::vector<Magnified>& matrices) const {
    Magnified out(rows.rows(), rows.cols());
    for (std::int64_t h = 0; h < c_.heads; ++h) {
      put(times(rows, h * c_.head_dim(), matrices[static_cast<std::size_t>(group_of(h))]), out, h * c_.head_dim());
    }
    return out;
  }

  Magnified columns(const Magnified& all, std::int64_t head) const {
    Magnified out(all.rows(), c_.head_dim());
    for (std::int64_t i = 0; i < all.rows(); ++i) {
      std::copy_n(all.value.row(i) + head * c_.head_dim(), c_.head_dim(), out.value.row(i));
      std::copy_n(all.size.row(i) + head * c_.head_dim(), c_.head_dim(), out.size.row(i));
    }
    return out;
  }

  // Mean over all ranks' knowledge of w(|k|^2) k k^T, or k v^T, of each key/value head.
  template <class Weight>
  std::vector<Magnified> moments(bool of_keys, const Weight& weight) const {
    std::vector<Magnified> all;
    const std::int64_t width = c_.head_dim();
    const MatrixView<const T> keys = problem_.knowledge.keys.view();
    const MatrixView<const T> others = of_keys ? keys : problem_.knowledge.values();
    std::vector<double> weights(static_cast<std::size_t>(keys.rows));
    for (std::int64_t g = 0; g < c_.kv_heads; ++g) {
      for (std::int64_t k = 0; k < keys.rows; ++k) {
        const T* key = keys.row(k) + g * width;
        double square = 0;
        for (std::int64_t i = 0; i < width; ++i) square += static_cast<double>(key[i]) * static_cast<double>(key[i]);
        weights[static_cast<std::size_t>(k)] = weight(square);
      }
      Magnified moment(width, width);
      problem_.threads.parallel_for(width, [&](std::int64_t i) {
        // Blocks first, so that the oracle's own sums stay exact enough at large m.
        std::vector<double> values(static_cast<std::size_t>(width)), squares(values.size());
        for (std::int64_t begin = 0; begin < keys.rows; begin += kBlock) {
          std::fill(values.begin(), values.end(), 0.0);
          std::fill(squares.begin(), squares.end(), 0.0);
          for (std::int64_t k = begin; k < std::min(begin + kBlock, keys.rows); ++k) {
            const double left = weights[static_cast<std::size_t>(k)] * static_cast<double>(keys(k, g * width + i));
            const T* other = others.row(k) + g * width;
            for (std::size_t j = 0; j < values.size(); ++j) {
              const double term = left * static_cast<double>(other[j]);
              values[j] += term;
              squares[j] += term * term;
            }
          }
          for (std::int64_t j = 0; j < width; ++j) {
            moment.value(i, j) += values[static_cast<std::size_t>(j)];
            moment.size(i, j) += squares[static_cast<std::size_t>(j)];
          }
        }
      });
      problem_.comm.allreduce(moment.value.span(), Combine::sum);
      problem_.comm.allreduce(moment.size.span(), Combine::sum);
      for (std::int64_t i = 0; i < width; ++i) {
        finish_sizes(moment, i, least_ * static_cast<double>(c_.m));
        for (std::int64_t j = 0; j < width; ++j) {
          moment.value(i, j) /= static_cast<double>(c_.m);
          moment.size(i, j) /= static_cast<double>(c_.m);
        }
      }
      all.push_back(std::move(moment));
    }
    return all;
  }

  // A sum over m keys by blocks, threads and ranks, four standard deviations; its weights.
  double moment_roundings() const {
    const auto m = static_cast<double>(c_.m);
    return 4 * (std::sqrt(std::min(m, double{kBlock})) + std::sqrt(m / kBlock) + std::log2(c_.ranks)) +
           std::sqrt(static_cast<double>(c_.head_dim())) + 8;
  }

  const Problem<T>& problem_;
  const Case& c_;
  const std::vector<std::int64_t>& sampled_;
  const double least_ = least_magnitude(c_.precision);
  Magnified asking_;  // the sampled tokens
  Magnified tokens_;  // all, where they are keys
};

}  // namespace

Magnified::Magnified(std::int64_t rows, std::int64_t cols) : value(rows, cols), size(rows, cols) {
  std::fill_n(value.data(), value.size(), 0.0);
  std::fill_n(size.data(), size.size(), 0.0);
}

template <class T>
Matrix<double> tokens_on_every_rank(const Problem<T>& problem) {
  const Case& c = problem.c;
  Matrix<double> all(c.tokens(), c.d);
  std::fill_n(all.data(), all.size(), 0.0);
  const bool sharded = c.sequence == Placement::sharded;
  const RowRange held = sharded ? c.token_shard(problem.comm.rank()) : RowRange{0, c.tokens()};
  for (std::int64_t i = held.begin; i < held.end; ++i) std::copy_n(problem.queries.row(i), c.d, all.row(i));
  if (sharded) problem.comm.allreduce(all.span(), Combine::sum);
  return all;
}

template <class T>
ModelFormula formula_of(const Problem<T>& problem, const std::vector<std::int64_t>& sampled) {
  struct Entry {
    std::string_view name;
    ModelFormula (Maker<T>::*make)();
  };
  constexpr Entry table[] = {
      {"knowledge", &Maker<T>::knowledge},    {"self", &Maker<T>::self},     {"joint", &Maker<T>::joint},
      {"moment", &Maker<T>::moment},          {"linear", &Maker<T>::linear}, {"equivariant", &Maker<T>::equivariant},
      {"transformer", &Maker<T>::transformer}};
  Maker<T> maker(problem, sampled);
  for (const Entry& entry : table) {
    if (entry.name == problem.c.model) return (maker.*entry.make)();
  }
  throw Error(ExitStatus::usage, "the oracle has no formula for model " + problem.c.model);
}

template Matrix<double> tokens_on_every_rank(const Problem<float>&);
template ModelFormula formula_of(const Problem<float>&, const std::vector<std::int64_t>&);
template Matrix<double> tokens_on_every_rank(const Problem<double>&);
template ModelFormula formula_of(const Problem<double>&, const std::vector<std::int64_t>&);
template Matrix<double> tokens_on_every_rank(const Problem<Bf16>&);
template ModelFormula formula_of(const Problem<Bf16>&, const std::vector<std::int64_t>&);
template Matrix<double> tokens_on_every_rank(const Problem<F16>&);
template ModelFormula formula_of(const Problem<F16>&, const std::vector<std::int64_t>&);

}  // namespace knowscale

// SPDX-License-Identifier: BSD-3-Clause
#include "problem/synthetic.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/random.hpp"

namespace knowscale {
namespace {

constexpr std::int64_t kCentres = 64;
constexpr double kClusterSpread = 0.1;
constexpr double kLargeScore = 1e5;
// A dominating key stands out along the ones vector, on which queries have a mean of 1: its score is about
// b * kDominance * head_dim, hundreds above the others'.
constexpr double kDominance = 100;

void gaussian(const Case& c, std::int64_t row, std::span<double> out) { fill_normal(c.seed, Draw::keys, row, out); }

void sphere(const Case& c, std::int64_t row, std::span<double> out) {
  gaussian(c, row, out);
  const auto width = static_cast<std::size_t>(c.head_dim());
  for (std::size_t begin = 0; begin < out.size(); begin += width) {
    const std::span<double> head = out.subspan(begin, width);
    double square = 0;
    for (const double x : head) square += x * x;
    for (double& x : head) x /= std::sqrt(square);
  }
}

void clustered(const Case& c, std::int64_t row, std::span<double> out) {
  const std::uint64_t word = random_words(c.seed, Draw::membership, static_cast<std::uint64_t>(row), 0)[0];
  std::vector<double> centre(out.size());
  fill_normal(c.seed, Draw::centres, static_cast<std::int64_t>(word % kCentres), centre);
  gaussian(c, row, out);
  for (std::size_t j = 0; j < out.size(); ++j) out[j] = centre[j] + kClusterSpread * out[j];
}

void dominating(const Case& c, std::int64_t row, std::span<double> out) {
  const std::uint64_t word = random_words(c.seed, Draw::membership, 0, 0)[0];
  const auto chosen = static_cast<std::int64_t>(word % static_cast<std::uint64_t>(c.m));
  if (row == chosen) {
    std::fill(out.begin(), out.end(), kDominance);
  } else {
    gaussian(c, row, out);
  }
}

void large_scores(const Case& c, std::int64_t row, std::span<double> out) {
  gaussian(c, row, out);
  for (double& x : out) x *= kLargeScore;
}

struct Generator {
  std::string_view name;
  void (*key_row)(const Case&, std::int64_t, std::span<double>);
  double query_mean;
};

constexpr std::array<Generator, 5> kGenerators = {{
    {"gaussian", gaussian, 0},
    {"sphere", sphere, 0},
    {"clustered", clustered, 0},
    {"dominating", dominating, 1},
    {"large_scores", large_scores, 0},
}};

const Generator& generator_of(std::string_view name) {
  return *std::find_if(kGenerators.begin(), kGenerators.end(), [&](const Generator& g) { return g.name == name; });
}

}  // namespace

std::vector<std::string> generator_names() {
  std::vector<std::string> names;
  for (const Generator& generator : kGenerators) names.emplace_back(generator.name);
  return names;
}

bool is_generator(std::string_view name) {
  return std::any_of(kGenerators.begin(), kGenerators.end(), [&](const Generator& g) { return g.name == name; });
}

void fill_key_row(const Case& c, std::int64_t row, std::span<double> out) {
  generator_of(c.knowledge).key_row(c, row, out);
}

void fill_value_row(const Case& c, std::int64_t row, std::span<double> out) {
  fill_normal(c.seed, Draw::values, row, out);
}

void fill_query_row(const Case& c, std::int64_t row, std::span<double> out) {
  const double mean = is_generator(c.knowledge) ? generator_of(c.knowledge).query_mean : 0;
  fill_normal(c.seed, Draw::queries, row, out);
  for (double& x : out) x += mean;
}

}  // namespace knowscale

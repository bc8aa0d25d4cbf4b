// SPDX-License-Identifier: BSD-3-Clause
// Knowledge and sequences are the same for every rank count, generated and read.
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "problem/knowledge.hpp"
#include "problem/knowledge_file.hpp"
#include "problem/knowledge_texts.hpp"
#include "problem/knowledge_tokens.hpp"
#include "problem/sequence.hpp"
#include "problem/synthetic.hpp"
#include "ranks.hpp"

namespace knowscale {
namespace {

const std::string kSample = std::string(KNOWSCALE_SOURCE_DIR) + "/data/wordnet-sample.h5";

Case file_case(const Communicator& comm) {
  Case c;
  c.knowledge = kSample;
  c.separate_values = false;
  c.m = 2000;
  c.d = 128;
  c.n = 100;
  c.batch = 3;
  c.ranks = comm.size();
  return c;
}

// All keys on rank 0, from the shards.
template <class T>
Matrix<T> all_keys(const Case& c, const Communicator& comm) {
  const KnowledgeShard<T> shard = load_knowledge<T>(c, comm);
  EXPECT_EQ(shard.rows, row_range(c.m, comm.size(), comm.rank()));
  EXPECT_EQ(shard.keys.rows(), shard.rows.size());
  return comm.gather_rows<T>(shard.keys.view());
}

template <class T>
void expect_same(const Matrix<T>& a, const Matrix<T>& b) {
  ASSERT_EQ(a.rows(), b.rows());
  ASSERT_EQ(a.cols(), b.cols());
  for (std::int64_t i = 0; i < a.size(); ++i) ASSERT_EQ(a.data()[i], b.data()[i]) << i;
}

TEST(Knowledge, ShardsOfAFileMakeUpTheFileForEveryRankCount) {
  Matrix<float> expected;
  for_rank_counts([&](const Communicator& comm) {
    Matrix<float> keys = all_keys<float>(file_case(comm), comm);
    if (comm.size() == 1)
      expected = std::move(keys);
    else if (comm.is_root())
      expect_same(keys, expected);
  });
}

TEST(Knowledge, AFileGivesItsFirstVectorsAndLeadingColumns) {
  for_rank_counts([&](const Communicator& comm) {
    Case c = file_case(comm);
    const Matrix<double> whole = all_keys<double>(c, comm);
    c.m = 3;  // fewer than ranks: some shards are empty
    c.d = 100;
    const Matrix<double> part = all_keys<double>(c, comm);
    if (!comm.is_root()) return;
    ASSERT_EQ(part.rows(), 3);
    for (std::int64_t i = 0; i < 3; ++i) {
      for (std::int64_t j = 0; j < 100; ++j) EXPECT_EQ(part(i, j), whole(i, j));
    }
  });
}

TEST(Knowledge, GeneratedSetsAreTheSameForEveryRankCount) {
  for (const std::string& generator : generator_names()) {
    Matrix<float> expected;
    for_rank_counts([&](const Communicator& comm) {
      Case c = file_case(comm);
      c.knowledge = generator;
      c.m = 61;
      c.d = 12;
      Matrix<float> keys = all_keys<float>(c, comm);
      if (comm.size() == 1)
        expected = std::move(keys);
      else if (comm.is_root())
        expect_same(keys, expected);
    });
  }
}

TEST(Sequences, AreTheTokensOfTheFileInOrderOnEveryRank) {
  for_rank_counts([&](const Communicator& comm) {
    const Case c = file_case(comm);
    const Matrix<float> queries = load_queries<float>(c, comm);
    ASSERT_EQ(queries.rows(), 300);
    Matrix<float> tokens(1, 128);
    read_tokens(kSample, std::vector<std::int64_t>{0}, tokens);
    for (std::int64_t j = 0; j < 128; ++j) EXPECT_EQ(queries(0, j), tokens(0, j));
    // 300 rows are not one token again and again.
    EXPECT_NE(queries(0, 0), queries(1, 0));
    double sum = 0;
    for (const float x : queries.span()) sum += static_cast<double>(x);
    EXPECT_EQ(comm.allreduce(sum, Combine::maximum), sum);
  });
}

TEST(Sequences, StartAgainWhenTheFileRunsOut) {
  const KnowledgeFile file = inspect_knowledge_file(kSample);
  Matrix<double> tokens(file.tokens + 5, 4);
  std::vector<std::int64_t> places(static_cast<std::size_t>(tokens.rows()));
  std::iota(places.begin(), places.end(), 0);
  read_tokens(kSample, places, tokens);
  for (std::int64_t i = 0; i < 5; ++i) EXPECT_EQ(tokens(file.tokens + i, 2), tokens(i, 2));
}

// WordNet's sample begins with sentences of 9, 9, 11, 7 and 8 words.
TEST(Sequences, AreWholeSentencesWhereTheirLengthsAreAskedFor) {
  Case c = file_case(Communicator::world());
  EXPECT_EQ(read_sentence_offsets(kSample, 5), (std::vector<std::int64_t>{0, 9, 18, 29, 36, 44}));
  c.lengths = Lengths::sentences;
  c.batch = 3;
  c.n = 10;
  c.unequal = {9, 9, 10};  // the third is cut
  const Matrix<float> queries = load_queries<float>(c, Communicator::world());
  ASSERT_EQ(queries.rows(), 28);
  Matrix<float> tokens(29, 128);
  std::vector<std::int64_t> places(29);
  std::iota(places.begin(), places.end(), 0);
  read_tokens(kSample, places, tokens);
  for (std::int64_t i = 0; i < 28; ++i) EXPECT_EQ(queries(i, 5), tokens(i, 5)) << i;
  const std::vector<std::string> words = token_words(c);
  ASSERT_EQ(words.size(), 28U);
  EXPECT_EQ(words, read_words(kSample, std::vector<std::int64_t>(places.begin(), places.begin() + 28)));
  EXPECT_EQ(knowledge_labels(c, {0, 2}), (std::vector<std::string>{"entity.n.00001740", "incursion.n.00049344"}));
}

TEST(Sequences, ShardedOnesAreHeldByTheirRankAlone) {
  for_rank_counts([&](const Communicator& comm) {
    Case c = file_case(comm);
    const Matrix<float> all = load_queries<float>(c, comm);
    c.sequence = Placement::sharded;
    const Matrix<float> held = load_queries<float>(c, comm);
    const RowRange own = c.token_shard(comm.rank());
    EXPECT_EQ(own, row_range(c.tokens(), comm.size(), comm.rank()));
    for (std::int64_t i = 0; i < all.rows(); ++i) {
      if (own.begin <= i && i < own.end) {
        EXPECT_EQ(held(i, 3), all(i, 3));
      } else {
        EXPECT_TRUE(std::isnan(held(i, 3)));
      }
    }
  });
}

}  // namespace
}  // namespace knowscale

# SPDX-License-Identifier: BSD-3-Clause
"""Vectors from counts, against dense formulas."""

import embed
import numpy as np
import pytest
from scipy import sparse


def random_association(size: int) -> np.ndarray:
    """Sparse, not symmetric, with distinct singular values."""
    draw = np.random.default_rng(3)
    return draw.random((size, size)) * (draw.random((size, size)) < 0.3)


def cosines(vectors: np.ndarray) -> np.ndarray:
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit @ unit.T


def test_the_vocabulary_has_the_frequent_words_in_order():
    texts = [["b", "a", "c"], ["c", "a", "b", "c"], ["rare"]]
    assert embed.vocabulary(texts, 2) == {"c": 0, "a": 1, "b": 2}


def test_cooccurrence_counts_pairs_within_the_window_of_one_text():
    numbers = {"a": 0, "b": 1, "c": 2}
    counts = embed.cooccurrence([["a", "b", "x", "c"], ["a"]], numbers, 1).toarray()
    assert counts.tolist() == [[0, 1, 0], [1, 0, 1], [0, 1, 0]], "unknown words are left out before counting"
    counts = embed.cooccurrence([["a", "b", "c"], ["a"]], numbers, 2).toarray()
    assert counts.tolist() == [[0, 1, 1], [1, 0, 1], [1, 1, 0]], "no pair of c and the a of the next text"


def test_ppmi_matches_its_formula():
    counts = np.array([[0.0, 4.0, 1.0], [4.0, 2.0, 9.0], [1.0, 9.0, 0.0]])
    totals = counts.sum(axis=1)
    context = totals**0.75 / (totals**0.75).sum()
    with np.errstate(divide="ignore"):
        information = np.log((counts / counts.sum()) / np.outer(totals / totals.sum(), context))
    expected = np.maximum(information, 0)
    assert (expected == 0).sum() > 2 and (expected > 0).any(), "the example has both kinds"
    assert embed.ppmi(sparse.csr_matrix(counts)).toarray() == pytest.approx(expected)


def test_word_vectors_are_those_of_the_dense_decomposition():
    matrix = random_association(30)
    left, values, _ = np.linalg.svd(matrix)
    vectors = embed.word_vectors(sparse.csr_matrix(matrix), 6)
    assert cosines(vectors) == pytest.approx(cosines(left[:, :6] * np.sqrt(values[:6])))


def test_the_largest_component_of_a_direction_is_positive():
    matrix = random_association(30)
    left, _, _ = np.linalg.svd(matrix)
    vectors = embed.word_vectors(sparse.csr_matrix(matrix), 6)
    largest = np.argmax(np.abs(left[:, :6]), axis=0)
    assert (vectors[largest, np.arange(6)] > 0).all()


def test_a_word_without_association_has_no_vector():
    matrix = random_association(30)
    matrix[7] = 0
    vectors = embed.word_vectors(sparse.csr_matrix(matrix), 6)
    assert not vectors[7].any()
    assert np.linalg.norm(np.delete(vectors, 7, axis=0), axis=1) == pytest.approx(np.sqrt(12))


def test_vectors_have_one_length():
    vectors = embed.with_length(np.diag([1.0, 5.0, 0.1, 0.0]))
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([np.sqrt(8)] * 3 + [0])


def test_a_text_lies_nearest_its_weightiest_and_rarest_word():
    vectors = embed.with_length(np.eye(3))
    weights = sparse.csr_matrix([[3.0, 1.0, 0.0], [1.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    texts = embed.text_vectors(weights, vectors)
    products = texts @ vectors.T
    assert products[1, 2] > products[1, 0] > products[1, 1], "of equal weights the rare word counts more"
    assert texts[2] == pytest.approx(vectors[0])
    assert not texts[3].any(), "no known word"
    assert products[0, 0] / products[0, 1] == pytest.approx(3 * np.log(5 / 4) / np.log(5 / 2))


def test_neighbours_are_the_nearest_others():
    vectors = embed.with_length(np.array([[1.0, 0.0], [1.0, 0.0], [1.0, 0.5], [0.0, 1.0]]))
    embedding = embed.Embedding({"a": 0, "b": 1, "c": 2, "d": 3}, vectors)
    assert embed.neighbours(embedding, "b", 2) == ["a", "c"], "its twin, but not itself"


def test_effective_count_is_the_number_of_equal_keys():
    queries = np.zeros((2 * embed.QUERIES_AT_ONCE + 1, 3))
    assert embed.effective_counts(queries, np.ones((7, 3))) == pytest.approx(np.full(len(queries), 7.0))


def test_effective_count_is_the_exponential_of_the_entropy():
    draw = np.random.default_rng(5)
    queries, keys = draw.normal(size=(4, 9)), draw.normal(size=(20, 9))
    weights = np.exp(queries @ keys.T / 3)
    weights /= weights.sum(axis=1, keepdims=True)
    expected = np.exp(-(weights * np.log(weights)).sum(axis=1))
    assert embed.effective_counts(queries, keys) == pytest.approx(expected)


def test_one_dominating_key_is_attended_alone():
    assert embed.effective_counts(np.array([[1e5]]), np.array([[1.0], [-1.0], [0.0]])) == pytest.approx([1.0])

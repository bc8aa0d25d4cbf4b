# SPDX-License-Identifier: BSD-3-Clause
"""Word and text vectors from counts: PPMI over windowed co-occurrence, then truncated SVD.

Levy, Goldberg & Dagan, "Improving distributional similarity with lessons learned from word embeddings" (TACL 2015):
context distribution smoothed by 0.75, U sqrt(S) as vectors. Every step is deterministic. All vectors have length
sqrt(2 d): a score with b = 1 / sqrt(d) is then 2 sqrt(d) times a cosine. README.md has what other lengths give.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import svds

SMOOTHING = 0.75
LENGTH_SQUARED = 2.0  # of a vector, over its dimension
QUERIES_AT_ONCE = 16  # bounds the memory for scores: 15 MB at 117,659 keys


@dataclass(frozen=True)
class Embedding:
    numbers: dict[str, int]  # of the words, in the order of the rows
    vectors: np.ndarray  # words x dimension, f64

    @property
    def spelling(self) -> list[str]:
        return list(self.numbers)


def vocabulary(texts: Iterable[Sequence[str]], min_count: int) -> dict[str, int]:
    """Words seen at least min_count times, the most frequent first (then by spelling), with their numbers."""
    counts = Counter(word for text in texts for word in text)
    kept = sorted((-count, word) for word, count in counts.items() if count >= min_count)
    return {word: i for i, (_, word) in enumerate(kept)}


def cooccurrence(texts: Iterable[Sequence[str]], numbers: dict[str, int], window: int) -> sparse.csr_matrix:
    """Counts of ordered pairs at most `window` known words apart in one text; symmetric."""
    gap = [-1] * window  # no pair crosses the border of a text
    known = ([numbers[word] for word in text if word in numbers] for text in texts)
    stream = np.array([number for text in known for number in [*text, *gap]], dtype=np.int64)
    shape = (len(numbers), len(numbers))
    total = sparse.csr_matrix(shape)
    for distance in range(1, window + 1):
        left, right = stream[:-distance], stream[distance:]
        met = (left >= 0) & (right >= 0)
        total = total + sparse.coo_matrix((np.ones(int(met.sum())), (left[met], right[met])), shape=shape).tocsr()
    return (total + total.T).tocsr()


def ppmi(counts: sparse.csr_matrix) -> sparse.csr_matrix:
    """max(0, log P(w, c) / (P(w) P_smoothed(c)))."""
    pairs = counts.tocoo()
    word_totals = np.asarray(counts.sum(axis=1)).ravel()
    context = word_totals**SMOOTHING
    context /= context.sum()
    information = np.log(pairs.data / (word_totals[pairs.row] * context[pairs.col]))
    positive = information > 0
    return sparse.csr_matrix((information[positive], (pairs.row[positive], pairs.col[positive])), shape=counts.shape)


def with_length(vectors: np.ndarray) -> np.ndarray:
    """Rows scaled to length sqrt(2 d); rows of zeros stay."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors * (np.sqrt(LENGTH_SQUARED * vectors.shape[1]) / np.where(norms > 0, norms, 1))


def word_vectors(matrix: sparse.csr_matrix, dimension: int) -> np.ndarray:
    """(words x dimension) f64: U sqrt(S) of the leading singular triplets, largest first, rows of one length.

    A word without a positive association has a row of zeros: what rounding leaves there would be scaled up to noise.
    """
    start = np.ones(matrix.shape[0]) / np.sqrt(matrix.shape[0])
    left, values, _ = svds(matrix, k=dimension, v0=start, solver="arpack")
    order = np.argsort(-values)
    left, values = left[:, order], values[order]
    # A singular vector's sign is free: make its largest component positive.
    largest = np.argmax(np.abs(left), axis=0)
    left = left * np.sign(left[largest, np.arange(dimension)])
    left[np.diff(matrix.indptr) == 0] = 0
    return with_length(left * np.sqrt(values))


def text_vectors(weights: sparse.csr_matrix, vectors: np.ndarray) -> np.ndarray:
    """(texts x dimension) f64, from how much each text weighs each word: means in which rare words weigh more."""
    texts = weights.shape[0]
    documents = np.asarray((weights > 0).sum(axis=0)).ravel()
    idf = np.log((1 + texts) / (1 + documents))
    return with_length(weights @ (idf[:, None] * vectors))


def neighbours(embedding: Embedding, word: str, count: int) -> list[str]:
    """The `count` other words at the smallest angles, nearest first."""
    number, spelling = embedding.numbers[word], embedding.spelling
    nearest = np.argsort(-(embedding.vectors @ embedding.vectors[number]), kind="stable")
    return [spelling[i] for i in nearest if i != number][:count]


def effective_counts(queries: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """exp(entropy) of each query's attention over the keys, b = 1 / sqrt(d): how many vectors it attends to."""
    parts = [queries[i : i + QUERIES_AT_ONCE] for i in range(0, len(queries), QUERIES_AT_ONCE)]
    return np.concatenate([np.exp(attention_entropy(part, keys)) for part in parts])


def attention_entropy(queries: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """log of the partition function less the mean score, which is the entropy of a softmax."""
    scores = queries @ keys.T / np.sqrt(keys.shape[1])
    scores -= scores.max(axis=1, keepdims=True)
    weights = np.exp(scores)
    totals = weights.sum(axis=1)
    return np.log(totals) - (weights * scores).sum(axis=1) / totals

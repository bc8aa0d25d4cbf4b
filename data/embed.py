# SPDX-License-Identifier: BSD-3-Clause
"""Word and synset vectors from counts: PPMI over windowed co-occurrence, then truncated SVD.

Levy, Goldberg & Dagan, "Improving distributional similarity with lessons learned from word embeddings" (TACL 2015):
context distribution smoothed by 0.75, U sqrt(S) as vectors. Every step is deterministic. All vectors have length
sqrt(2 d): a score with b = 1 / sqrt(d) is 2 sqrt(d) times a cosine, and at d = 128 half of the queries attend to fewer
than some 200 of the 117,659 synsets (length sqrt(d): 22,000, nearly a mean; sqrt(4 d): 6, nearly a look-up).
"""

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import svds

SMOOTHING = 0.75
LENGTH_SQUARED = 2.0  # of a vector, over its dimension
LEMMA_WEIGHT = 3.0  # of a word in the lemmas, against one in the gloss


def vocabulary(texts: Iterable[Sequence[str]], min_count: int) -> dict[str, int]:
    """Words seen at least min_count times, the most frequent first (then by spelling), with their numbers."""
    counts = Counter(word for text in texts for word in text)
    kept = sorted((-count, word) for word, count in counts.items() if count >= min_count)
    return {word: i for i, (_, word) in enumerate(kept)}


def cooccurrence(texts: Iterable[Sequence[str]], words: dict[str, int], window: int) -> sparse.csr_matrix:
    """Counts of ordered pairs at most `window` known words apart in one text; symmetric."""
    gap = [-1] * window  # no pair crosses the border of a text
    numbers = np.array([n for text in texts for n in [*(words[w] for w in text if w in words), *gap]], dtype=np.int64)
    size = len(words)
    total = sparse.csr_matrix((size, size))
    for distance in range(1, window + 1):
        left, right = numbers[:-distance], numbers[distance:]
        met = (left >= 0) & (right >= 0)
        counted = sparse.coo_matrix((np.ones(int(met.sum())), (left[met], right[met])), shape=(size, size))
        total = total + counted.tocsr()
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
    """(words x dimension) f64: U sqrt(S) of the leading singular triplets, largest first, rows of one length."""
    start = np.ones(matrix.shape[0]) / np.sqrt(matrix.shape[0])
    left, values, _ = svds(matrix, k=dimension, v0=start, solver="arpack")
    order = np.argsort(-values)
    left, values = left[:, order], values[order]
    # A singular vector's sign is free: make its largest component positive.
    largest = np.argmax(np.abs(left), axis=0)
    left = left * np.sign(left[largest, np.arange(dimension)])
    return with_length(left * np.sqrt(values))


def text_vectors(
    lemmas: Sequence[Sequence[str]], glosses: Sequence[Sequence[str]], words: dict[str, int], vectors: np.ndarray
) -> np.ndarray:
    """(texts x dimension): mean of the word vectors of lemmas and gloss, rare words weighing more."""
    rows, columns, weights = [], [], []
    for i, (names, gloss) in enumerate(zip(lemmas, glosses)):
        for text, weight in ((names, LEMMA_WEIGHT), (gloss, 1.0)):
            for word in text:
                if word in words:
                    rows.append(i)
                    columns.append(words[word])
                    weights.append(weight)
    size = (len(lemmas), len(words))
    present = sparse.csr_matrix((np.ones(len(rows)), (rows, columns)), shape=size)
    documents = np.asarray((present > 0).sum(axis=0)).ravel()
    idf = np.log((1 + len(lemmas)) / (1 + documents))
    weighted = sparse.csr_matrix((np.array(weights) * idf[columns], (rows, columns)), shape=size)
    return with_length(weighted @ vectors)


def effective_count(queries: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """exp(entropy) of each query's attention over the keys, b = 1 / sqrt(d): how many vectors it attends to."""
    scores = queries @ keys.T / np.sqrt(keys.shape[1])
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    weights /= weights.sum(axis=1, keepdims=True)
    return np.exp(-np.sum(weights * np.log(np.maximum(weights, 1e-300)), axis=1))

# SPDX-License-Identifier: BSD-3-Clause
"""From synsets to a knowledge set: a key for each synset, and the example sentences as sequences of word numbers."""

import dataclasses

import embed
import numpy as np
import wordnet
from embed import Embedding
from knowledge_file import KnowledgeSet
from scipy import sparse
from wordnet import Synset

LEMMA_WEIGHT = 3.0  # of a word in the lemmas, against one in the gloss


def lemma_words(synset: Synset) -> list[str]:
    return wordnet.words_of(" ".join(synset.lemmas))


def gloss_words(synset: Synset) -> list[str]:
    return wordnet.words_of(" ".join([synset.definition, *synset.examples]))


def texts_of(synsets: list[Synset]) -> list[list[str]]:
    """The running texts in which words meet: lemmas, definition, examples."""
    return [lemma_words(synset) + gloss_words(synset) for synset in synsets]


def word_weights(synsets: list[Synset], numbers: dict[str, int]) -> sparse.csr_matrix:
    """(synsets x words): how often a synset has a word, an occurrence in the lemmas weighing LEMMA_WEIGHT."""
    rows, columns, weights = [], [], []
    for i, synset in enumerate(synsets):
        for words, weight in ((lemma_words(synset), LEMMA_WEIGHT), (gloss_words(synset), 1.0)):
            known = [numbers[word] for word in words if word in numbers]
            rows += [i] * len(known)
            columns += known
            weights += [weight] * len(known)
    return sparse.csr_matrix((weights, (rows, columns)), shape=(len(synsets), len(numbers)))


def sequences_of(synsets: list[Synset], embedding: Embedding) -> list[list[int]]:
    """Example sentences as word numbers; words without a vector are left out, sentences of none but those dropped."""
    known = embedding.vectors.any(axis=1)
    numbers = {word: number for word, number in embedding.numbers.items() if known[number]}
    sentences = (wordnet.words_of(text) for synset in synsets for text in synset.examples)
    sequences = ([numbers[word] for word in sentence if word in numbers] for sentence in sentences)
    return [sequence for sequence in sequences if sequence]


def assemble(synsets: list[Synset], embedding: Embedding, licence: str) -> KnowledgeSet:
    """A synset of which no word has a vector is dropped: its key would be a row of zeros."""
    keys = embed.text_vectors(word_weights(synsets, embedding.numbers), embedding.vectors)
    known = np.flatnonzero(keys.any(axis=1))
    return KnowledgeSet(
        name="wordnet",
        source=f"{wordnet.version_in(licence)}, Princeton University, https://wordnet.princeton.edu",
        licence=licence,
        keys=keys[known],
        labels=[synsets[i].label for i in known],
        words=embedding.spelling,
        word_vectors=embedding.vectors,
        sequences=sequences_of(synsets, embedding),
        parameters={
            "method": "PPMI of windowed co-occurrence, truncated SVD, idf-weighted means",
            "smoothing": embed.SMOOTHING,
            "length_squared_over_dimension": embed.LENGTH_SQUARED,
            "lemma_weight": LEMMA_WEIGHT,
        },
    )


def spread(length: int, count: int) -> list[int]:
    """At most `count` indices, spread evenly over `length` items."""
    return sorted({int(i) for i in np.linspace(0, length - 1, min(count, length))})


def sample(knowledge: KnowledgeSet, keys: int, sequences: int) -> KnowledgeSet:
    """So many of the keys and of the sequences, each spread evenly over all, and so over the parts of speech."""
    rows = spread(len(knowledge.keys), keys)
    return dataclasses.replace(
        knowledge,
        name=f"{knowledge.name}-sample",
        keys=knowledge.keys[rows],
        labels=[knowledge.labels[i] for i in rows],
        sequences=[knowledge.sequences[i] for i in spread(len(knowledge.sequences), sequences)],
    )


def with_words_in_use(knowledge: KnowledgeSet) -> KnowledgeSet:
    """Without the words that no sequence has; the others keep their order."""
    used = sorted({number for sequence in knowledge.sequences for number in sequence})
    renumbered = {old: new for new, old in enumerate(used)}
    return dataclasses.replace(
        knowledge,
        words=[knowledge.words[number] for number in used],
        word_vectors=knowledge.word_vectors[used],
        sequences=[[renumbered[number] for number in sequence] for sequence in knowledge.sequences],
    )


def attended(knowledge: KnowledgeSet, queries: int) -> np.ndarray:
    """How many keys each of some tokens, spread evenly over the sequences, attends to."""
    tokens = [number for sequence in knowledge.sequences for number in sequence]
    chosen = [tokens[i] for i in spread(len(tokens), queries)]
    return embed.effective_counts(knowledge.word_vectors[chosen], knowledge.keys)

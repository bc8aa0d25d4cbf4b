# SPDX-License-Identifier: BSD-3-Clause
"""From synsets to a knowledge set."""

import assemble
import numpy as np
import pytest
from embed import Embedding
from wordnet import Synset

SYNSETS = [
    Synset("dog.n.1", ("dog",), "a domestic animal", ("the dog barked", "unheard of")),
    Synset("odd.n.2", ("odd",), "unheard of", ("odd",)),
    Synset("cat.n.3", ("cat", "dog"), "a domestic animal", ("mute cat", "cat")),
]
NUMBERS = {"a": 0, "dog": 1, "animal": 2, "domestic": 3, "cat": 4, "barked": 5, "mute": 6}


@pytest.fixture
def embedding() -> Embedding:
    vectors = np.eye(7)
    vectors[6] = 0
    return Embedding(NUMBERS, vectors)


def test_lemmas_weigh_more_than_the_gloss():
    weights = assemble.word_weights(SYNSETS, NUMBERS).toarray()
    assert weights[0].tolist() == [1, 3 + 1, 1, 1, 0, 1, 0]
    assert not weights[1].any()


def test_a_synset_without_a_known_word_is_dropped(embedding):
    knowledge = assemble.assemble(SYNSETS, embedding, "WordNet 3.0 notice")
    assert knowledge.labels == ["dog.n.1", "cat.n.3"]
    assert len(knowledge.keys) == 2 and knowledge.keys.any(axis=1).all()
    assert knowledge.source.startswith("WordNet 3.0, Princeton University")


def test_sequences_leave_out_words_without_a_vector_and_empty_sentences(embedding):
    assert assemble.sequences_of(SYNSETS, embedding) == [[1, 5], [4], [4]]


def test_unused_words_go_and_sequences_still_spell_the_same(embedding):
    knowledge = assemble.assemble(SYNSETS, embedding, "")
    slim = assemble.with_words_in_use(knowledge)
    assert slim.words == ["dog", "cat", "barked"]
    assert slim.sequences == [[0, 2], [1], [1]]
    assert slim.word_vectors.tolist() == knowledge.word_vectors[[1, 4, 5]].tolist()


def test_a_sample_is_spread_over_all(embedding):
    sample = assemble.sample(assemble.assemble(SYNSETS, embedding, ""), keys=5, sequences=2)
    assert sample.labels == ["dog.n.1", "cat.n.3"], "there are no more"
    assert sample.sequences == [[1, 5], [4]]
    assert sample.name == "wordnet-sample"


@pytest.mark.parametrize(("length", "count", "expected"), [(9, 3, [0, 4, 8]), (3, 9, [0, 1, 2]), (5, 1, [0]), (0, 4, [])])
def test_spread_reaches_both_ends(length, count, expected):
    assert assemble.spread(length, count) == expected

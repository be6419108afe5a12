"""A text in memory is read as a corpus on disk is."""

from __future__ import annotations

import numpy as np

from vastmax.embedding.settings import TrainingSettings, checked
from vastmax.embedding.train import train_embeddings, train_ids
from vastmax.text import Corpus
from vastmax.text.id_text import IdText


def test_vectors_of_a_text_in_memory_are_those_of_the_corpus() -> None:
    corpus = Corpus([["a", "b", "c", "a"], ["b", "d"], ["a", "c"]] * 20, cache=False)
    text = IdText(np.array(corpus.ids), corpus.vocabulary, np.array(corpus.sentence_offsets))
    assert (text.num_tokens, text.num_sentences) == (corpus.num_tokens, corpus.num_sentences)
    settings = TrainingSettings(vector_size=8, epochs=2, min_count=1, threads=1, seed=3)
    found = train_ids(text, text.vocabulary, checked(settings))
    expected = train_embeddings(corpus, vector_size=8, epochs=2, min_count=1, threads=1, seed=3)
    assert list(found.key_to_index) == list(expected.key_to_index)
    assert np.array_equal(found.vectors, expected.vectors)


def test_a_text_without_offsets_is_one_sentence() -> None:
    corpus = Corpus([["a", "b"], ["c"]], cache=False)
    text = IdText(np.array(corpus.ids), corpus.vocabulary)
    assert text.read_offsets(0, 2).tolist() == [0, 3]
    assert text.num_sentences == 1

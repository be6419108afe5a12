"""A small text with something to learn in it, and one thread: these are small products."""

from __future__ import annotations

import itertools

import pytest
import torch

from vastmax import Corpus
from vastmax.language_model import TrainingText, training_text


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def small_corpus() -> Corpus:
    animals, colours = ("cat", "dog", "cow", "horse", "sheep"), ("red", "green", "blue", "yellow", "crème")
    sentences = []
    for i in itertools.islice(itertools.count(), 100):
        sentences.append(f"the {animals[i % 5]} and the {animals[(i // 5 + 1) % 5]} run".split())
        sentences.append(f"paint it {colours[i % 5]} or {colours[(i // 5 + 1) % 5]}".split())
    return Corpus(sentences)


@pytest.fixture(scope="session")
def small_text(small_corpus: Corpus) -> TrainingText:
    return training_text(small_corpus, held_out=0.1)

"""Phrases the slow way: dictionaries of tuples, one word at a time. Imports nothing from vastmax."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator

Sentences = list[list[str]]


def candidates(sentence: list[str], connectors: set[str]) -> Iterator[tuple[str, ...]]:
    """Every run of a word, connectors, and the next word that is none."""
    open_run: list[str] = []
    for word in sentence:
        if word not in connectors:
            if open_run:
                yield (*open_run, word)
            open_run = [word]
        elif open_run:
            open_run.append(word)


def phrases_in(
    sentences: Sentences,
    *,
    scoring: str,
    threshold: float,
    min_count: int,
    discount: float,
    connectors: set[str],
) -> dict[tuple[str, ...], tuple[int, float]]:
    """(count, score) of every run that scores above the threshold."""
    words = Counter(word for sentence in sentences for word in sentence)
    runs = Counter(run for sentence in sentences for run in candidates(sentence, connectors))
    tokens = sum(words.values())
    distinct = len(words.keys() - connectors) + len(runs)
    found = {}
    for run, count in runs.items():
        first, last = words[run[0]], words[run[-1]]
        if scoring == "npmi":
            p = count / tokens
            score = math.log(p / (first / tokens * (last / tokens))) / -math.log(p)
        else:
            score = (count - discount) / (first * last) * (distinct if scoring == "gensim" else tokens)
        if count >= min_count and score > threshold:
            found[run] = (count, score)
    return found


def joined(sentence: list[str], phrases: dict[tuple[str, ...], object], connectors: set[str]) -> list[str]:
    """From left to right, what was joined begins nothing."""
    out: list[str] = []
    i = 0
    while i < len(sentence):
        end = i + 1
        while sentence[i] not in connectors and end < len(sentence) and sentence[end] in connectors:
            end += 1
        run = tuple(sentence[i : end + 1])
        if sentence[i] not in connectors and end < len(sentence) and run in phrases:
            out.append("_".join(run))
            i = end + 1
        else:
            out += sentence[i:end]
            i = end
    return out

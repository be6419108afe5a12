"""Rules that decide which words of a text a model keeps."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

RULE_DEFAULT, RULE_DISCARD, RULE_KEEP = 0, 1, 2
"""What a rule says of a word: go by min_count, leave it out, keep it; gensim's own numbers."""

TrimRule: TypeAlias = "Callable[[Any, int, int], int | None]"


def is_kept(word: Any, count: int, min_count: int, rule: TrimRule | None) -> bool:
    """Return whether a word stays: by the rule, and where there is none or it has no opinion, by its count."""
    verdict = RULE_DEFAULT if rule is None else rule(word, count, min_count)
    if verdict in (RULE_KEEP, RULE_DISCARD):
        return verdict == RULE_KEEP
    return count >= min_count


def pruned_counts(sentences: Iterable[Any], most: int, rule: TrimRule | None) -> dict[Any, int]:
    """Count words, dropping the rarest whenever there are more than `most` of them, as gensim does.

    After a sentence with which the limit is passed, words below a count go; it rises by one each time.
    """
    counts: dict[Any, int] = {}
    least = 1
    for sentence in sentences:
        for word in sentence:
            counts[word] = counts.get(word, 0) + 1
        if len(counts) > most:
            counts = prune(counts, least, rule)
            least += 1
    return counts


def prune(counts: dict[Any, int], least: int, rule: TrimRule | None = None) -> dict[Any, int]:
    """Return the counts that stay by the rule, or reach `least`."""
    return {word: count for word, count in counts.items() if is_kept(word, count, least, rule)}

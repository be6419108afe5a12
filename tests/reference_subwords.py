"""fastText's n-grams in plain Python, from the description in its paper and its program; nothing from vastmax."""

from __future__ import annotations


def fnv_1a(text: bytes) -> int:
    """The 32-bit hash, each byte widened as a signed one."""
    value = 2166136261
    for byte in text:
        signed = byte - 256 if byte > 127 else byte
        value = ((value ^ (signed & 0xFFFFFFFF)) * 16777619) & 0xFFFFFFFF
    return value


def buckets(word: str, min_n: int, max_n: int, bucket: int) -> list[int]:
    """The buckets of a word's n-grams."""
    if word == "</s>":
        return []
    marked = f"<{word}>"
    return [
        fnv_1a(marked[first : first + n].encode()) % bucket
        for first in range(len(marked))
        for n in range(min_n, max_n + 1)
        if first + n <= len(marked) and not (n == 1 and first in (0, len(marked) - 1))
    ]

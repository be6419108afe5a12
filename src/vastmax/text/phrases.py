"""Phrases: adjacent words that occur together far more often than by chance, joined into one word."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vastmax.arguments import whole
from vastmax.atomic import replacing
from vastmax.content.looking import require_own
from vastmax.errors import InputError
from vastmax.files.record import checked_lines, write_lines
from vastmax.kernels.phrases import Piece, count_pairs
from vastmax.progress import Progress, Silent
from vastmax.strict_json import json_text, parse_json
from vastmax.text.corpus import Corpus
from vastmax.text.joined_corpus import join_corpus, marks_of
from vastmax.text.phrase_settings import LEAST_MEMORY_BYTES, PhraseSettings, checked_settings, pair_scores

DEFAULT_MEMORY_BYTES = 3 << 29
"""1.5 GiB: room for 45 million distinct pairs at a time."""

_FORMAT = "vastmax phrases"
_VERSION = 2
_OLDEST_VERSION = 1  # without a checksum


@dataclass(frozen=True)
class Phrase:
    """Words that are joined wherever they are adjacent."""

    words: tuple[str, ...]  # as the pass found them: of the text, or phrases of earlier passes; connectors inside
    text: str  # what they become
    count: int
    score: float


class Phrases:
    """Phrases found in a text, which can be joined in that text or in any other.

    Args:
        settings: how they were found.
        passes: the phrases of each pass. Each pass works on the text joined by the previous one.
    """

    def __init__(self, settings: PhraseSettings, passes: Sequence[Sequence[Phrase]]) -> None:
        if len(passes) != len(settings.thresholds):
            raise InputError(
                f"{len(passes)} passes for {len(settings.thresholds)} thresholds: one for each was expected"
            )
        self.settings = settings
        self.passes: tuple[tuple[Phrase, ...], ...] = tuple(map(tuple, passes))
        self._tables = [{phrase.words: phrase.text for phrase in found} for found in self.passes]

    def __len__(self) -> int:
        return sum(map(len, self.passes))

    def __iter__(self) -> Iterator[Phrase]:
        """Yield all phrases, pass by pass, highest score first within each pass."""
        for found in self.passes:
            yield from found

    def apply(self, corpus: Corpus, *, progress: Progress | None = None) -> Corpus:
        """Return the text with its phrases joined, as a new corpus, mapped from id to id.

        It equals ``Corpus([phrases.join(sentence) for sentence in text])``: the same ids, vocabulary and sentences. Its
        files are next to those of `corpus` and are deleted when it is closed or garbage-collected.

        Cost: one pass over the ids for each pass of the search; memory for the words.
        """
        _require_corpus(corpus)
        progress = progress or Silent()
        joined = corpus
        for found in self.passes:
            longer = join_corpus(joined, found, self.settings.connectors, progress)
            if joined is not corpus:
                joined.close()
            joined = longer
        return joined

    def join(self, words: Sequence[str]) -> list[str]:
        """Return one sentence with its phrases joined.

        From left to right, a word is joined to the previous one if the two are a phrase; a joined word begins no
        other phrase in the same pass.
        """
        if isinstance(words, (str, bytes)):
            raise InputError(f"{words!r} is one text: a list of words was expected; split it first")
        joined = list(words)
        for table in self._tables:
            joined = self._join_once(table, joined)
        return joined

    def _join_once(self, table: dict[tuple[str, ...], str], words: list[str]) -> list[str]:
        out: list[str] = []
        candidate: list[str] = []  # a word that may begin a phrase, and connectors behind it
        for word in words:
            if word in self.settings.connectors:
                (candidate or out).append(word)
                continue
            text = table.get((*candidate, word)) if candidate else None
            if text is not None:
                out.append(text)
                candidate = []
            else:
                out += candidate
                candidate = [word]
        return out + candidate

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write JSON lines: the settings, then ``[pass, words, count, score]`` for each phrase."""
        head = {"format": _FORMAT, "version": _VERSION, **asdict(self.settings), "phrases": len(self)}
        with replacing(path) as beside, open(beside, "wb") as file:
            write_lines(file, head, self._lines())

    def _lines(self) -> Iterator[bytes]:
        for number, found in enumerate(self.passes, start=1):
            for phrase in found:
                row = [number, phrase.words, phrase.count, phrase.score]
                yield json_text(row).encode() + b"\n"

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Phrases:
        """Read what `save` wrote.

        Raises:
            InputError: the file is something else, or damaged.
        """
        require_own(path, _FORMAT, "phrases that vastmax saved")
        try:
            first, _, rest = Path(path).read_bytes().partition(b"\n")
            told = parse_json(first, "the first line")
            known = told["format"] == _FORMAT
        except (ValueError, KeyError, TypeError):
            known = False
        if not known:
            raise InputError(f"{path}: not phrases that vastmax saved (its first line would say so)")
        version = told.get("version")
        if version not in range(_OLDEST_VERSION, _VERSION + 1):
            raise InputError(f"{path}: phrases of format version {version}; this vastmax reads up to {_VERSION}")
        told = checked_lines(told, rest, path, required=version > _OLDEST_VERSION)
        try:
            lines = rest.decode().split("\n")
            settings = _settings_of(told)
            passes: list[list[Phrase]] = [[] for _ in settings.thresholds]
            if lines.pop() != "" or len(lines) != told["phrases"]:
                raise ValueError(f"{told['phrases']} phrases were expected, {len(lines)} lines are there")
            for line in lines:
                number, words, count, score = parse_json(line, "a phrase")
                text = settings.delimiter.join(words)
                passes[number - 1].append(Phrase(tuple(words), text, int(count), float(score)))
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise InputError(f"{path}: damaged file of phrases: {error}") from None
        return cls(settings, passes)

    def __repr__(self) -> str:
        return f"Phrases({len(self):,} in {len(self.passes)} passes, scoring={self.settings.scoring!r})"


def find_phrases(
    corpus: Corpus,
    *,
    passes: int = 1,
    scoring: str = "counts",
    threshold: float | Sequence[float] | None = None,
    min_count: int = 5,
    discount: float | None = None,
    delimiter: str = "_",
    connectors: Iterable[str] = (),
    memory_bytes: int = DEFAULT_MEMORY_BYTES,
    progress: Progress | None = None,
) -> Phrases:
    """Find pairs of adjacent words whose score is above a threshold; with several passes, also longer phrases.

    With δ = `discount` and T words in the text, the scores of a pair of words a, b that occurs count(ab) times are

        "counts"   (count(ab) − δ) · T / (count(a) · count(b))                  (Mikolov et al. 2013, eq. 6, times T)
        "gensim"   (count(ab) − δ) · M / (count(a) · count(b))
        "npmi"     log(p(ab) / (p(a) p(b))) / −log p(ab),  p = count / T        (Bouma 2009)

    The first is how many times more often than by chance the two occur together, as in word2vec's phrase program.
    gensim multiplies by M, the number of distinct words *plus distinct pairs*, instead of T, so its thresholds do not
    transfer between texts. "gensim" gives the phrases and scores of ``gensim.models.Phrases`` with the same
    `min_count`, `threshold` and `connectors`, "npmi" those of its ``scoring="npmi"``, as long as the text itself does
    not contain the delimiter: gensim counts a pair together with a word that is spelled like it, vastmax does not.

    Args:
        corpus: the text.
        passes: the number of passes, each on the text joined by the previous one. A pass joins at most two of its
            words, so n passes find phrases of up to 2ⁿ words.
        scoring: "counts", "gensim" or "npmi".
        threshold: a pair with a higher score is a phrase. One number for each pass, or one for the first, which is
            halved from pass to pass (except with "npmi"). None: 100 for "counts", 10 for "gensim", 0.5 for "npmi".
        min_count: pairs that occur less often are not phrases.
        discount: δ, against pairs of rare words (None: `min_count`). NPMI has none.
        delimiter: separates the words of a phrase; no whitespace.
        connectors: words that neither begin nor end a phrase, but can occur inside one, in any number: with
            ["of", "the"], "bank of america" is scored by the count of the whole and of its first and last word.
        memory_bytes: the maximum size of the table of pairs, at least 4,096. A text with more pairs is read several
            times; the result is the same.
        progress: reports the words counted and joined.

    Returns:
        The phrases of each pass, with counts and scores, highest score first.

    Raises:
        InputError: a setting cannot be used.

    Cost: about two passes over the ids for each pass of the search. Memory: 16 bytes per slot of a table that is one
    to two thirds full, up to `memory_bytes`. "gensim" must also count pairs of rare words; the others skip them.

    Example:
        >>> corpus = Corpus([["new", "york", "is", "new"], ["in", "new", "york", "city"]] * 10)
        >>> phrases = find_phrases(corpus, threshold=1.5)  # "new york" scores (20 − 5)·80 / (30·20) = 2
        >>> phrases.join(["in", "new", "york"])
        ['in', 'new_york']
    """
    settings = checked_settings(
        passes=passes,
        scoring=scoring,
        threshold=threshold,
        min_count=min_count,
        discount=discount,
        delimiter=delimiter,
        connectors=connectors,
    )
    memory_bytes = whole("memory_bytes", memory_bytes, LEAST_MEMORY_BYTES, None)
    _require_corpus(corpus)
    progress = progress or Silent()
    found: list[list[Phrase]] = []
    text = corpus
    for threshold_now in settings.thresholds:
        if found:
            joined = join_corpus(text, found[-1], settings.connectors, progress)
            if text is not corpus:
                text.close()
            text = joined
        found.append(_found_in(text, settings, threshold_now, memory_bytes, progress))
    if text is not corpus:
        text.close()
    return Phrases(settings, found)


def _found_in(
    corpus: Corpus, settings: PhraseSettings, threshold: float, memory_bytes: int, progress: Progress
) -> list[Phrase]:
    """Return the phrases of one pass."""

    def pieces() -> Iterator[Piece]:
        progress.begin("Counting pairs", corpus.num_tokens, "words")
        done = 0
        for ids, ends in corpus.token_blocks():
            yield ids, ends
            done += len(ids)
            progress.update(done)
        progress.end()

    vocabulary = corpus.vocabulary
    connectors = marks_of(settings.connectors, vocabulary)
    # A pair is no more frequent than its words. Only the "gensim" score wants to know how many other pairs there are.
    frequent = int(np.searchsorted(-vocabulary.counts, -settings.min_count, side="right"))
    pairs = count_pairs(
        pieces,
        num_words=len(vocabulary),
        num_countable=len(vocabulary) if settings.scoring == "gensim" else frequent,
        connectors=connectors,
        least=settings.min_count,
        memory_bytes=memory_bytes,
    )
    num_types = len(vocabulary) - (0 if connectors is None else int(connectors.sum()))
    scores = pair_scores(
        settings,
        pairs.counts,
        vocabulary.counts[pairs.first_words()],
        vocabulary.counts[pairs.words],
        num_tokens=corpus.num_tokens,
        num_distinct=num_types + pairs.num_distinct,
    )
    phrases = []
    for i in np.flatnonzero(scores > threshold).tolist():
        word_ids = [*pairs.words_before(int(pairs.prefixes[i])), int(pairs.words[i])]
        words = tuple(vocabulary.word(word_id) for word_id in word_ids)
        text = settings.delimiter.join(words)
        phrases.append(Phrase(words, text, int(pairs.counts[i]), float(scores[i])))
    return sorted(phrases, key=lambda phrase: (-phrase.score, -phrase.count, phrase.words))


def _require_corpus(corpus: object) -> None:
    if not isinstance(corpus, Corpus):
        raise InputError(f"a {type(corpus).__name__} was given; expected a Corpus: make one with Corpus(…)")


def _settings_of(told: dict[str, Any]) -> PhraseSettings:
    return checked_settings(
        passes=len(told["thresholds"]),
        scoring=told["scoring"],
        threshold=told["thresholds"],
        min_count=told["min_count"],
        discount=None if told["scoring"] == "npmi" else told["discount"],
        delimiter=told["delimiter"],
        connectors=told["connectors"],
    )

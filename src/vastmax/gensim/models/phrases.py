"""Phrases: gensim's class over the library's own counting of pairs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from typing import Any, TypeAlias

from vastmax.arguments import real, whole
from vastmax.errors import InputError
from vastmax.gensim import phrase_file
from vastmax.gensim.class_only import class_only
from vastmax.gensim.phrase_counts import count_words_and_pairs, words_of
from vastmax.gensim.trimming import prune

ENGLISH_CONNECTOR_WORDS = frozenset(
    ["a", "an", "the", "for", "of", "with", "without", "at", "from", "to", "in", "on", "by", "and", "or"]
)
"""Articles, prepositions and conjunctions that may stand inside a phrase."""

Scoring: TypeAlias = "Callable[[float, float, float, float, float, float], float]"


def original_scorer(
    worda_count: float,
    wordb_count: float,
    bigram_count: float,
    len_vocab: float,
    min_count: float,
    corpus_word_count: float,
) -> float:
    """Return (count(ab) − min_count) / (count(a) · count(b)) · size of the vocabulary (Mikolov et al. 2013)."""
    if not worda_count or not wordb_count:
        return -math.inf
    return (bigram_count - min_count) / worda_count / wordb_count * len_vocab


def npmi_scorer(
    worda_count: float,
    wordb_count: float,
    bigram_count: float,
    len_vocab: float,
    min_count: float,
    corpus_word_count: float,
) -> float:
    """Return the normalized pointwise mutual information of the pair (Bouma 2009), −∞ below min_count."""
    if bigram_count < min_count or not worda_count or not wordb_count:
        return -math.inf
    together = bigram_count / corpus_word_count
    expected = worda_count / corpus_word_count * (wordb_count / corpus_word_count)
    if together == 1:
        return 1.0
    return math.log(together / expected) / -math.log(together)


_SCORINGS = {"default": original_scorer, "npmi": npmi_scorer}


class Joining:
    """Joins phrases in sentences; a subclass says what is one."""

    connector_words: frozenset[str]
    delimiter: str

    def score_candidate(self, word_a: str, word_b: str, in_between: list[str]) -> tuple[str | None, float | None]:
        """Return a phrase and its score, or None twice."""
        raise NotImplementedError

    def analyze_sentence(self, sentence: Iterable[str]) -> Iterator[tuple[str, float | None]]:
        """Yield (phrase, score) and (word, None), from left to right; a joined word begins no other phrase."""
        begun: list[str] = []  # a word that may begin a phrase, and connectors behind it
        for word in sentence:
            if word in self.connector_words:
                if begun:
                    begun.append(word)
                else:
                    yield word, None
                continue
            phrase, score = self.score_candidate(begun[0], word, begun[1:]) if begun else (None, None)
            if phrase is not None:
                yield phrase, score
                begun = []
            else:
                yield from ((each, None) for each in begun)
                begun = [word]
        yield from ((each, None) for each in begun)

    def __getitem__(self, sentence: Any) -> Any:
        """Return a sentence with its phrases joined; for several sentences, an iterable of such sentences."""
        items = iter(words_of(sentence) if isinstance(sentence, str | bytes) else sentence)
        first = next(items, None)
        if first is None:
            return []
        whole_again = chain([first], items) if items is sentence else sentence
        if isinstance(first, str):
            return [token for token, _ in self.analyze_sentence(whole_again)]
        return _Joined(self, whole_again)

    def find_phrases(self, sentences: Iterable[Iterable[str]]) -> dict[str, float]:
        """Return the phrases that occur in sentences, and their scores."""
        return {
            phrase: score
            for sentence in sentences
            for phrase, score in self.analyze_sentence(sentence)
            if score is not None
        }


class _Joined:
    """Sentences with their phrases joined, as often as they can be read."""

    def __init__(self, joining: Joining, sentences: Iterable[Iterable[str]]) -> None:
        self._joining, self._sentences = joining, sentences

    def __iter__(self) -> Iterator[list[str]]:
        for sentence in self._sentences:
            yield [token for token, _ in self._joining.analyze_sentence(sentence)]

    def __len__(self) -> int:
        return len(self._sentences)  # type: ignore[arg-type]


class Phrases(Joining):
    """Words and pairs of words with their counts, to which texts can be added, and the phrases among them.

    Args:
        sentences: lists of words; None: `add_vocab` is called later.
        min_count: pairs that occur less often score too low.
        threshold: a pair with a higher score is a phrase.
        max_vocab_size: when there are more words and pairs, the rarest go.
        delimiter: between the words of a phrase.
        progress_per: of no effect.
        scoring: "default", "npmi", or a function with their arguments.
        connector_words: words that may stand inside a phrase, and neither begin nor end one.

    Example:
        >>> phrases = Phrases([["new", "york", "is", "new"], ["in", "new", "york", "city"]] * 10, threshold=0.2)
        >>> phrases[["in", "new", "york"]]
        ['in', 'new_york']
    """

    def __init__(
        self,
        sentences: Iterable[Iterable[str]] | None = None,
        min_count: float = 5,
        threshold: float = 10.0,
        max_vocab_size: int = 40_000_000,
        delimiter: str = "_",
        progress_per: int = 10_000,
        scoring: str | Scoring = "default",
        connector_words: Iterable[str] = frozenset(),
    ) -> None:
        if min_count <= 0:
            raise InputError(f"min_count is {min_count}; expected a number above 0")
        named = scoring if isinstance(scoring, str) else None
        if named is not None and named not in _SCORINGS:
            raise InputError(f"scoring is {scoring!r}; expected 'default', 'npmi', or a function")
        if not callable(scoring) and named is None:
            raise InputError(f"scoring is {scoring!r}; expected 'default', 'npmi', or a function")
        if named == "npmi":
            real("threshold", threshold, -1.0, 1.0, why="the range of NPMI")
        elif named == "default" and threshold <= 0:
            raise InputError(f"threshold is {threshold}; expected a number above 0")
        self.min_count, self.threshold = min_count, threshold
        self.max_vocab_size = whole("max_vocab_size", max_vocab_size, 1, None)
        self.delimiter, self.progress_per = delimiter, progress_per
        self.scoring: Scoring = _SCORINGS[named] if named is not None else scoring  # type: ignore[assignment]
        self.connector_words = frozenset(connector_words)
        self.vocab: dict[str, int] = {}
        self.corpus_word_count = 0
        self.min_reduce = 1
        if sentences is not None:
            self.add_vocab(sentences)

    def add_vocab(self, sentences: Iterable[Iterable[str]]) -> None:
        """Count the words and pairs of more sentences.

        Cost: a pass over the text, natively, and one over its distinct pairs. Memory: all of them, as in gensim.
        """
        counts, num_words = count_words_and_pairs(sentences, self.delimiter, self.connector_words)
        self.corpus_word_count += num_words
        for token, count in counts.items():
            self.vocab[token] = self.vocab.get(token, 0) + count
        while len(self.vocab) > self.max_vocab_size:
            self.min_reduce += 1
            self.vocab = prune(self.vocab, self.min_reduce)

    def score_candidate(self, word_a: str, word_b: str, in_between: list[str]) -> tuple[str | None, float | None]:
        """Return the phrase of two words, with what is between them, and its score; None twice if it is none."""
        phrase = self.delimiter.join([word_a, *in_between, word_b])
        counts = [self.vocab.get(token, 0) for token in (word_a, word_b, phrase)]
        if min(counts) <= 0:
            return None, None
        score = self.scoring(counts[0], counts[1], counts[2], len(self.vocab), self.min_count, self.corpus_word_count)
        return (phrase, score) if score > self.threshold else (None, None)

    def export_phrases(self) -> dict[str, float]:
        """Return all phrases and their scores."""
        found = {}
        for token in self.vocab:
            words = token.split(self.delimiter)
            if len(words) > 1:
                phrase, score = self.score_candidate(words[0], words[-1], words[1:-1])
                if phrase is not None and score is not None:
                    found[phrase] = score
        return found

    def freeze(self) -> FrozenPhrases:
        """Return the phrases alone: smaller and quicker, and nothing can be added."""
        return FrozenPhrases(self)

    def save(self, fname: Any) -> None:
        """Save to a file of JSON lines, which is no pickle and so holds no scoring function of the user's."""
        phrase_file.save(fname, "Phrases", self._settings(), self.vocab)

    @class_only
    def load(cls, fname: Any, mmap: str | None = None) -> Any:  # noqa: N805 - a class method
        """Load what `save` wrote; a file that gensim has pickled is read by gensim, if it is installed."""
        found = phrase_file.loaded(fname, "Phrases")
        settings = found.settings
        phrases = cls(
            **{name: settings[name] for name in ("min_count", "threshold", "max_vocab_size", "delimiter", "scoring")},
            connector_words=settings["connector_words"],
        )
        phrases.vocab, phrases.corpus_word_count = dict(found.tokens), settings["corpus_word_count"]
        phrases.min_reduce = settings["min_reduce"]
        return phrases

    def _settings(self) -> dict[str, Any]:
        return {
            **_settings_of(self),
            "max_vocab_size": self.max_vocab_size,
            "corpus_word_count": self.corpus_word_count,
            "min_reduce": self.min_reduce,
        }

    def __str__(self) -> str:
        return f"{type(self).__name__}<{len(self.vocab)} vocab, min_count={self.min_count}, threshold={self.threshold}>"


class FrozenPhrases(Joining):
    """The phrases of a `Phrases`, which join words and no longer change.

    Args:
        phrases_model: the phrases.
    """

    def __init__(self, phrases_model: Phrases) -> None:
        self.threshold, self.min_count = phrases_model.threshold, phrases_model.min_count
        self.delimiter, self.scoring = phrases_model.delimiter, phrases_model.scoring
        self.connector_words = phrases_model.connector_words
        self.phrasegrams: Mapping[str, float] = phrases_model.export_phrases()

    def score_candidate(self, word_a: str, word_b: str, in_between: list[str]) -> tuple[str | None, float | None]:
        """Return the phrase of two words, with what is between them, and its score; None twice if it is none."""
        phrase = self.delimiter.join([word_a, *in_between, word_b])
        score = self.phrasegrams.get(phrase)
        return (phrase, score) if score is not None and score > self.threshold else (None, None)

    def save(self, fname: Any) -> None:
        """Save to a file of JSON lines, which is no pickle and so holds no scoring function of the user's."""
        phrase_file.save(fname, "FrozenPhrases", _settings_of(self), self.phrasegrams)

    @class_only
    def load(cls, fname: Any, mmap: str | None = None) -> Any:  # noqa: N805 - a class method
        """Load what `save` wrote; a file that gensim has pickled is read by gensim, if it is installed."""
        found = phrase_file.loaded(fname, "FrozenPhrases")
        settings = found.settings
        frozen = cls(
            Phrases(
                min_count=settings["min_count"],
                threshold=settings["threshold"],
                delimiter=settings["delimiter"],
                scoring=settings["scoring"],
                connector_words=settings["connector_words"],
            )
        )
        frozen.phrasegrams = dict(found.tokens)
        return frozen

    def __str__(self) -> str:
        return (
            f"{type(self).__name__}<{len(self.phrasegrams)} phrases, min_count={self.min_count}, "
            f"threshold={self.threshold}>"
        )


Phraser = FrozenPhrases


def _settings_of(phrases: Phrases | FrozenPhrases) -> dict[str, Any]:
    names = {function: name for name, function in _SCORINGS.items()}
    if phrases.scoring not in names:
        raise InputError(
            "a scoring function of your own cannot be saved, since loading it would run code from a file; save "
            "phrases.export_phrases() as JSON, or use scoring='default' or 'npmi'"
        )
    return {
        "min_count": phrases.min_count,
        "threshold": phrases.threshold,
        "delimiter": phrases.delimiter,
        "scoring": names[phrases.scoring],
        "connector_words": sorted(phrases.connector_words),
    }

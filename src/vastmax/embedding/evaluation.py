"""How good word vectors are, by the two usual measures: agreement with people's scores of word pairs, and analogies.

The case policy is gensim's, so that figures can be compared: with `case_insensitive`, words meet in upper case, and of
several spellings of a word in the vocabulary the first (most frequent) one stands for it. Only the first
`restrict_vocab` words take part, as candidates and in questions; questions with other words are skipped and counted.
"""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vastmax.embedding.cosine import Floats, cosines
from vastmax.embedding.word_vectors import COSMUL_EPSILON
from vastmax.errors import InputError

if TYPE_CHECKING:
    from vastmax.embedding.word_vectors import WordVectors

Ids = NDArray[np.int64]
# A block of scores, questions × candidates, is 1 MB and stays in a core's second-level cache.
_QUESTIONS = 64
_CANDIDATES = 4096


@dataclass(frozen=True)
class PairResult:
    """Correlation of cosines with people's scores. NaN where it is not defined (all scores equal).

    Attributes:
        path: the file of pairs.
        spearman: rank correlation, in [−1, 1]; the usual figure.
        spearman_p_value: two-sided, of no correlation.
        pearson: linear correlation.
        pearson_p_value: two-sided.
        used: pairs with both words known.
        out_of_vocabulary: pairs skipped because a word is not known.
        unknown_words: those words, in the file's order and spelling.
    """

    path: str
    spearman: float
    spearman_p_value: float
    pearson: float
    pearson_p_value: float
    used: int
    out_of_vocabulary: int
    unknown_words: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The same as plain JSON values; null for NaN."""
        return {name: _no_nan(value) for name, value in asdict(self).items()}


@dataclass(frozen=True)
class AnalogySection:
    """Questions of one kind.

    Attributes:
        name: as the file has it.
        used: questions with all four words known.
        correct: of them, those that 3CosAdd solves.
        correct_cosmul: those that 3CosMul solves.
        out_of_vocabulary: questions skipped because a word is not known.
    """

    name: str
    used: int
    correct: int
    correct_cosmul: int
    out_of_vocabulary: int

    @property
    def accuracy(self) -> float:
        """Share of the used questions that 3CosAdd solves, in [0, 1]; NaN when none was used."""
        return self.correct / self.used if self.used else math.nan

    @property
    def accuracy_cosmul(self) -> float:
        """The same of 3CosMul."""
        return self.correct_cosmul / self.used if self.used else math.nan

    def to_json(self) -> dict[str, Any]:
        """Counts and both accuracies as plain JSON values; null for NaN."""
        shares = {"accuracy": _no_nan(self.accuracy), "accuracy_cosmul": _no_nan(self.accuracy_cosmul)}
        return {**asdict(self), **shares}


@dataclass(frozen=True)
class AnalogyResult:
    """Analogies, in all and by section.

    Attributes:
        path: the file of questions.
        sections: in the file's order.
    """

    path: str
    sections: tuple[AnalogySection, ...]

    @property
    def total(self) -> AnalogySection:
        """All sections as one."""
        return AnalogySection(
            "total",
            sum(section.used for section in self.sections),
            sum(section.correct for section in self.sections),
            sum(section.correct_cosmul for section in self.sections),
            sum(section.out_of_vocabulary for section in self.sections),
        )

    @property
    def accuracy(self) -> float:
        """Share of all used questions that 3CosAdd solves, in [0, 1]."""
        return self.total.accuracy

    @property
    def accuracy_cosmul(self) -> float:
        """The same of 3CosMul."""
        return self.total.accuracy_cosmul

    def to_json(self) -> dict[str, Any]:
        """Totals and sections as plain JSON values."""
        return {
            "path": self.path,
            **self.total.to_json(),
            "sections": [section.to_json() for section in self.sections],
        }


def evaluate_pairs(
    v: WordVectors,
    path: str | os.PathLike[str],
    *,
    restrict_vocab: int | None = 300_000,
    case_insensitive: bool = True,
) -> PairResult:
    """Correlate cosines with people's scores of word pairs (WordSim-353, SimLex-999, MEN, …).

    Args:
        v: the vectors.
        path: a UTF-8 file, on each line two words and a score, separated by tabs, else commas, else spaces. Blank lines
            and lines that begin with # are left out, and so is one first line of column names.
        restrict_vocab: know only the first so many words; None: all.
        case_insensitive: words meet in upper case.

    Raises:
        InputError: a line is something else (file and line are named), or fewer than three pairs can be used.
    """
    name = os.fspath(path)
    known = _Known(v, restrict_vocab, case_insensitive)
    pairs: list[tuple[int, int]] = []
    scores: list[float] = []
    missing = 0
    unknown_words: dict[str, None] = {}
    for one, other, score in _read_pairs(name):
        word_ids = known.find((one, other))
        if word_ids is None:
            missing += 1
            unknown_words |= dict.fromkeys(known.missing((one, other)))
        else:
            pairs.append((word_ids[0], word_ids[1]))
            scores.append(score)
    if len(pairs) < 3:
        raise InputError(
            f"{name}: {len(pairs)} of {len(pairs) + missing} pairs have both words among the first {known.searched} "
            "words; a correlation needs at least 3"
        )
    ids = np.array(pairs)
    cosine = np.einsum("nd,nd->n", v.unit_vectors(ids[:, 0]), v.unit_vectors(ids[:, 1]), dtype=np.float64)
    spearman, spearman_p_value, pearson, pearson_p_value = _correlations(np.array(scores), cosine)
    return PairResult(
        name, spearman, spearman_p_value, pearson, pearson_p_value, len(pairs), missing, tuple(unknown_words)
    )


def evaluate_analogies(
    v: WordVectors,
    path: str | os.PathLike[str],
    *,
    restrict_vocab: int | None = 300_000,
    case_insensitive: bool = True,
) -> AnalogyResult:
    """Answer "a is to b as c is to ?" questions by 3CosAdd and by 3CosMul in one pass.

    A question is solved when the best word, a, b and c left out in every spelling of theirs, is the expected one in any
    spelling. (gensim gives up when five spellings of a, b and c come before the answer; here it is still found.)

    Args:
        v: the vectors.
        path: a UTF-8 file: lines `: name` begin a section, the others are four words (questions-words.txt).
        restrict_vocab: know, and search, only the first so many words; None: all.
        case_insensitive: words meet in upper case.

    Raises:
        InputError: a line is something else (file and line are named), or no question can be used.

    Cost: the cosines of the distinct words asked with all searched words, one matrix product, then a few additions and
    multiplications a question and searched word; some 30 MB of scratch memory however many of either there are.
    """
    name = os.fspath(path)
    known = _Known(v, restrict_vocab, case_insensitive)
    names: list[str] = []
    questions: list[list[int]] = []
    section_of: list[int] = []
    missing: list[int] = []
    for section, words in _read_questions(name):
        if words is None:
            names.append(section)
            missing.append(0)
        elif (word_ids := known.find(words)) is None:
            missing[-1] += 1
        else:
            questions.append(word_ids)
            section_of.append(len(names) - 1)
    if not questions:
        raise InputError(
            f"{name}: none of {sum(missing)} questions has its four words among the first {known.searched} words; use "
            "questions in the language of the vectors, or search more words"
        )
    asked = np.array(questions)
    expected = known.group[asked[:, 3]]
    answers = [known.group[best] == expected for best in _solve(v, known, asked[:, :3])]
    count = len(names)
    used = np.bincount(section_of, minlength=count)
    added, multiplied = (np.bincount(section_of, weights=right, minlength=count).astype(int) for right in answers)
    return AnalogyResult(
        name,
        tuple(
            AnalogySection(names[i], int(used[i]), int(added[i]), int(multiplied[i]), missing[i]) for i in range(count)
        ),
    )


class _Known:
    """The words that take part, by the case policy.

    Attributes:
        searched: how many words take part.
        group: (searched,) for each word the first one with the same spelling but for case; itself when case counts.
    """

    def __init__(self, v: WordVectors, restrict_vocab: int | None, case_insensitive: bool) -> None:
        if restrict_vocab is not None and restrict_vocab < 1:
            raise InputError(f"restrict_vocab is {restrict_vocab}; expected at least 1, or None for all words")
        words = v.index_to_key[:restrict_vocab]
        self.searched = len(words)
        self._fold = str.upper if case_insensitive else str
        self._first: dict[str, int] = {}
        self.group: Ids = np.empty(len(words), dtype=np.int64)
        self._spellings: dict[int, list[int]] = {}  # only of words with several
        for word_id, word in enumerate(words):
            first = self._first.setdefault(self._fold(word), word_id)
            self.group[word_id] = first
            if first != word_id:
                self._spellings.setdefault(first, [first]).append(word_id)

    def find(self, words: tuple[str, ...]) -> list[int] | None:
        """The rows of all these words, or None when one of them does not take part."""
        word_ids = [self._first.get(self._fold(word)) for word in words]
        found = [word_id for word_id in word_ids if word_id is not None]
        return found if len(found) == len(words) else None

    def missing(self, words: tuple[str, ...]) -> list[str]:
        """Those of these words that do not take part."""
        return [word for word in words if self._fold(word) not in self._first]

    def spellings(self, word_id: int) -> list[int]:
        """All rows with this word, which is the first of its group."""
        return self._spellings.get(word_id, [word_id])


def _solve(v: WordVectors, known: _Known, asked: Ids) -> tuple[Ids, Ids]:
    """For questions (n, 3) the best words by 3CosAdd and by 3CosMul, (n,) each."""
    distinct, rows = np.unique(asked, return_inverse=True)
    a, b, c = rows.reshape(asked.shape).T
    units = v.unit_vectors(distinct)
    banned = [known.spellings(word_id) for word_id in distinct]
    # Which (question, word) cells are out of the race, sorted by question.
    left_out = [
        (n, word_id) for n, own in enumerate(rows.reshape(asked.shape)) for row in own for word_id in banned[row]
    ]
    out_question, out_word = np.array(left_out, dtype=np.int64).T
    best = tuple(_Best(len(asked)) for _ in range(2))
    inverse = v.inverse_norms
    for start in range(0, known.searched, _CANDIDATES):
        stop = min(start + _CANDIDATES, known.searched)
        cosine = cosines(units, v.vectors[start:stop], inverse[start:stop])
        shifted = (1 + cosine) / 2
        here = (out_word >= start) & (out_word < stop)
        here_question, here_word = out_question[here], out_word[here] - start
        for first in range(0, len(asked), _QUESTIONS):
            part = slice(first, first + _QUESTIONS)
            low, high = np.searchsorted(here_question, (first, first + _QUESTIONS))
            cells = here_question[low:high] - first, here_word[low:high]
            total = cosine[b[part]]
            total += cosine[c[part]]
            total -= cosine[a[part]]
            best[0].update(part, total, cells, start)
            product = shifted[b[part]]
            product *= shifted[c[part]]
            divisor = shifted[a[part]]
            divisor += np.float32(COSMUL_EPSILON)
            product /= divisor
            best[1].update(part, product, cells, start)
    return best[0].word_ids, best[1].word_ids


class _Best:
    """The best word of each question so far; of equal ones the first."""

    def __init__(self, num_questions: int) -> None:
        self.word_ids: Ids = np.zeros(num_questions, dtype=np.int64)
        self._scores: Floats = np.full(num_questions, -np.inf, dtype=np.float32)

    def update(self, part: slice, scores: Floats, left_out: tuple[Ids, Ids], start: int) -> None:
        """Compare with the scores of the words from `start` on, (questions of `part`, words); overwrites some."""
        scores[left_out] = -np.inf
        columns = scores.argmax(axis=1)
        values = scores[np.arange(len(scores)), columns]
        better = values > self._scores[part]
        self._scores[part][better] = values[better]
        self.word_ids[part][better] = columns[better] + start


def _correlations(scores: NDArray[np.float64], cosine: NDArray[np.float64]) -> tuple[float, float, float, float]:
    from scipy import stats

    with warnings.catch_warnings():
        # Equal scores throughout have no correlation: the result is NaN, which says so.
        warnings.simplefilter("ignore", stats.ConstantInputWarning)
        warnings.simplefilter("ignore", stats.NearConstantInputWarning)
        spearman, pearson = stats.spearmanr(scores, cosine), stats.pearsonr(scores, cosine)
    return float(spearman.statistic), float(spearman.pvalue), float(pearson.statistic), float(pearson.pvalue)


def _read_pairs(path: str) -> Iterator[tuple[str, str, float]]:
    first = True
    for line_number, line in _lines(path):
        if line.startswith("#"):
            continue
        separator = next((mark for mark in ("\t", ",") if mark in line), None)
        fields = [field.strip() for field in line.split(separator)]
        try:
            one, other, given = fields
            score = float(given)
        except ValueError:
            if first and len(fields) == 3:  # column names
                first = False
                continue
            raise InputError(
                f"{path}: line {line_number} is {line!r:.80}; expected two words and a score, separated by tabs, "
                "commas or spaces"
            ) from None
        first = False
        if not (one and other and math.isfinite(score)):
            raise InputError(
                f"{path}: line {line_number} is {line!r:.80}; a word is missing or the score is not finite"
            )
        yield one, other, score


def _read_questions(path: str) -> Iterator[tuple[str, tuple[str, ...] | None]]:
    """(section, None) where a section begins, (section, its four words) for a question."""
    section: str | None = None
    for line_number, line in _lines(path):
        if line.startswith(":"):
            section = line.lstrip(": ")
            yield section, None
            continue
        words = tuple(line.split())
        if section is None:
            raise InputError(
                f"{path}: line {line_number} comes before any section; a line such as ': capitals' is expected"
            )
        if len(words) != 4:
            raise InputError(
                f"{path}: line {line_number} is {line!r:.80}; expected four words, or ': name' for a section"
            )
        yield section, words


def _lines(path: str) -> Iterator[tuple[int, str]]:
    """Lines that are not blank, stripped, with their numbers."""
    with open(path, "rb") as stream:
        for line_number, raw in enumerate(stream, start=1):
            try:
                line = raw.decode("utf-8-sig" if line_number == 1 else "utf-8").strip()
            except UnicodeDecodeError:
                raise InputError(f"{path}: line {line_number} is not UTF-8; convert the file") from None
            if line:
                yield line_number, line


def _no_nan(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    return None if isinstance(value, float) and math.isnan(value) else value

"""Evaluation by analogies: the share of "a is to b as c is to ?" questions that the vectors answer."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from vastmax.embedding.cosine import Floats, Ids, cosines
from vastmax.embedding.known_words import KnownWords, json_value, question_lines
from vastmax.embedding.word_table import WordTable
from vastmax.errors import InputError

# Keeps 3CosMul's quotient finite; word2vec's successors use it (gensim too), Levy & Goldberg 2014 wrote 0.001.
COSMUL_EPSILON = 1e-6
# A block of scores, questions × candidates, is 1 MB and stays in a core's second-level cache.
_QUESTIONS = 64
_CANDIDATES = 4096


@dataclass(frozen=True)
class AnalogySection:
    """Questions of one kind.

    Attributes:
        name: as the file has it.
        used: questions with all four words known.
        correct: those of them that 3CosAdd solves.
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
        """Share of the used questions that 3CosMul solves."""
        return self.correct_cosmul / self.used if self.used else math.nan

    def to_json(self) -> dict[str, Any]:
        """Return counts and both accuracies as plain JSON values; null for NaN."""
        shares = {"accuracy": json_value(self.accuracy), "accuracy_cosmul": json_value(self.accuracy_cosmul)}
        return {**asdict(self), **shares}


@dataclass(frozen=True)
class AnalogyResult:
    """The results for a file of analogies.

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
        """Share of all used questions that 3CosMul solves."""
        return self.total.accuracy_cosmul

    def to_json(self) -> dict[str, Any]:
        """Return totals and sections as plain JSON values."""
        return {
            "path": self.path,
            **self.total.to_json(),
            "sections": [section.to_json() for section in self.sections],
        }


def evaluate_analogies(
    v: WordTable,
    path: str | os.PathLike[str],
    *,
    restrict_vocab: int | None = 300_000,
    case_insensitive: bool = True,
) -> AnalogyResult:
    """Answer "a is to b as c is to ?" questions by 3CosAdd and by 3CosMul in one pass.

    A question is solved if the best word, with all spellings of a, b and c excluded, is the expected one in any
    spelling. (gensim gives up when five spellings of a, b and c precede the answer; here it is still found.)

    Args:
        v: the vectors.
        path: a UTF-8 file: lines `: name` begin a section, the others are four words (questions-words.txt).
        restrict_vocab: use only this many of the first words; None: all.
        case_insensitive: compare words in upper case.

    Raises:
        InputError: a line is not of this form (file and line are named), or no question can be used.

    Cost: the cosines of the distinct words of the questions with all searched words, one matrix product, then a few
    operations per question and searched word. Scratch memory: two tiles of the distinct words by 4096 of the searched
    ones, 30 MB for the 905 words of the published 19,544 questions.
    """
    name = os.fspath(path)
    known = KnownWords(v, restrict_vocab, case_insensitive)
    names: list[str] = []
    questions: list[list[int]] = []
    section_of: list[int] = []
    missing: list[int] = []
    for section, words in read_questions(name):
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
    answers = [(best >= 0) & (known.group[best] == expected) for best in solve(v, known, asked[:, :3])]
    count = len(names)
    used = np.bincount(section_of, minlength=count)
    added, multiplied = (np.bincount(section_of, weights=right, minlength=count).astype(int) for right in answers)
    return AnalogyResult(
        name,
        tuple(
            AnalogySection(names[i], int(used[i]), int(added[i]), int(multiplied[i]), missing[i]) for i in range(count)
        ),
    )


def solve(v: WordTable, known: KnownWords, asked: Ids) -> tuple[Ids, Ids]:
    """Return the best words by 3CosAdd and by 3CosMul for questions (n, 3), (n,) each; −1 if no word is left."""
    distinct, rows = np.unique(asked, return_inverse=True)
    a, b, c = rows.reshape(asked.shape).T
    units = v.unit_vectors(distinct)
    banned = [known.spellings(word_id) for word_id in distinct]
    # The (question, word) cells that are excluded, sorted by question.
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
    """The best word of each question so far, the first of equal ones; −1 if every word is excluded."""

    def __init__(self, num_questions: int) -> None:
        self.word_ids: Ids = np.full(num_questions, -1, dtype=np.int64)
        self._scores: Floats = np.full(num_questions, -np.inf, dtype=np.float32)

    def update(self, part: slice, scores: Floats, left_out: tuple[Ids, Ids], start: int) -> None:
        """Take note of the scores of the words from `start` on, (questions of `part`, words); some are overwritten."""
        scores[left_out] = -np.inf
        columns = scores.argmax(axis=1)
        values = scores[np.arange(len(scores)), columns]
        better = values > self._scores[part]
        self._scores[part][better] = values[better]
        self.word_ids[part][better] = columns[better] + start


def read_questions(path: str) -> Iterator[tuple[str, tuple[str, ...] | None]]:
    """Yield (section, None) for the start of a section, and (section, four words) for a question."""
    section: str | None = None
    for line_number, line in question_lines(path):
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

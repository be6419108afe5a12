"""The two evaluations of KeyedVectors, with gensim's results."""

from __future__ import annotations

import logging
import os
from typing import Any

import numpy as np

from vastmax.content.lines import text_lines
from vastmax.embedding import WordVectors
from vastmax.embedding.analogies import read_questions, solve
from vastmax.embedding.known_words import KnownWords
from vastmax.errors import InputError
from vastmax.gensim.searches import Searches

logger = logging.getLogger(__name__)


class Judgement(Searches):
    """The methods of KeyedVectors that measure vectors against what people say."""

    def evaluate_word_analogies(
        self,
        analogies: str | os.PathLike[str],
        restrict_vocab: int | None = 300_000,
        case_insensitive: bool = True,
        dummy4unknown: bool = False,
        similarity_function: str = "most_similar",
    ) -> tuple[float, list[dict[str, Any]]]:
        """Answer "a is to b as c is to ?" questions.

        Args:
            analogies: a file of four words per line; lines ``: name`` begin sections.
            restrict_vocab: know only this many of the first keys.
            case_insensitive: words meet in upper case.
            dummy4unknown: whether questions with unknown words count as wrong; else they are left out.
            similarity_function: "most_similar" (3CosAdd) or "most_similar_cosmul" (3CosMul). (gensim takes the name and
                answers by 3CosAdd.)

        Returns:
            The share that was solved, and for each section, the last of which is all of them, its name and the
            questions under "correct" and "incorrect".
        """
        methods = ("most_similar", "most_similar_cosmul")
        if similarity_function not in methods:
            raise InputError(f"similarity_function is {similarity_function!r}; expected {' or '.join(methods)}")
        v = self._as_word_vectors()
        known = KnownWords(v, restrict_vocab, case_insensitive)
        fold = str.upper if case_insensitive else str
        sections: list[dict[str, Any]] = []
        asked: list[list[int]] = []
        places: list[tuple[dict[str, Any], tuple[str, ...]]] = []
        for section, words in read_questions(os.fspath(analogies)):
            if words is None:
                sections.append({"section": section, "correct": [], "incorrect": []})
                continue
            question = tuple(fold(word) for word in words)
            rows = known.find(words)
            if rows is not None:
                asked.append(rows)
                places.append((sections[-1], question))
            elif dummy4unknown:
                sections[-1]["incorrect"].append(question)
        if asked:
            questions = np.array(asked)
            best = solve(v, known, questions[:, :3])[methods.index(similarity_function)]
            right = (best >= 0) & (known.group[best] == known.group[questions[:, 3]])
            for (section_of, question), solved in zip(places, right.tolist(), strict=True):
                section_of["correct" if solved else "incorrect"].append(question)
        total: dict[str, Any] = {"section": "Total accuracy"}
        for name in ("correct", "incorrect"):
            total[name] = [question for section_of in sections for question in section_of[name]]
        sections.append(total)
        used = len(total["correct"]) + len(total["incorrect"])
        return (len(total["correct"]) / used if used else 0.0), sections

    def evaluate_word_pairs(
        self,
        pairs: str | os.PathLike[str],
        delimiter: str = "\t",
        encoding: str = "utf8",
        restrict_vocab: int | None = 300_000,
        case_insensitive: bool = True,
        dummy4unknown: bool = False,
    ) -> tuple[Any, Any, float]:
        """Correlate cosines with people's scores of word pairs.

        Args:
            pairs: a file of two words and a score per line; other lines are left out and logged, as gensim does.
            delimiter: between the three.
            encoding: of the file.
            restrict_vocab: know only this many of the first keys.
            case_insensitive: words meet in upper case.
            dummy4unknown: whether pairs with unknown words count with the cosine 0; else they are left out.

        Returns:
            Pearson's and Spearman's correlations, each with its p-value, and the percentage of pairs left out or, with
            `dummy4unknown`, unknown.
        """
        from scipy import stats

        v = self._as_word_vectors()
        known = KnownWords(v, restrict_vocab, case_insensitive)
        scores: list[float] = []
        cosines: list[float] = []
        unknown = 0
        for number, one, other, score in _pairs(pairs, delimiter, encoding):
            rows = known.find((one, other))
            if rows is None:
                unknown += 1
                if not dummy4unknown:
                    logger.info("Skipping line #%d with OOV words: %s, %s", number, one, other)
                    continue
            scores.append(score)
            cosines.append(0.0 if rows is None else float(self.similarity(*(self.index_to_key[row] for row in rows))))
        if not scores:
            raise InputError(f"{os.fspath(pairs)}: no line has two words that are known and a score")
        out_of = len(scores) + (0 if dummy4unknown else unknown)
        return stats.pearsonr(scores, cosines), stats.spearmanr(scores, cosines), 100 * unknown / out_of

    def _as_word_vectors(self) -> WordVectors:
        """Return a view of these vectors as the library's own; keys as words."""
        return WordVectors([str(key) for key in self.index_to_key], np.asarray(self._vectors, dtype=np.float32))


def _pairs(path: str | os.PathLike[str], delimiter: str, encoding: str) -> list[tuple[int, str, str, float]]:
    found = []
    for number, line in text_lines(path, "a text file of word pairs", encoding=encoding):
        if not line or line.startswith("#"):
            continue
        try:
            one, other, given = line.split(delimiter)
            found.append((number, one, other, float(given)))
        except ValueError:
            logger.info("Skipping invalid line #%d in %s", number, path)
    return found

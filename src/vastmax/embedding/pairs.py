"""Evaluation by word pairs: the agreement of cosines with human scores of similarity."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vastmax.embedding.known_words import KnownWords, json_value, question_lines
from vastmax.embedding.word_table import WordTable
from vastmax.errors import InputError


@dataclass(frozen=True)
class PairResult:
    """Correlation of cosines with people's scores. NaN, with a warning, where it is not defined (all scores equal).

    Attributes:
        path: the file of pairs.
        spearman: rank correlation, in [−1, 1]; the usual measure.
        spearman_p_value: two-sided, for no correlation.
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
        """Return the fields as plain JSON values; null for NaN."""
        return {name: json_value(value) for name, value in asdict(self).items()}


def evaluate_pairs(
    v: WordTable,
    path: str | os.PathLike[str],
    *,
    restrict_vocab: int | None = 300_000,
    case_insensitive: bool = True,
) -> PairResult:
    """Correlate cosines with human scores of word pairs (WordSim-353, SimLex-999, MEN, …).

    Args:
        v: the vectors.
        path: a UTF-8 file, on each line two words and a score, separated by tabs, else commas, else spaces. Blank lines
            and lines that begin with # are left out, and so is one first line of column names. A table separated by
            tabs or commas may have more columns, as SimLex-999 and RareWord have: the first one after the words that
            holds a number has the scores.
        restrict_vocab: know only this many of the first words; None: all.
        case_insensitive: words meet in upper case.

    Raises:
        InputError: a line is not of this form (file and line are named), or fewer than three pairs can be used.
    """
    name = os.fspath(path)
    known = KnownWords(v, restrict_vocab, case_insensitive)
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
    spearman, spearman_p_value, pearson, pearson_p_value = _correlations(np.array(scores), cosine, name)
    return PairResult(
        name, spearman, spearman_p_value, pearson, pearson_p_value, len(pairs), missing, tuple(unknown_words)
    )


def _correlations(
    scores: NDArray[np.float64], cosine: NDArray[np.float64], path: str
) -> tuple[float, float, float, float]:
    from scipy import stats

    for what, values in (("scores of the pairs", scores), ("cosines of the pairs", cosine)):
        if np.ptp(values) == 0:
            warnings.warn(
                f"{path}: all {what} that could be used are {values[0]:g}, so there is no correlation and the "
                "result is NaN; check the file's column of scores",
                stacklevel=3,
            )
    with warnings.catch_warnings():
        # The warning above names the file.
        warnings.simplefilter("ignore", stats.ConstantInputWarning)
        warnings.simplefilter("ignore", stats.NearConstantInputWarning)
        spearman, pearson = stats.spearmanr(scores, cosine), stats.pearsonr(scores, cosine)
    return float(spearman.statistic), float(spearman.pvalue), float(pearson.statistic), float(pearson.pvalue)


def _read_pairs(path: str) -> Iterator[tuple[str, str, float]]:
    column: int | None = None  # of the scores; None before the first pair
    named = False
    for line_number, line in question_lines(path):
        if line.startswith("#"):
            continue
        separator = next((mark for mark in ("\t", ",") if mark in line), None)
        fields = [field.strip() for field in line.split(separator)]
        if column is None:
            numbers = [at for at, field in enumerate(fields) if at >= 2 and _is_number(field)]
            if not numbers and not named and len(fields) >= 3:  # column names
                named = True
                continue
            column = numbers[0] if numbers else 2
        is_row = len(fields) > column and (separator is not None or len(fields) == 3)
        if not is_row or not _is_number(fields[column]):
            raise InputError(
                f"{path}: line {line_number} is {line!r:.80}; expected two words and a score, separated by tabs, "
                "commas or spaces"
            )
        one, other, score = fields[0], fields[1], float(fields[column])
        if not (one and other and math.isfinite(score)):
            raise InputError(
                f"{path}: line {line_number} is {line!r:.80}; a word is missing or the score is not finite"
            )
        yield one, other, score


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True

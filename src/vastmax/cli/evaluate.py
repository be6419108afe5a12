"""`vastmax evaluate`: vectors compared with human judgments, and analogy questions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from vastmax.arguments import Whole
from vastmax.cli.output import print_json, print_table
from vastmax.cli.shared_options import VectorsOptions, as_json
from vastmax.errors import InputError
from vastmax.options import DATA, option, part

if TYPE_CHECKING:
    from vastmax.embedding import AnalogyResult, PairResult


@dataclass(frozen=True, kw_only=True)
class EvaluateOptions:
    """The options of `vastmax evaluate`."""

    source: VectorsOptions = part()
    pairs: tuple[Path, ...] = option(
        (), "Word pairs with human scores: two words and a number per line; may be given several times."
    )
    analogies: tuple[Path, ...] = option(
        (), "Questions: four words per line, in sections that start with ': name'; may be given several times."
    )
    restrict_vocab: int = option(
        300_000, "Use only this many of the first words, the most frequent ones.", bound=Whole(1), group=DATA
    )
    as_json: bool = as_json()


def evaluate(options: EvaluateOptions, context: typer.Context) -> None:
    """Measure vectors by word pairs and analogies.

    For pairs, the rank correlation (Spearman) of cosines with human scores; for analogies, the share of questions whose
    fourth word is the nearest one, by 3CosAdd and by 3CosMul. Questions with unknown words are skipped and counted.

    \b
    Examples:
      vastmax evaluate vectors.safetensors --pairs wordsim353.tsv --pairs simlex999.txt
      vastmax evaluate vectors.safetensors --analogies questions-words.txt --restrict-vocab 30000
      vastmax evaluate vectors.safetensors --pairs wordsim353.tsv --json
    """
    if not options.pairs and not options.analogies:
        raise InputError("nothing to evaluate; give --pairs FILE or --analogies FILE, or both")
    v, limit = options.source.load(), options.restrict_vocab
    pair_results = [v.evaluate_pairs(path, restrict_vocab=limit) for path in options.pairs]
    analogy_results = [v.evaluate_analogies(path, restrict_vocab=limit) for path in options.analogies]
    if options.as_json:
        print_json(
            {
                "pairs": [result.to_json() for result in pair_results],
                "analogies": [result.to_json() for result in analogy_results],
            }
        )
        return
    if pair_results:
        _print_pairs(pair_results)
    for result in analogy_results:
        _print_analogies(result)


def _print_pairs(results: list[PairResult]) -> None:
    print_table(
        "word pairs",
        ["file", "Spearman", "p-value", "pairs used", "skipped"],
        [
            [
                Path(r.path).name,
                _number(r.spearman, ".3f"),
                _number(r.spearman_p_value, ".1e"),
                r.used,
                r.out_of_vocabulary,
            ]
            for r in results
        ],
    )


def _print_analogies(result: AnalogyResult) -> None:
    print_table(
        f"analogies: {Path(result.path).name}",
        ["section", "3CosAdd", "3CosMul", "questions used", "skipped"],
        [
            [s.name, _number(s.accuracy, ".1%"), _number(s.accuracy_cosmul, ".1%"), s.used, s.out_of_vocabulary]
            for s in [*result.sections, result.total]
        ],
    )


def _number(value: float, layout: str) -> str:
    """Return a formatted number, or a dash for NaN."""
    return "–" if math.isnan(value) else format(value, layout)

"""`vastmax lm perplexity`: how well a model predicts a text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from vastmax.arguments import Whole
from vastmax.cli.output import Figure, print_json, print_table
from vastmax.cli.shared_options import ModelOptions, TextOptions, as_json
from vastmax.options import option, part

if TYPE_CHECKING:
    from vastmax.language_model import Perplexity


@dataclass(frozen=True, kw_only=True)
class PerplexityOptions:
    """The options of `vastmax lm perplexity`."""

    model: ModelOptions = part()
    text: TextOptions = part(without=("lowercase",))
    streams: int | None = option(
        None,
        "Parts of the text read in parallel, each without context.",
        bound=Whole(1, optional=True),
        default_text="by its length, up to 16",
        also=("num_streams",),
    )
    as_json: bool = as_json()


def perplexity(options: PerplexityOptions, context: typer.Context) -> None:
    """Measure how well a model predicts a text, exactly, over every word and sentence end.

    Words that the model does not know count as <unk>. Perplexities of models with different vocabularies cannot be
    compared; bits per character can, as long as unknown words are few.

    \b
    Examples:
      vastmax lm perplexity run test.txt
      vastmax lm perplexity run 'books/*.txt.gz' --json
    """
    folder, model = options.model.open()

    from vastmax.distribution.entropy import perplexity_from_nats
    from vastmax.language_model.evaluation import perplexity as measure
    from vastmax.language_model.text import SENTENCE_END, known_text_of
    from vastmax.progress import console_progress

    with console_progress() as progress:
        text = options.text.open(progress, lowercase=bool(folder.text.get("lowercase")))
        found = measure(
            model,
            known_text_of(text, folder.vocabulary),
            folder.vocabulary,
            first_id=folder.vocabulary.id(SENTENCE_END),
            num_streams=options.streams,
            progress=progress,
        )
    normalised = model.head.normalised
    if options.as_json:
        print_json({"run": str(options.model.run), "normalised": normalised, **found.to_json()})
        return
    print_table("perplexity", ["", ""], _rows(found, normalised=normalised))
    ends = [first for first, *_ in found.bands[1:]]
    bands = [
        [
            f"{first:,} to {end - 1:,}" if end else f"{first:,} and beyond",
            words,
            Figure(perplexity_from_nats(nats), ",.1f"),
        ]
        for (first, words, nats), end in zip(found.bands, [*ends, None], strict=True)
    ]
    print_table("by rank of the word", ["ranks", "words", "perplexity"], bands)


def _rows(found: Perplexity, *, normalised: bool) -> list[list[object]]:
    rows: list[list[object]] = [
        ["perplexity", Figure(found.perplexity, ",.2f")],
        ["nats per word", f"{found.nats:.4f}"],
        ["bits per word", f"{found.bits_per_word:.4f}"],
        ["bits per character", f"{found.bits_per_character:.4f}"],
        ["words", found.words],
        ["unknown words", f"{found.unknown:,} ({found.unknown / found.words:.2%})"],
    ]
    if found.unnormalised_nats is not None:
        rows.insert(2, ["nats per word, not normalized", f"{found.unnormalised_nats:.4f}"])
    if not normalised:
        rows.insert(1, ["a bound", "words outside the vocabulary have some probability"])
    return rows

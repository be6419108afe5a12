"""`vastmax lm generate`: sentences drawn from a model."""

from __future__ import annotations

from dataclasses import dataclass

import typer

from vastmax.arguments import MOST_SEED, Number, Whole
from vastmax.cli.output import print_json, say
from vastmax.cli.shared_options import ModelOptions, SearchOptions, as_json, words_of
from vastmax.options import option, part


@dataclass(frozen=True, kw_only=True)
class GenerateOptions:
    """The options of `vastmax lm generate`."""

    model: ModelOptions = part()
    context: str = option("", "First words of each sentence.")
    sentences: int = option(
        5, "Number of sentences.", bound=Whole(1, 1_000_000), flags=("--sentences", "-n"), also=("num_sentences",)
    )
    max_words: int = option(50, "Most words in a sentence.", bound=Whole(1, 1_000_000))
    temperature: float = option(
        1.0, "Below 1, likely words are drawn more often; above 1, less often.", bound=Number(0.0, above=True)
    )
    top_k: int | None = option(None, "Draw only from this many best words.", bound=Whole(1, optional=True))
    top_p: float = option(1.0, "Draw from the fewest best words with this share.", bound=Number(0.0, 1.0, above=True))
    repetition_penalty: float = option(
        1.0, "Divide probabilities of words already in the sentence by this.", bound=Number(1.0)
    )
    beams: int | None = option(
        None,
        "Show the most probable sentences, found by beam search.",
        bound=Whole(1, 10_000, optional=True),
    )
    seed: int = option(0, "Start of the random numbers.", bound=Whole(0, MOST_SEED))
    index: SearchOptions = part()
    as_json: bool = as_json()


def generate(options: GenerateOptions, context: typer.Context) -> None:
    """Draw sentences from a model, word by word.

    \b
    Examples:
      vastmax lm generate run
      vastmax lm generate run --context "the cat" -n 3 --seed 7
      vastmax lm generate run --temperature 0.8 --top-p 0.95 --search run.index
      vastmax lm generate run --context "the cat" --beams 4
    """
    folder, model = options.model.open()

    from vastmax.language_model.generation import Sampling, beam_search, check_choice
    from vastmax.language_model.generation import generate as draw

    sampling = Sampling(options.temperature, options.top_k, options.top_p, options.repetition_penalty)
    check_choice(sampling, options.beams)
    index, begun = options.index.open(model), words_of(folder, options.context)
    if options.beams is not None:
        found = beam_search(
            model,
            folder.vocabulary,
            context=begun,
            beams=options.beams,
            max_words=options.max_words,
            search=index,
        )
        drawn = [words for words, _ in found]
    else:
        drawn = draw(
            model,
            folder.vocabulary,
            context=begun,
            num_sentences=options.sentences,
            max_words=options.max_words,
            seed=options.seed,
            sampling=sampling,
            search=index,
        )
    if options.as_json:
        print_json(drawn)
        return
    for words in drawn:
        say(" ".join(words))

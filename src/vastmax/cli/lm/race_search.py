"""`vastmax lm race-search`: every index of a model measured on the user's text."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from vastmax.arguments import Number, Whole, whole
from vastmax.cli.output import print_json, print_table
from vastmax.cli.shared_options import ModelOptions, TextOptions, as_json, threads, use_threads
from vastmax.errors import InputError
from vastmax.options import OUTPUT, option, part

if TYPE_CHECKING:
    from vastmax.search.race import SearchRace


@dataclass(frozen=True, kw_only=True)
class RaceSearchOptions:
    """The options of `vastmax lm race-search`."""

    model: ModelOptions = part(without=("device",), device="cpu")
    text: TextOptions = part(without=("lowercase",))
    kinds: str | None = option(
        None,
        "Which indexes: certified, clustered, screened, hashing, faiss, hnsw; best-first for trees and clusters.",
        metavar="NAME,…",
        default_text="all that are installed",
    )
    topn: int = option(10, "Words per query.", bound=Whole(1), flags=("--topn", "-n"), also=("k",))
    recall: float = option(
        0.99,
        "Share of the best words that indexes that are not exact are set to find.",
        bound=Number(0.0, 1.0, above=True),
    )
    queries: int = option(2_000, "Words of the text that are predicted; a quarter of them measures.", bound=Whole(160))
    batches: str = option("1,32,512", "Numbers of queries asked at once.", metavar="N,…")
    rounds: int = option(5, "How often each index is timed, in turn with the others.", bound=Whole(1, 1000))
    picture: Path | None = option(
        None, "A picture of speed against recall (.png; needs matplotlib).", metavar="FILE", group=OUTPUT
    )
    threads: int | None = threads()
    as_json: bool = as_json()

    def batch_sizes(self) -> tuple[int, ...]:
        """Return the batches as numbers."""
        try:
            sizes = tuple(int(each) for each in self.batches.split(","))
        except ValueError:
            raise InputError(f"--batches is {self.batches!r}; expected whole numbers such as 1,32,512") from None
        for size in sizes:
            whole("batches", size, 1, 1 << 16)
        return sizes


def race_search(options: RaceSearchOptions, context: typer.Context) -> None:
    """Measure every index that can find the best words of a model, on a text that it was not trained on.

    For each: milliseconds per query, its size and the time to build it, the share of the best words that it finds, the
    error of log-probabilities, and how far the words that it draws are from the model's distribution. The first two
    rows use no index: every word by PyTorch, and what the model does without --search.

    \b
    Examples:
      vastmax lm race-search run test.txt
      vastmax lm race-search run test.txt --kinds certified,clustered --picture speed.png
      vastmax lm race-search run test.txt --batches 1,64 --json > race.json
    """
    from vastmax.compare.report.search_picture import check_picture, draw_search_race
    from vastmax.language_model.evaluation import hidden_vectors
    from vastmax.language_model.text import SENTENCE_END, known_text_of
    from vastmax.places import claimed
    from vastmax.progress import console_progress
    from vastmax.search.race import SearchRaceSettings
    from vastmax.search.race import race_search as measure
    from vastmax.search.score_table import layer_of

    kinds = None if options.kinds is None else tuple(each.strip() for each in options.kinds.split(",") if each.strip())
    settings = SearchRaceSettings(
        kinds=kinds, k=options.topn, recall=options.recall, batches=options.batch_sizes(), rounds=options.rounds
    )
    if options.picture is not None:
        check_picture(options.picture)
    use_threads(options.threads)
    with claimed(reads={"RUN": options.model.run}, writes={"--picture": options.picture}):
        folder, model = options.model.open()
        settings.check(layer_of(model.head))
        with console_progress() as progress:
            text = known_text_of(
                options.text.open(progress, lowercase=bool(folder.text.get("lowercase"))), folder.vocabulary
            )
            hidden = hidden_vectors(model, text, first_id=folder.vocabulary.id(SENTENCE_END), most=options.queries)
            race = measure(model.head, hidden, settings, progress=progress)
        if options.picture is not None:
            draw_search_race(race, options.picture)
    if options.as_json:
        print_json(race.to_json())
        return
    print_race(race)


def print_race(race: SearchRace) -> None:
    """Print the table of a race."""
    batches = list(race.measured[0].milliseconds)
    rows = []
    for each in race.measured:
        times = [f"{each.milliseconds[batch]:.3f}" for batch in batches]
        uses_index = each.kind != race.measured[0].kind
        rows.append(
            [
                each.kind,
                *times,
                f"{each.recall_first:.3f}",
                f"{each.recall:.3f}",
                f"{each.build_seconds:.1f}",
                f"{each.num_bytes / 1e6:.1f}",
                f"{each.log_prob_error:.1e}" if uses_index else "–",
                f"{each.sample_divergence:.4f}" if uses_index else "–",
                "–" if each.effort is None else f"{each.effort:,}" + ("" if each.reached else " (falls short)"),
            ]
        )
    columns = [
        "index",
        *(f"ms at {batch}" for batch in batches),
        "recall of the best",
        f"of the {race.k} best",
        "built in s",
        "MB",
        "error of log p",
        "KL of draws",
        "effort",
    ]
    title = (
        f"{race.vocab_size:,} words × {race.hidden_size}, {race.queries:,} queries; the best word has probability "
        f"{race.best_probability:.2f} on average; exact draws have a KL of about {race.chance_divergence:.4f} by chance"
    )
    print_table(title, columns, rows)

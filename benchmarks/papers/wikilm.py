"""Six methods on Wikipedia with 87,000 words: what ten minutes of each are worth.

    python benchmarks/papers/wikilm.py [--minutes M] [--folder FOLDER]

Not one paper's table but the claim of many: an LSTM (D = 256) with each of six ways to predict its words, raced by
`vastmax.compare`. The budget is processor time on one thread, so that a machine which other work shares measures what a
quiet one would. What was stopped goes on when it is started again. $VASTMAX_DATA holds wikilm.train.txt.xz and
wikilm.valid.txt.xz.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported: time is counted, not waited for
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from study import stopped_by_signals  # isort: skip

from harness import SCRATCH, corpora, write_record
from vastmax.compare.folder import REPORT
from vastmax.compare.race import run_race
from vastmax.compare.results import Race
from vastmax.compare.settings import RaceSettings
from vastmax.language_model import LanguageModelSettings, TrainingText, training_text
from vastmax.progress import Lines
from vastmax.text import Corpus

NAME = "paper_wikilm"
QUESTION = "With 87,000 words, what are ten minutes of each method worth?"
MIN_COUNT = 5
VALIDATION_WORDS = 60_000
"""Of the validation text, from its beginning: an exact evaluation of all of it takes minutes for each flat layer."""
SETTINGS = RaceSettings(
    # The yardstick and what is promised against it come first.
    methods=("softmax", "hierarchical-softmax", "sampled-softmax", "nce", "adaptive", "two-level"),
    encoder="lstm",
    hidden_size=256,
    training=LanguageModelSettings(minutes=10.0, num_streams=32, bptt=32, embedding_lr=0.3, dense_lr=2e-3),
    processor_time=True,
    points=10,
    curve_words=4_000,
    threads=1,
)
SPEED_TARGETS = {"hierarchical-softmax": 40, "sampled-softmax": 25}
"""Times the training words a second of the softmax."""
PERPLEXITY_TARGET = 0.8
"""Times that of the softmax, at most."""


def text_of_race() -> TrainingText:
    """Words seen fewer than `MIN_COUNT` times count as unknown."""
    folder = corpora()
    training, validation = (Corpus(str(folder / f"wikilm.{part}.txt.xz")) for part in ("train", "valid"))
    text = training_text(training, validation, min_count=MIN_COUNT)
    assert text.validation is not None
    return replace(text, validation=text.validation[:VALIDATION_WORDS])


def claims(race: Race) -> list[dict[str, Any]]:
    """Return the claims about methods, relative to the softmax."""
    by_name = {method.method: method for method in race.finished}
    softmax = by_name["softmax"]
    found = []
    for name, target in SPEED_TARGETS.items():
        method = by_name[name]
        speed = (method.training_words_per_second or 0) / (softmax.training_words_per_second or 1)
        quality = (method.perplexity or 0) / (softmax.perplexity or 1)
        found += [
            {
                "claim": f"{name}: training words a second / softmax's",
                "target": f">= {target}",
                "found": speed,
                "met": speed >= target,
            },
            {
                "claim": f"{name}: perplexity / softmax's at equal time",
                "target": f"<= {PERPLEXITY_TARGET}",
                "found": quality,
                "met": quality <= PERPLEXITY_TARGET,
            },
        ]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=SCRATCH.parent / "papers" / "wikilm", help="of the race")
    parser.add_argument("--minutes", type=float, default=SETTINGS.training.minutes, help="of each method")
    options = parser.parse_args()
    settings = replace(SETTINGS, training=replace(SETTINGS.training, minutes=options.minutes))
    options.folder.parent.mkdir(parents=True, exist_ok=True)
    with stopped_by_signals() as stop:
        race = run_race(
            text_of_race(),
            settings,
            options.folder,
            facts={"sources": ["wikilm.train.txt.xz"], "validation_sources": ["wikilm.valid.txt.xz"]},
            resume=(options.folder / REPORT).exists(),
            retry_failed=True,
            save_minutes=2.0,
            stop=stop,
            progress=Lines(),
        )
    waiting = [method.method for method in race.methods if method.status in ("waiting", "running")]
    if waiting:
        print(f"still to be run: {', '.join(waiting)}; the same command goes on", file=sys.stderr)
    if not {"softmax", *SPEED_TARGETS} <= {method.method for method in race.finished}:
        print("no record yet: it wants the methods of which something is promised", file=sys.stderr)
        return
    write_record(NAME, QUESTION, {"race": race.to_json(), "claims": claims(race)})


if __name__ == "__main__":
    main()

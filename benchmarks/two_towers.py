"""Is the softmax over a few items as good as the one over all of them, and how much cheaper is its step?

    python benchmarks/two_towers.py [--epochs E] [--rounds R] [--record FILE]

Trains the methods of `examples/two_tower_gowalla.py` alike, on $VASTMAX_DATA/gowalla, and keeps what their rankings are
worth; then times their steps in turn. The softmax over all items takes most of the time, some CPU-minutes an epoch.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from harness import HERE, corpora, write_record
from in_turn import ENVIRONMENT, Claim, local, time_in_turn

sys.path.insert(0, str(HERE.parent / "examples"))

SETTINGS = {"width": 64, "temperature": 0.1, "num_samples": 1024, "learning_rate": 0.01, "seed": 0}


def quality(train: Any, test: Any, batch_size: int, epochs: int, every: int) -> dict[str, Any]:
    """Recall@20 and NDCG@20 of each method as training goes on, and what that cost."""
    from two_tower_gowalla import METHODS, Trainer, evaluate

    found: dict[str, Any] = {}
    for method in METHODS:
        trainer = Trainer(method, train, **SETTINGS)
        seconds, rows = 0.0, []
        for epoch in range(1, epochs + 1):
            started = time.process_time()
            loss = trainer.epoch(batch_size)
            seconds += time.process_time() - started
            if epoch % every == 0 or epoch == epochs:
                row = {"epoch": epoch, "loss": loss, "cpu_seconds": seconds, **asdict(evaluate(trainer, test))}
                print(method, row, file=sys.stderr)
                rows.append(row)
        found[method] = rows
    return found


def speed(train: Any, batch_size: int, rounds: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """The step of each method, timed in turn, and the promise about them."""
    import torch
    from two_tower_gowalla import METHODS, Trainer

    trainers = {method: Trainer(method, train, **SETTINGS) for method in METHODS}
    pairs = torch.randperm(len(train.user))[:batch_size]
    cases = {method: local(lambda trainer=trainer: trainer.step(pairs)) for method, trainer in trainers.items()}
    timings, _ = time_in_turn(cases, rounds=rounds)
    cpu = {name: timing.cpu_seconds for name, timing in timings.items()}
    claim = Claim("two towers: step over all items / over sampled ones", "full", "sampled", 5, at_least=True)
    return {name: timing.record() for name, timing in timings.items()}, claim.judge(cpu)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--every", type=int, default=5)
    parser.add_argument("--batch-size", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--user-fraction", type=float, default=1.0, help="of the users, for a trial")
    parser.add_argument("--record", default="two_towers", help="the record's name")
    options = parser.parse_args()
    os.environ.update(ENVIRONMENT)  # before torch is imported
    from two_tower_gowalla import read

    train, test = (part.of_first_users(options.user_fraction) for part in read(Path(corpora()) / "gowalla"))
    results = quality(train, test, options.batch_size, options.epochs, options.every)
    steps, claim = speed(train, options.batch_size, options.rounds)
    recall = {method: rows[-1]["recall"] for method, rows in results.items()}
    write_record(
        options.record,
        "Is the softmax over a few items as good as the one over all of them, and how much cheaper is its step?",
        {
            "settings": {
                **SETTINGS,
                "batch_size": options.batch_size,
                "epochs": options.epochs,
                "users": train.num_users,
                "items": train.num_items,
                "training_pairs": len(train.user),
            },
            "results": results,
            "steps": steps,
            "step_ratio": claim,
            "recall_of_sampled_over_full": recall["sampled"] / recall["full"],
        },
    )


if __name__ == "__main__":
    main()

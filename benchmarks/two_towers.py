"""Is the softmax over a few items as good as the one over all of them, and how much cheaper is its step?

    python benchmarks/two_towers.py [--only full sampled in-batch bpr steps] [--epochs E] [--record FILE]

Trains the methods of `examples/two_tower_gowalla.py` alike, on $VASTMAX_DATA/gowalla, and keeps what their rankings are
worth; then times their steps in turn. The softmax over all items takes most of the time, some CPU-minutes an epoch.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from grouped import Group, add_arguments, run_groups, timed
from harness import HERE, corpora
from in_turn import Claim

sys.path.insert(0, str(HERE.parent / "examples"))

SCRIPT = Path(__file__)
RECORD = HERE / "records" / "two_towers.json"
SETTINGS = {"width": 64, "temperature": 0.1, "num_samples": 1024, "learning_rate": 0.03, "seed": 0}
METHODS = ("full", "sampled", "in-batch", "bpr")


def _data(options: argparse.Namespace) -> Any:
    from two_tower_gowalla import read

    return tuple(part.of_first_users(options.user_fraction) for part in read(Path(corpora()) / "gowalla"))


def quality(method: str) -> Group:
    """Recall@20 and NDCG@20 as training goes on, and what that cost."""

    def group(options: argparse.Namespace) -> dict[str, Any]:
        from two_tower_gowalla import Trainer, evaluate

        train, test = _data(options)
        trainer = Trainer(method, train, **SETTINGS)
        seconds, rows = 0.0, []
        for epoch in range(1, options.epochs + 1):
            started = time.process_time()
            loss = trainer.epoch(options.batch_size)
            seconds += time.process_time() - started
            row = {"epoch": epoch, "loss": loss, "cpu_seconds": seconds}
            if epoch % options.every == 0 or epoch == options.epochs:
                row |= asdict(evaluate(trainer, test))
            print(method, row, file=sys.stderr, flush=True)
            rows.append(row)
        facts = {"batch_size": options.batch_size, "users": train.num_users, "training_pairs": len(train.user)}
        return {"cases": {}, "claims": [], "settings": {**SETTINGS, **facts}, "epochs": rows}

    group.__doc__ = f"What the rankings of {method} are worth."
    return group


def steps(options: argparse.Namespace) -> dict[str, Any]:
    """Return the step of each method, timed in turn."""
    import torch
    from two_tower_gowalla import Trainer

    train, _ = _data(options)
    pairs = torch.randperm(len(train.user))[: options.batch_size]
    trainers = {method: Trainer(method, train, **SETTINGS) for method in METHODS}
    cases = {method: (lambda trainer=trainer: trainer.step(pairs)) for method, trainer in trainers.items()}
    claim = Claim("two towers: step over all items / over sampled ones", "full", "sampled", 5, at_least=True)
    return timed(cases, [claim], rounds=options.rounds)


GROUPS: dict[str, Group] = {**{method: quality(method) for method in METHODS}, "steps": steps}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser, GROUPS, RECORD)
    passed_on = {"--epochs": 10, "--every": 5, "--batch-size": 2048, "--user-fraction": 1.0}
    for name, default in passed_on.items():
        parser.add_argument(name, type=type(default), default=default)
    options = parser.parse_args()
    values = [str(getattr(options, name.removeprefix("--").replace("-", "_"))) for name in passed_on]
    run_groups(GROUPS, options, SCRIPT, [part for pair in zip(passed_on, values, strict=True) for part in pair])


if __name__ == "__main__":
    main()

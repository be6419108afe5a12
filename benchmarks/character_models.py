"""Measure the cost per step and the parameters of output vectors computed from spelling, against a table of vectors.

    python benchmarks/character_models.py [--only GROUP …] [--rounds R] [--record FILE]

The setting is that of `output_layers.py`: N = 1024, D = 256, two threads, forward + backward + optimizer step, cases
timed alternately. The words and their counts are from real text: $VASTMAX_DATA/wikilm.train.txt.xz, V = 349,435.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from grouped import add_arguments, run_groups, timed
from harness import corpora
from in_turn import Claim

SCRIPT = Path(__file__).resolve()
RECORD = SCRIPT.parent / "records" / "character_models.json"


def char_cnn(options: argparse.Namespace) -> dict[str, Any]:
    """CharCNN × SampledSoftmax against Dense × SampledSoftmax, K = 1024, V = 349k; parameters at D = 512."""
    import torch

    from output_steps import NUM_BATCHES, Batches, D, K, N, head_step
    from vastmax import Corpus
    from vastmax.head import Head
    from vastmax.objective import SampledSoftmax
    from vastmax.output import CharCNN, Dense
    from vastmax.proposal import Unigram

    vocabulary = Corpus(corpora() / "wikilm.train.txt.xz", cache=False).vocabulary
    counts = torch.from_numpy(vocabulary.counts.copy()).double()
    torch.manual_seed(0)
    target = [torch.multinomial(counts, N, replacement=True) for _ in range(NUM_BATCHES)]
    batches = Batches([torch.randn(N, D) for _ in target], target)

    def parameters(layer: torch.nn.Module) -> int:
        return sum(parameter.numel() for parameter in layer.parameters())

    wide = 512
    share = parameters(CharCNN(wide, vocabulary.words)) / parameters(Dense(wide, len(vocabulary)))
    layers = {"Dense": Dense(D, len(vocabulary)), "CharCNN": CharCNN(D, vocabulary.words)}
    cases = {
        f"{name}, sampled softmax": head_step(
            Head(layer, SampledSoftmax(Unigram(vocabulary.counts, unique=True), K)), batches, row_sparse=True
        )
        for name, layer in layers.items()
    }
    claims = [Claim("CharCNN: step / Dense's", "CharCNN, sampled softmax", "Dense, sampled softmax", 4)]
    return timed(
        cases,
        claims,
        rounds=options.rounds,
        vocab_size=len(vocabulary),
        parameter_share={"hidden_size": wide, "of_dense": share, "target": "<= 0.35", "met": share <= 0.35},
    )


GROUPS = {"char-cnn": char_cnn}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser, GROUPS, RECORD)
    run_groups(GROUPS, parser.parse_args(), SCRIPT)


if __name__ == "__main__":
    main()

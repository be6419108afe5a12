"""Measure the cost per step of importance sampling, its proposals and target partitions, and their bias by K.

    python benchmarks/sampling_proposals.py [--only GROUP …] [--rounds R] [--record FILE]

The setting is that of `output_layers.py`: N = 1024, D = 256, two threads, forward + backward + optimizer step, cases
timed alternately, each group in its own process. Bigrams are from real text: $VASTMAX_DATA/wikilm.train.txt.xz,
15.6 million tokens of Wikipedia, V = 349,435.
"""

from __future__ import annotations

import argparse
import itertools
import math
from pathlib import Path
from typing import Any

from grouped import add_arguments, run_groups, timed
from harness import corpora
from in_turn import Claim

SCRIPT = Path(__file__).resolve()
RECORD = SCRIPT.parent / "records" / "sampling_proposals.json"
V_LARGE = 349_000


def importance_sampling(options: argparse.Namespace) -> dict[str, Any]:
    """ImportanceSampling against SampledSoftmax, and AdaptiveBigram's share of it, K = 1024, V = 349k."""
    import numpy as np
    import torch

    from output_steps import NUM_BATCHES, Batches, D, K, N, head_step, table
    from vastmax import Corpus
    from vastmax.distribution.ngrams import NGrams
    from vastmax.head import Head
    from vastmax.objective import ImportanceSampling, SampledSoftmax
    from vastmax.output import Dense
    from vastmax.proposal import AdaptiveBigram, Unigram

    corpus = Corpus(corpora() / "wikilm.train.txt.xz", cache=False)
    counts, vocab_size = corpus.vocabulary.counts, len(corpus.vocabulary)
    pairs = NGrams.from_blocks(corpus.encode_with(corpus.vocabulary).blocks(), vocab_size)
    ends = np.random.default_rng(1).integers(1, corpus.num_tokens, size=(NUM_BATCHES, N))
    target, previous = (torch.from_numpy(np.asarray(corpus.ids)[place].astype(np.int64)) for place in (ends, ends - 1))
    torch.manual_seed(0)
    batches = Batches([torch.randn(N, D) for _ in target], list(target))
    weight = table(vocab_size, D)  # one for all: a table is 358 MB

    def head(objective: Any) -> Head:
        return Head(Dense(weight=weight), objective)

    # min_ess of 1 is always met: no example draws on or falls back for it, so that steps of K words are compared.
    contexts = itertools.cycle({"previous_word_id": row} for row in previous)
    unigram = head(ImportanceSampling(Unigram(counts), 1, K, block_size=K))
    adaptive = head(ImportanceSampling(AdaptiveBigram(counts, pairs), 1, K, block_size=K))
    cases = {
        "sampled-softmax": head_step(head(SampledSoftmax(Unigram(counts, unique=True), K)), batches, row_sparse=True),
        "sampled-softmax, with replacement": head_step(
            head(SampledSoftmax(Unigram(counts), K)), batches, row_sparse=True
        ),
        "importance-sampling": head_step(unigram, batches, row_sparse=True),
        "adaptive-importance-sampling": head_step(adaptive, batches, row_sparse=True, contexts=contexts),
    }
    figures = {
        name: each.diagnose(batches.hidden[0], batches.target[0], context={"previous_word_id": previous[0]})
        for name, each in (("importance-sampling", unigram), ("adaptive-importance-sampling", adaptive))
    }
    claims = [
        Claim("importance sampling: step / SampledSoftmax's", "importance-sampling", "sampled-softmax", 1.3),
        Claim("AdaptiveBigram: step / that with Unigram", "adaptive-importance-sampling", "importance-sampling", 1.25),
    ]
    return timed(
        cases, claims, rounds=options.rounds, figures=figures, pairs=len(pairs.word_ids), vocab_size=vocab_size
    )


def target_partition(options: argparse.Namespace) -> dict[str, Any]:
    """Target sampling with |V′| = 10k against the full softmax, V = 349k."""
    import torch

    from output_steps import D, full_softmax_step, head_step, table, zipf_batches
    from vastmax.head import Head
    from vastmax.objective import SampledSoftmax
    from vastmax.output import Dense
    from vastmax.proposal import Partition, TargetPartition

    size = 10_000
    batches = zipf_batches(V_LARGE)
    targets = torch.cat(batches.target).unique()
    others = torch.randperm(V_LARGE)
    others = others[~torch.isin(others, targets)][: size - len(targets)]
    partition = Partition.of(torch.cat([targets, others]))
    head = Head(Dense(weight=table(V_LARGE, D)), SampledSoftmax(TargetPartition(V_LARGE)))
    contexts = itertools.repeat({"partition": partition})
    cases = {
        "full softmax": full_softmax_step(V_LARGE, batches),
        "target-sampling": head_step(head, batches, row_sparse=True, contexts=contexts),
    }
    claims = [
        Claim("target sampling: full softmax / step", "full softmax", "target-sampling", 15, at_least=True),
    ]
    return timed(cases, claims, rounds=max(3, options.rounds // 3), words=len(partition.word_ids))


def bias(options: argparse.Namespace) -> dict[str, Any]:
    """Mean loss below the exact one by K, a law of 1,000 words under three proposals, against (Σp²/Q − 1)/2K."""
    import numpy as np

    size, repeats = 1000, 20_000
    rng = np.random.default_rng(0)
    zipf = 1.0 / np.arange(1, size + 1)
    p = zipf * np.exp(rng.normal(size=size))  # a model that departs from the unigrams
    p /= p.sum()
    laws = {"uniform": np.full(size, 1 / size), "unigram": zipf / zipf.sum()}
    laws["mixture"] = 0.7 * p + 0.3 * laws["unigram"]  # what a bigram that knows the context may come to
    found: dict[str, Any] = {}
    for name, q in laws.items():
        chi = float((p * p / q).sum())
        rows = []
        for K in (16, 64, 256, 1024, 4096):
            means = [rng.multinomial(K, q, size=1000) @ (p / q) / K for _ in range(repeats // 1000)]
            estimate = np.concatenate(means)  # of Z/Z = 1; less it, a control variate, its log varies far less
            losses = np.log(estimate) - (estimate - 1)
            rows.append(
                {
                    "K": K,
                    "bias": float(losses.mean()),
                    "standard_error": float(losses.std() / math.sqrt(repeats)),
                    "first_order": -(chi - 1) / (2 * K),
                }
            )
        found[name] = {"sum_p2_over_q": chi, "by_K": rows}
    return {"cases": {}, "claims": [], "laws": found, "words": size, "repeats": repeats}


GROUPS = {"importance-sampling": importance_sampling, "target-partition": target_partition, "bias": bias}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser, GROUPS, RECORD)
    run_groups(GROUPS, parser.parse_args(), SCRIPT)


if __name__ == "__main__":
    main()

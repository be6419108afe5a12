"""Run every measurement, one after the other; each writes its record under benchmarks/records/."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

MEASUREMENTS = {
    "loading_text": "vectors loaded from text against gensim (ten minutes; --words 100000: two)",
    "gensim_suite": "gensim's own tests against vastmax.gensim (about a minute)",
    "ingestion": "reading text against gensim's scan; memory as text grows (about a minute)",
    "phrases": "phrases against gensim's, and whether they are the same (five minutes)",
    "embedding_threads": "what a second thread costs (about a minute)",
    "embedding_memory": "training memory above the two matrices (half a minute)",
    "embedding_floor": "the kernel against its operations (half a minute)",
    "embedding_profile": "instructions and cache misses per center, by Valgrind (about two minutes)",
    "embedding_sharing": "blocks and pools of noise words against quality (about fifteen minutes)",
    "going_on": "training continued on new text (about five minutes)",
    "instruction_sets": "every kernel on AVX-512, AVX2 and plain processors (about fifteen minutes)",
    "kill_runs": "two hundred kills of training, races and counting, each resumed (about half an hour)",
    "damaged_files": "thousands of damaged files of every format (about ten minutes)",
    "checksums": "what checking costs beside loading and using vectors (a minute)",
    "tree_nesting": "what a sensible tree saves against a shuffled one (a minute)",
    "tree_clustering": "trees from the vectors of 349,435 words: seconds and memory (about five minutes)",
    "tree_methods --runs visits64 sampled-softmax huffman-visits64 --record": "clustered trees (ten minutes)",
    "tree_kinds": "how good a language model each kind of tree makes (about ten minutes)",
    "search": "the best words by every index: speed, recall, log Z (about a quarter of an hour)",
    "output_layers": "speed and memory of every output layer (about ten minutes, 12 GB)",
    "linear_cross_entropy": "the exact loss against PyTorch's function without logits (about five minutes)",
    "transformers_head": "an output layer of 128,000 words in Transformers' Trainer (about six minutes)",
    "character_models": "output vectors from spelling against a table of them (a minute)",
    "sampling_proposals": "importance sampling, its proposals, target partitions, and how bias falls (two minutes)",
    "advise": "accuracy of the step times estimated by `vastmax advise`, and its constants (about six minutes)",
    "fixed_ngrams": "fixed bigrams and trigrams as proposals, against unigrams (a quarter of an hour)",
    "two_towers": "recommendation on Gowalla: the softmax over all items against sampled ones (about an hour)",
    "sharded_heads": "heads spread over four processes: work, bytes, memory (about two minutes, 4 GB)",
    "loop_overhead": "the share of the training loop in a step of a language model (a minute)",
    "default_rates": "learning rates of tables, and where biases begin (eighteen CPU-minutes)",
    "papers/mnih_teh_2012": "noise-contrastive estimation against maximum likelihood (eighteen CPU-minutes)",
    "papers/chen_2015": "ten ways to train a feed-forward model at equal time (an hour and a quarter of CPU time)",
    "papers/wikilm": "six methods with 87,000 words, ten CPU-minutes each (over an hour)",
    "embedding_options": "what each option of training costs (a minute)",
    "embedding_options_quality": "what each option is worth (about ten minutes)",
    "embedding_speed": "skip-gram against gensim, five seeds (about twenty minutes)",
    "embedding_speed --model cbow": "CBOW against gensim, five seeds (about ten minutes)",
    "embedding_speed --objective hierarchical-softmax": "skip-gram's other objective (about twenty minutes)",
    "embedding_speed --model cbow --objective hierarchical-softmax --cbow-gradient word2vec": "CBOW's (ten minutes)",
}


def main() -> None:
    listing = "\n".join(f"  {name:28} {what}" for name, what in MEASUREMENTS.items())
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=listing, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", help="the measurements to run (default: all)")
    names = parser.parse_args().names or list(MEASUREMENTS)
    unknown = [name for name in names if name not in MEASUREMENTS]
    if unknown:
        sys.exit(f"no measurement {unknown[0]!r}; there are:\n{listing}")
    here = Path(__file__).parent
    for name in names:
        print(f"== {name}: {MEASUREMENTS[name]}", flush=True)
        script, *options = name.split()
        subprocess.run([sys.executable, str(here / f"{script}.py"), *options], check=True)


if __name__ == "__main__":
    main()

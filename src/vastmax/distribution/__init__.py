"""Tables computed from counts: powers of the unigram distribution, alias tables, entropy, code lengths. No torch."""

from vastmax.distribution.code_length import (
    HuffmanMerges,
    balanced_depths,
    balanced_expected_bits,
    balanced_mean_depth,
    huffman_expected_bits,
    huffman_merges,
)
from vastmax.distribution.counts import check_counts
from vastmax.distribution.entropy import (
    bits_from_perplexity,
    bits_per_word,
    entropy_bits,
    information_bits,
    perplexity_from_bits,
    perplexity_from_nats,
)

__all__ = [
    "HuffmanMerges",
    "balanced_depths",
    "balanced_expected_bits",
    "balanced_mean_depth",
    "bits_from_perplexity",
    "bits_per_word",
    "check_counts",
    "entropy_bits",
    "huffman_expected_bits",
    "huffman_merges",
    "information_bits",
    "perplexity_from_bits",
    "perplexity_from_nats",
]

"""What has been published of the quality of each method, in a line, for those who choose between them.

Perplexities are from Chen, Grangier & Auli (2015, at equal training time: Penn Treebank, V = 10k; Gigaword, 100k; the
billion-word benchmark, 800k) and Grave et al. (2017, text8, V = 44k, at equal epochs), unless another source is named.
They order the methods; on another text, with another encoder, the gaps are others.
"""

from __future__ import annotations

from dataclasses import dataclass

SOFTMAX_PERPLEXITIES = (123.8, 56.5, 108.3)


@dataclass(frozen=True)
class Quality:
    """Of one method; what was published of its speed is in `vastmax.compare.literature`.

    Attributes:
        quality: in words, with figures.
        perplexities: of Chen et al., at V = 10k, 100k and 800k; None where they did not run it.
    """

    quality: str
    perplexities: tuple[float, float, float] | None = None

    def against_softmax(self) -> str | None:
        """`138.2 / 57.1 / 85.2 against the softmax's 123.8 / 56.5 / 108.3`."""
        if self.perplexities is None:
            return None
        own, softmax = (
            " / ".join(f"{value:g}" for value in values) for values in (self.perplexities, SOFTMAX_PERPLEXITIES)
        )
        return f"{own} against the softmax's {softmax}"


QUALITY: dict[str, Quality] = {
    "softmax": Quality(
        "the yardstick: very good for a small V, very poor for a large one, where it sees too little text in its time",
        SOFTMAX_PERPLEXITIES,
    ),
    "hierarchical-softmax": Quality(
        "poor for a small V, the best of all for a large one; as good as its tree: on APNews 151 with a random tree, "
        "127 with a clustered one, 112 with four overlapping ones, 117 without a tree (Mnih & Hinton 2008)",
        (138.2, 57.1, 85.2),
    ),
    "two-level": Quality(
        "classes by frequency: 166 against the softmax's 144 on text8, 51 against 42 on Europarl (Grave 2017)",
    ),
    "differentiated": Quality(
        "at least as good as the softmax in equal time, rare words worse; 195 against 144 on text8 at equal epochs "
        "(Grave 2017)",
        (121.1, 52.0, 91.2),
    ),
    "adaptive": Quality(
        "147 against the softmax's 144 on text8, 40 against 42 on Europarl, at equal epochs (Grave 2017)",
    ),
    "cnn-softmax": Quality(
        "a third of the parameters: 39.8 against 30.0 on a billion words, 35.8 with a correction a word (Jozefowicz "
        "2016)",
    ),
    "char-lstm": Quality(
        "any string has a probability: 49.0 against 30.0 on a billion words, 47.9 renormalised (Jozefowicz 2016)",
    ),
    "importance-sampling": Quality(
        "as target sampling, by its kind; beat NCE on a billion words in the form of sampled softmax (Jozefowicz 2016)",
    ),
    "adaptive-importance-sampling": Quality(
        "as target sampling, by its kind; the proposal follows the model, so that fewer words do",
    ),
    "target-sampling": Quality(
        "near the softmax for a small V; for a large one between it and the hierarchical softmax",
        (124.2, 57.6, 101.0),
    ),
    "sampled-softmax": Quality(
        "166 against the softmax's 144 on text8 at equal epochs (Grave 2017); it trained the best models of a billion "
        "words (Jozefowicz 2016)",
    ),
    "nce": Quality(
        "at K = 25 as good as maximum likelihood on Penn Treebank (163.1 against 163.5, Mnih & Teh 2012); in Chen et "
        "al. the worst for a small V and for a medium one",
        (143.1, 78.4, 104.7),
    ),
    "negative-sampling": Quality("no likelihoods: for vectors"),
    "self-normalised": Quality(
        "as the softmax, a little worse as log Z is held nearer to 0: mean |log Z| 0.68 at alpha 0.1 (Devlin 2014)",
    ),
    "infrequent-normalisation": Quality(
        "near the softmax for a small V, better for a large one (its weak form)",
        (124.4, 56.9, 98.7),
    ),
}
"""By the names of `RECIPES`."""

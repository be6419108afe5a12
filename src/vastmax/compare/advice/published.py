"""What has been published of the quality and speed of each method, in a line, for those who choose between them.

Perplexities are from Chen, Grangier & Auli (2015, at equal training time: Penn Treebank, V = 10k; Gigaword, 100k; the
billion-word benchmark, 800k) and Grave et al. (2017, text8, V = 44k, at equal epochs), unless another source is named.
They order the methods; on another text, with another encoder, the gaps are others.
"""

from __future__ import annotations

from dataclasses import dataclass

SIZES = (10_000, 100_000, 800_000)
"""Vocabularies of Chen et al., for `Published.perplexities`."""

SOFTMAX_PERPLEXITIES = (123.8, 56.5, 108.3)


@dataclass(frozen=True)
class Published:
    """Of one method.

    Attributes:
        quality: in words, with figures.
        speed: of a training step against the softmax, as the original paper or Chen et al. measured it.
        perplexities: at `SIZES`, of Chen et al.; None where they did not run it.
    """

    quality: str
    speed: str
    perplexities: tuple[float, float, float] | None = None

    def against_softmax(self) -> str | None:
        """`138.2 / 57.1 / 85.2 against the softmax's 123.8 / 56.5 / 108.3`."""
        if self.perplexities is None:
            return None
        own, softmax = (
            " / ".join(f"{value:g}" for value in values) for values in (self.perplexities, SOFTMAX_PERPLEXITIES)
        )
        return f"{own} against the softmax's {softmax}"


PUBLISHED: dict[str, Published] = {
    "softmax": Published(
        "the yardstick: very good for a small V, very poor for a large one, where it sees too little text in its time",
        "1×",
        SOFTMAX_PERPLEXITIES,
    ),
    "hierarchical-softmax": Published(
        "poor for a small V, the best of all for a large one; as good as its tree: on APNews 151 with a random tree, "
        "127 with a clustered one, 112 with four overlapping ones, 117 without a tree (Mnih & Hinton 2008)",
        "25× (Chen), 50–100× (Mikolov 2013)",
        (138.2, 57.1, 85.2),
    ),
    "two-level": Published(
        "classes by frequency: 166 against the softmax's 144 on text8, 51 against 42 on Europarl (Grave 2017)",
        "about 2.5× in Grave et al.",
    ),
    "differentiated": Published(
        "at least as good as the softmax in equal time, rare words worse; 195 against 144 on text8 at equal epochs "
        "(Grave 2017)",
        "2×",
        (121.1, 52.0, 91.2),
    ),
    "adaptive": Published(
        "147 against the softmax's 144 on text8, 40 against 42 on Europarl, at equal epochs (Grave 2017)",
        "2.8× and 7.3× on GPUs (Grave 2017)",
    ),
    "cnn-softmax": Published(
        "a third of the parameters: 39.8 against 30.0 on a billion words, 35.8 with a correction a word (Jozefowicz "
        "2016)",
        "slower than a sampled softmax",
    ),
    "char-lstm": Published(
        "any string has a probability: 49.0 against 30.0 on a billion words, 47.9 renormalised (Jozefowicz 2016)",
        "slower than a sampled softmax",
    ),
    "importance-sampling": Published(
        "as target sampling, by its kind; beat NCE on a billion words in the form of sampled softmax (Jozefowicz 2016)",
        "19× (Bengio & Senécal 2003)",
    ),
    "adaptive-importance-sampling": Published(
        "as target sampling, by its kind; the proposal follows the model, so that fewer words do",
        "about 100× (Bengio & Senécal 2008)",
    ),
    "target-sampling": Published(
        "near the softmax for a small V; for a large one between it and the hierarchical softmax",
        "2×",
        (124.2, 57.6, 101.0),
    ),
    "sampled-softmax": Published(
        "166 against the softmax's 144 on text8 at equal epochs (Grave 2017); it trained the best models of a billion "
        "words (Jozefowicz 2016)",
        "2× (Grave 2017), with fewer words in play far more",
    ),
    "nce": Published(
        "at K = 25 as good as maximum likelihood on Penn Treebank (163.1 against 163.5, Mnih & Teh 2012); in Chen et "
        "al. the worst for a small V and for a medium one",
        "8× (Chen), 14× (Mnih & Teh 2012)",
        (143.1, 78.4, 104.7),
    ),
    "negative-sampling": Published("no likelihoods: for vectors", "50–100× (Mikolov 2013)"),
    "self-normalised": Published(
        "as the softmax, a little worse as log Z is held nearer to 0: mean |log Z| 0.68 at alpha 0.1 (Devlin 2014)",
        "1×; 15× in decoding (Devlin 2014)",
    ),
    "infrequent-normalisation": Published(
        "near the softmax for a small V, better for a large one (its weak form)",
        "6× (Chen), 10× (Andreas & Klein 2015)",
        (124.4, 56.9, 98.7),
    ),
}
"""By the names of `RECIPES`."""

"""The combinations of the literature, by name: what the command line, the comparison, docs and tests iterate over."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from vastmax import tree as trees
from vastmax.distribution.counts import counts_array
from vastmax.distribution.ngrams import NGrams
from vastmax.errors import InputError
from vastmax.head import Head
from vastmax.objective.cross_entropy import CrossEntropy
from vastmax.objective.importance_sampling import ImportanceSampling
from vastmax.objective.nce import NCE, LearnedNormaliser
from vastmax.objective.negative_sampling import NegativeSampling
from vastmax.objective.sampled_softmax import SampledSoftmax
from vastmax.objective.self_normalised import Penalty, SelfNormalised
from vastmax.output.adaptive import Adaptive
from vastmax.output.char_cnn import CharCNN
from vastmax.output.char_lstm import CharLSTM
from vastmax.output.dense import Dense
from vastmax.output.differentiated import Differentiated
from vastmax.output.hierarchical import Hierarchical
from vastmax.proposal.adaptive_bigram import AdaptiveBigram
from vastmax.proposal.target_partition import TargetPartition
from vastmax.proposal.unigram import Unigram

BuildHead = Callable[..., Head]
_Build = TypeVar("_Build", bound=BuildHead)


@dataclass(frozen=True)
class Recipe:
    """One way to build a head.

    Attributes:
        name: as in `RECIPES`.
        summary: one line: what it does, and when to take it.
        source: where it was published.
        needs: what it needs beyond counts: "words" (a `Vocabulary`), "corpus" (a `Corpus`, or one in the ids of a
            vocabulary, `corpus.encode_with(vocabulary)`), or "context:NAME" (an entry of `context` in every training
            call).
        build: the typed function behind it, with the recipe's options as keyword arguments.
    """

    name: str
    summary: str
    source: str
    needs: frozenset[str]
    build: BuildHead

    def __call__(self, hidden_size: int, vocabulary: Any) -> Head:
        """The head with default options.

        Args:
            hidden_size: D, the width of the hidden vectors.
            vocabulary: a `Vocabulary`, or counts (V,) in id order where words are not needed; a `Corpus` where the
                recipe needs one.

        Raises:
            InputError: the recipe needs words or a corpus and got counts alone.
        """
        if "corpus" in self.needs and not hasattr(vocabulary, "vocabulary"):
            raise InputError(
                f"recipe {self.name!r} counts pairs of words: pass a Corpus, or corpus.encode_with(vocabulary)"
            )
        if "words" in self.needs and not hasattr(vocabulary, "words"):
            raise InputError(f"recipe {self.name!r} spells words out: pass a Vocabulary, not counts alone")
        return self.build(hidden_size, vocabulary)


RECIPES: dict[str, Recipe] = {}
"""All recipes by name; each is called as `RECIPES[name](hidden_size, vocabulary)`, or by its `build` with options."""

# Noise words a step, shared by the batch. With fewer, the gathers and draws of a step weigh as much as its products.
DEFAULT_NUM_SAMPLES = 1024

# Importance sampling starts with as many, and draws on for examples whose effective sample size is below this one.
DEFAULT_MIN_ESS = 10.0
DEFAULT_MAX_SAMPLES = 4096


def recipe(name: str, *, summary: str, source: str, needs: frozenset[str] = frozenset()) -> Callable[[_Build], _Build]:
    """Enter the decorated function into `RECIPES`; it stays what it is, a typed function with options."""

    def enter(build: _Build) -> _Build:
        RECIPES[name] = Recipe(name, summary, source, needs, build)
        return build

    return enter


def _vocab_size(vocabulary: Any) -> int:
    return int(counts_array(vocabulary).size)


@recipe(
    "softmax",
    summary="the plain softmax: exact, O(V) a token in training and test; small vocabularies, or as the yardstick",
    source="Bengio et al. 2003",
)
def softmax(hidden_size: int, vocabulary: Any) -> Head:
    """Dense × CrossEntropy."""
    return Head(Dense(hidden_size, _vocab_size(vocabulary)), CrossEntropy(), counts=vocabulary)


@recipe(
    "hierarchical-softmax",
    summary="a word is a path of binary decisions, the frequent ones short: the cheapest exact step at any V; "
    "a model of its own, as good as its tree",
    source="Morin & Bengio 2005; Mikolov et al. 2013",
)
def hierarchical_softmax(hidden_size: int, vocabulary: Any, *, tree: trees.Tree | None = None) -> Head:
    """Hierarchical over a tree, a Huffman tree unless another is given, × CrossEntropy."""
    counts = counts_array(vocabulary)
    over = trees.huffman(counts) if tree is None else tree
    return Head(Hierarchical(hidden_size, over, counts=counts), CrossEntropy())


@recipe(
    "two-level",
    summary="first the class, then the word in it: exact, some 2·√V scores in place of V, in few, large products",
    source="Goodman 2001; Mikolov et al. 2011",
)
def two_level(hidden_size: int, vocabulary: Any, *, num_classes: int | None = None) -> Head:
    """Hierarchical over frequency classes × CrossEntropy."""
    counts = counts_array(vocabulary)
    classes = trees.frequency_classes(counts, num_classes)
    return Head(Hierarchical(hidden_size, classes, counts=counts), CrossEntropy())


@recipe(
    "differentiated",
    summary="frequent words get wide vectors, rare ones narrow: exact, cheaper in training and test, rare words suffer",
    source="Chen et al. 2015",
)
def differentiated(
    hidden_size: int,
    vocabulary: Any,
    *,
    block_sizes: Sequence[int] | None = None,
    block_widths: Sequence[int] | None = None,
) -> Head:
    """Differentiated × CrossEntropy."""
    output = Differentiated(hidden_size, counts_array(vocabulary), block_sizes, block_widths)
    return Head(output, CrossEntropy(), counts=vocabulary)


@recipe(
    "adaptive",
    summary="a short list of frequent words and clusters of the others in narrower spaces: exact, and fast on GPUs",
    source="Grave et al. 2017",
)
def adaptive(hidden_size: int, vocabulary: Any, *, cutoffs: Sequence[int] | None = None) -> Head:
    """Adaptive × CrossEntropy."""
    return Head(Adaptive(hidden_size, counts_array(vocabulary), cutoffs), CrossEntropy())


@recipe(
    "cnn-softmax",
    summary="output vectors worked out from spelling: a third of the parameters, words of no training text included; "
    "slower to train",
    source="Jozefowicz et al. 2016",
    needs=frozenset({"words"}),
)
def cnn_softmax(
    hidden_size: int,
    vocabulary: Any,
    *,
    correction_size: int | None = None,
    num_samples: int = DEFAULT_NUM_SAMPLES,
    power: float = 1.0,
) -> Head:
    """CharCNN × SampledSoftmax over unique draws from Unigram(power)."""
    noise = Unigram(vocabulary, power, unique=True)
    output = CharCNN(hidden_size, vocabulary.words, correction_size)
    return Head(output, SampledSoftmax(noise, num_samples), counts=vocabulary)


@recipe(
    "char-lstm",
    summary="words letter by letter, by an LSTM: no vocabulary to outgrow, the fewest parameters; slow, and worse",
    source="Ling et al. 2016; Jozefowicz et al. 2016",
    needs=frozenset({"words"}),
)
def char_lstm(hidden_size: int, vocabulary: Any, *, renormalise: bool = False, state_size: int | None = None) -> Head:
    """CharLSTM × CrossEntropy."""
    output = CharLSTM(hidden_size, vocabulary.words, renormalise=renormalise, state_size=state_size)
    return Head(output, CrossEntropy())


@recipe(
    "importance-sampling",
    summary="log Z from sampled words, and exactly where they are too few: dear once the model is sharper than the "
    "unigrams; sampled softmax needs no such guard",
    source="Bengio & Senécal 2003",
)
def importance_sampling(
    hidden_size: int,
    vocabulary: Any,
    *,
    min_ess: float = DEFAULT_MIN_ESS,
    max_samples: int = DEFAULT_MAX_SAMPLES,
    power: float = 1.0,
) -> Head:
    """Dense × ImportanceSampling over draws from Unigram(power)."""
    noise = Unigram(vocabulary, power)
    objective = ImportanceSampling(noise, min_ess, max_samples)
    return Head(Dense(hidden_size, noise.vocab_size), objective, counts=vocabulary)


@recipe(
    "adaptive-importance-sampling",
    summary="importance sampling from bigrams that follow the model: fewer words for the same effective sample size; "
    "language models only",
    source="Bengio & Senécal 2008",
    needs=frozenset({"corpus", "context:previous_word_id"}),
)
def adaptive_importance_sampling(
    hidden_size: int, corpus: Any, *, min_ess: float = DEFAULT_MIN_ESS, max_samples: int = DEFAULT_MAX_SAMPLES
) -> Head:
    """Dense × ImportanceSampling over AdaptiveBigram, the pairs counted in `corpus`."""
    encoded = corpus.encode_with(corpus.vocabulary) if hasattr(corpus, "encode_with") else corpus
    counts = encoded.vocabulary.counts
    noise = AdaptiveBigram(counts, NGrams.from_blocks(encoded.blocks(), len(counts)))
    objective = ImportanceSampling(noise, min_ess, max_samples)
    return Head(Dense(hidden_size, noise.vocab_size), objective, counts=counts)


@recipe(
    "target-sampling",
    summary="softmax over the words that the current part of the training set has as targets: no draws, large products",
    source="Jean et al. 2015",
    needs=frozenset({"context:partition"}),
)
def target_sampling(hidden_size: int, vocabulary: Any, *, num_others: int = 0) -> Head:
    """Dense × SampledSoftmax over TargetPartition; `proposal.partitions` gives each batch its partition."""
    noise = TargetPartition(_vocab_size(vocabulary), num_others)
    return Head(Dense(hidden_size, noise.vocab_size), SampledSoftmax(noise), counts=vocabulary)


@recipe(
    "sampled-softmax",
    summary="softmax over the target and K sampled words: the usual choice for training on large vocabularies",
    source="Jean et al. 2015; Jozefowicz et al. 2016",
)
def sampled_softmax(
    hidden_size: int, vocabulary: Any, *, num_samples: int = DEFAULT_NUM_SAMPLES, power: float = 1.0
) -> Head:
    """Dense × SampledSoftmax over unique draws from Unigram(power)."""
    noise = Unigram(vocabulary, power, unique=True)
    return Head(Dense(hidden_size, noise.vocab_size), SampledSoftmax(noise, num_samples), counts=vocabulary)


@recipe(
    "nce",
    summary="tell words from noise: as cheap as sampled softmax, and scores that need no normaliser at test time",
    source="Gutmann & Hyvärinen 2010; Mnih & Teh 2012",
)
def nce(
    hidden_size: int,
    vocabulary: Any,
    *,
    num_samples: int = DEFAULT_NUM_SAMPLES,
    power: float = 1.0,
    log_normaliser: float | LearnedNormaliser = 0.0,
) -> Head:
    """Dense × NCE over draws from Unigram(power), shared by the batch."""
    noise = Unigram(vocabulary, power)
    objective = NCE(noise, num_samples, log_normaliser, hidden_size=hidden_size)
    return Head(Dense(hidden_size, noise.vocab_size), objective, counts=vocabulary)


@recipe(
    "negative-sampling",
    summary="NCE without its corrections: for vectors, not likelihoods",
    source="Mikolov et al. 2013",
)
def negative_sampling(
    hidden_size: int, vocabulary: Any, *, num_samples: int = DEFAULT_NUM_SAMPLES, power: float = 0.75
) -> Head:
    """Dense × NegativeSampling over draws from Unigram(power), shared by the batch."""
    noise = Unigram(vocabulary, power)
    # Its biases begin where it predicts the law of its noise, which is as good a start: benchmarks/default_rates.py.
    return Head(Dense(hidden_size, noise.vocab_size), NegativeSampling(noise, num_samples))


@recipe(
    "self-normalised",
    summary="the plain softmax trained so that log Z stays near 0: scoring a given word then costs O(D)",
    source="Devlin et al. 2014",
)
def self_normalised(hidden_size: int, vocabulary: Any, *, alpha: float = 0.1) -> Head:
    """Dense × SelfNormalised."""
    return Head(Dense(hidden_size, _vocab_size(vocabulary)), SelfNormalised(alpha), counts=vocabulary)


@recipe(
    "infrequent-normalisation",
    summary="self-normalised, with log Z computed for a tenth of the examples: cheaper training and scoring",
    source="Andreas & Klein 2015; Chen et al. 2015",
)
def infrequent_normalisation(
    hidden_size: int, vocabulary: Any, *, alpha: float = 0.1, fraction: float = 0.1, penalty: Penalty = "likelihood"
) -> Head:
    """Dense × SelfNormalised with a fraction below 1."""
    objective = SelfNormalised(alpha, fraction, penalty=penalty)
    return Head(Dense(hidden_size, _vocab_size(vocabulary)), objective, counts=vocabulary)

"""The parts of a language model by name, and the model that is built from them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from vastmax.arguments import MOST_SEED, MOST_SIZE, Whole
from vastmax.errors import InputError, argument
from vastmax.options import TRAINING, check_options, option

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vastmax.language_model.model import LanguageModel
    from vastmax.progress import Progress
    from vastmax.text import Vocabulary
    from vastmax.tree import Tree

PREVIOUS_WORD = "context:previous_word_id"
"""A need of an objective that the training of a language model meets at each step."""


@dataclass(frozen=True)
class ModelConfig:
    """The encoder and the method of a model, with their options.

    Attributes:
        encoder: of `ENCODERS`.
        method: of `RECIPES`.
        hidden_size: D.
        encoder_options: by name; see `EncoderKind.options`.
        method_options: by name, as the recipe's function takes them.
        tied: whether encoder and output layer share their vectors.
        seed: of the initial parameters; those of the encoder do not depend on the method.

    Raises:
        InputError: an unknown name, or a method that needs more than text.

    Example:
        >>> from vastmax import Vocabulary
        >>> config = ModelConfig("log-bilinear", "nce", 16, method_options={"num_samples": 8})
        >>> config.build(Vocabulary(["</s>", "a", "b"], [3, 2, 1])).vocab_size
        3
    """

    encoder: str = option(
        "lstm",
        "Encoder: log-bilinear, feed-forward, lstm, transformer.",
        metavar="NAME",
        suggested=("log-bilinear", "feed-forward", "lstm", "transformer"),
    )
    method: str = option(
        "sampled-softmax",
        "Method: softmax, sampled-softmax, nce, adaptive, and others.",
        metavar="NAME",
        suggested=("softmax", "sampled-softmax", "nce", "adaptive", "hierarchical-softmax"),
    )
    hidden_size: int = option(256, "Size of hidden vectors.", bound=Whole(1, MOST_SIZE))
    encoder_options: dict[str, Any] = field(default_factory=dict)
    method_options: dict[str, Any] = field(default_factory=dict)
    tied: bool = option(False, "Share the vectors of encoder and output layer.")
    seed: int = option(1, "Start of the random numbers.", bound=Whole(0, MOST_SEED), group=TRAINING)

    def __post_init__(self) -> None:
        from vastmax.encoder.registry import ENCODERS
        from vastmax.methods import RECIPES
        from vastmax.proposal.target_partition import PARTITION

        check_options(self)
        for what, name, known in (("encoder", self.encoder, ENCODERS), ("method", self.method, RECIPES)):
            if name not in known:
                raise InputError(f"{argument(what)} is {name!r}; expected {', '.join(known)}")
        told = {PREVIOUS_WORD, f"context:{PARTITION}"}
        missing = {need for need in RECIPES[self.method].needs if need.startswith("context:")} - told
        if missing:
            names = ", ".join(sorted(need.removeprefix("context:") for need in missing))
            raise InputError(
                f"the method {self.method!r} needs {names} with every batch, which the training of language models "
                "does not provide; choose another method, or use its Head in your own training loop"
            )

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return asdict(self)

    def tree_from(
        self, vocabulary: Vocabulary, text: NDArray[np.int32] | None = None, *, progress: Progress | None = None
    ) -> Tree | None:
        """Return the tree that the method makes from a text, for `build`, or None if it makes none.

        Raises:
            InputError: invalid options of the method, or no text if it needs one.
        """
        from vastmax.methods import RECIPES
        from vastmax.progress import Silent

        make = RECIPES[self.method].tree_from
        if make is None:
            return None
        return make(self._source(vocabulary, text), self.method_options, progress or Silent())

    def _source(self, vocabulary: Vocabulary, text: NDArray[np.int32] | None) -> Any:
        """Return what the method is built from: the vocabulary, or the text if there is one or the method needs it."""
        import numpy as np

        from vastmax.language_model.text import EncodedText
        from vastmax.methods import RECIPES

        if text is None and "corpus" not in RECIPES[self.method].needs:
            return vocabulary
        return EncodedText(np.zeros(0, dtype=np.int32) if text is None else text, vocabulary)

    def build(
        self, vocabulary: Vocabulary, text: NDArray[np.int32] | None = None, *, tree: Tree | None = None
    ) -> LanguageModel:
        """The model, its parameters drawn from `seed`; the random state elsewhere is left as it was.

        Args:
            vocabulary: of the words; see `language_vocabulary`.
            text: what it is to be trained on, for methods that count pairs of words; without it those predict as they
                do with it, but cannot be trained.
            tree: what `tree_from` gave, for methods over a tree; without it they make one.

        Raises:
            InputError: options that the encoder or the method refuses, or words that cannot be tied.
        """
        import numpy as np
        import torch

        from vastmax.encoder.registry import ENCODERS
        from vastmax.language_model.model import LanguageModel
        from vastmax.language_model.text import SENTENCE_END
        from vastmax.methods import RECIPES
        from vastmax.output.dense import Dense

        recipe = RECIPES[self.method]
        ENCODERS[self.encoder].require_memory(len(vocabulary), self.hidden_size, self.encoder_options)
        source = self._source(vocabulary, text) if "corpus" in recipe.needs else vocabulary
        options = self.method_options if tree is None else {**self.method_options, "tree": tree}
        # How many numbers a head draws differs from method to method; all encoders are to start alike.
        head_seed, encoder_seed = np.random.SeedSequence(self.seed).generate_state(2, np.uint64)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(head_seed))
            head = recipe.build(self.hidden_size, source, **options)
            if self.tied and not isinstance(head.output, Dense):
                raise InputError(
                    f"tied words need an output layer with one vector of {argument('hidden_size')} per word; "
                    f"{self.method!r} has "
                    f"{type(head.output).__name__}: leave {argument('tied')} out"
                )
            torch.manual_seed(int(encoder_seed))
            encoder = ENCODERS[self.encoder](
                len(vocabulary),
                self.hidden_size,
                self.encoder_options,
                first_id=vocabulary.id(SENTENCE_END),
                # Two gradients of one table must be of one kind, or their sum is dense.
                sparse_gradients=not self.tied or head.objective.sampled,
            )
        if self.tied:
            assert isinstance(head.output, Dense)
            if encoder.embedding.weight.shape != head.output.weight.shape:
                raise InputError(
                    f"tied words need embedding_size {self.hidden_size}, the {argument('hidden_size')}, not "
                    f"{encoder.embedding.weight.shape[1]}"
                )
            encoder.embedding.weight = head.output.weight
        return LanguageModel(encoder, head)

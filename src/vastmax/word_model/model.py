"""An encoder of words combined with a head, and the word vectors in them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from vastmax.encoder.cbow import CBOW
from vastmax.encoder.skip_gram import SkipGram
from vastmax.encoder.word_encoder import WordEncoder
from vastmax.head import Head
from vastmax.methods import RECIPES
from vastmax.output.dense import Dense
from vastmax.text import Vocabulary
from vastmax.tree import Tree
from vastmax.word_model.settings import CheckedWordModelSettings

_ENCODERS: dict[str, type[SkipGram | CBOW]] = {"skipgram": SkipGram, "cbow": CBOW}


class WordModel(nn.Module):
    """p(word | context) of skip-gram or CBOW: that of the head for the encoder's hidden vector.

    Args:
        encoder: `SkipGram` or `CBOW`; its table (V, D) holds the word vectors.
        head: for the same V words and hidden vectors of the same size D.

    Example:
        >>> model = WordModel(SkipGram(5, 8), RECIPES["softmax"](8, [5, 4, 3, 2, 1]))
        >>> loss = model(torch.tensor([0, 1, 4]), torch.tensor([1, 2, 0]))
        >>> tuple(model.word_vectors.shape), tuple(model.output_vectors.shape)
        ((5, 8), (5, 8))
    """

    def __init__(self, encoder: WordEncoder, head: Head) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = head

    @classmethod
    def build(
        cls, settings: CheckedWordModelSettings, vocabulary: Vocabulary, *, tree: Tree | None = None
    ) -> WordModel:
        """Return the model for these settings, initialized from their seed; the global random state is unchanged.

        Args:
            settings: of the run.
            vocabulary: of the words.
            tree: the one that the recipe made from the text, if it uses a tree.
        """
        options = settings.objective_options if tree is None else {**settings.objective_options, "tree": tree}
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            head = RECIPES[settings.objective].build(settings.vector_size, vocabulary, **options)
            encoder = _ENCODERS[settings.model](len(vocabulary), settings.vector_size)
        return cls(encoder, head).to(settings.device)

    def forward(
        self,
        word_ids: Tensor,
        target: Tensor,
        *,
        context: dict[str, Any] | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return the mean loss of the head, in nats per prediction.

        Args:
            word_ids: the words that predict: centers (N,) for skip-gram; windows (N, M), padded with −1, for CBOW.
            target: (N,) ids of the words to predict.
            context: other data that the objective needs, by name; see `Head.forward`.
            generator: of the noise; None: PyTorch's default.

        Returns:
            A differentiable scalar; in eval mode, the exact mean of −log p.
        """
        loss: Tensor = self.head(self.encoder(word_ids), target, context=context, generator=generator)
        return loss

    @property
    def word_vectors(self) -> Tensor:
        """(V, D), the table of the encoder."""
        return self.encoder.embedding.weight.detach()

    @property
    def output_vectors(self) -> Tensor | None:
        """(V, D), the table of the output layer, or None if it does not have one row per word."""
        return self.head.output.weight.detach() if isinstance(self.head.output, Dense) else None

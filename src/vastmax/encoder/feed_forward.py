"""The feed-forward model over a window of words."""

from __future__ import annotations

from torch import Tensor, nn

from vastmax.encoder.base import WindowEncoder, check_share, check_sizes


class FeedForward(WindowEncoder):
    """h = tanh(A·[r_{w_1}; …; r_{w_n}] + a), and further such layers (Bengio et al. 2003; Chen et al. 2015).

    Args:
        vocab_size: V, the number of input words.
        hidden_size: D, the size of every layer.
        embedding_size: the size of the word vectors; D if None.
        context_size: the number of context words.
        num_layers: the number of layers.
        dropout: the dropout rate after each layer, in training.
        padding_id: the word at positions before the beginning of the text.
        sparse_gradients: see `LogBilinear`.

    Raises:
        InputError: sizes below 1, dropout not in [0, 1).

    Cost: context_size·embedding_size·D + (num_layers − 1)·D² multiply-adds per word.
    """

    def __init__(
        self,
        vocab_size: int,
        hidden_size: int,
        *,
        embedding_size: int | None = None,
        context_size: int = 4,
        num_layers: int = 1,
        dropout: float = 0.0,
        padding_id: int = 0,
        sparse_gradients: bool = True,
    ) -> None:
        super().__init__()
        width = hidden_size if embedding_size is None else embedding_size
        check_sizes(
            vocab_size=vocab_size,
            hidden_size=hidden_size,
            embedding_size=width,
            context_size=context_size,
            num_layers=num_layers,
        )
        check_share("dropout", dropout)
        self.vocab_size, self.hidden_size = vocab_size, hidden_size
        self.context_size, self.padding_id = context_size, padding_id
        self.embedding = nn.Embedding(vocab_size, width, sparse=sparse_gradients)
        layers: list[nn.Module] = []
        for layer in range(num_layers):
            layers += [nn.Linear(hidden_size if layer else context_size * width, hidden_size), nn.Tanh()]
            if dropout:
                layers.append(nn.Dropout(dropout))
        self.layers = nn.Sequential(*layers)

    def encode(self, windows: Tensor) -> Tensor:
        """See `WindowEncoder.encode`."""
        hidden: Tensor = self.layers(windows.flatten(2))
        return hidden

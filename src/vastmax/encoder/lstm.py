"""The recurrent encoder."""

from __future__ import annotations

from torch import Tensor, nn

from vastmax.encoder.base import Encoder, State, check_share, check_sizes


class LSTM(Encoder):
    """Long short-term memory over contiguous streams of text; the state is carried from one sequence to the next.

    Args:
        vocab_size: V, the number of input words.
        hidden_size: D, the size of every layer.
        embedding_size: the size of the word vectors; D if None.
        num_layers: the number of layers.
        dropout: the dropout rate between layers and after the last, in training.
        sparse_gradients: see `LogBilinear`.

    Raises:
        InputError: sizes below 1, dropout not in [0, 1).

    Cost: 8·D² multiply-adds per word and layer, sequential over words.

    Example:
        >>> import torch
        >>> encoder = LSTM(100, 8)
        >>> hidden, state = encoder(torch.tensor([[5, 7, 9]]))
        >>> hidden.shape, encoder(torch.tensor([[1]]), state)[0].shape
        (torch.Size([1, 3, 8]), torch.Size([1, 1, 8]))
    """

    def __init__(
        self,
        vocab_size: int,
        hidden_size: int,
        *,
        embedding_size: int | None = None,
        num_layers: int = 1,
        dropout: float = 0.0,
        sparse_gradients: bool = True,
    ) -> None:
        super().__init__()
        width = hidden_size if embedding_size is None else embedding_size
        check_sizes(vocab_size=vocab_size, hidden_size=hidden_size, embedding_size=width, num_layers=num_layers)
        check_share("dropout", dropout)
        self.vocab_size, self.hidden_size = vocab_size, hidden_size
        self.embedding = nn.Embedding(vocab_size, width, sparse=sparse_gradients)
        nn.init.uniform_(self.embedding.weight, -0.1, 0.1)
        between = dropout if num_layers > 1 else 0.0
        self.layers = nn.LSTM(width, hidden_size, num_layers, batch_first=True, dropout=between)
        self.dropout = nn.Dropout(dropout)

    def start(self, num_streams: int) -> State:
        """See `Encoder.start`."""
        shape = (num_streams, self.layers.num_layers, self.hidden_size)
        return self.embedding.weight.new_zeros(shape), self.embedding.weight.new_zeros(shape)

    def forward(self, word_ids: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """See `Encoder.forward`."""
        hidden, cell = self.start(len(word_ids)) if state is None else state
        # PyTorch's state has the layer first.
        before = hidden.transpose(0, 1).contiguous(), cell.transpose(0, 1).contiguous()
        outputs, (hidden, cell) = self.layers(self.embedding(word_ids), before)
        return self.dropout(outputs), (hidden.transpose(0, 1).detach(), cell.transpose(0, 1).detach())

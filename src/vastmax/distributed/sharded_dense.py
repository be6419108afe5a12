"""The plain softmax layer with its words spread over processes."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from vastmax.distributed.deal import Deal
from vastmax.distributed.noise_step import sharded_noise_loss
from vastmax.distributed.sharded_rows import Shard, own_rows, some_rows
from vastmax.distributed.shards import (
    Batch,
    Shards,
    columns_to_owners,
    log_summed,
    of_all_shards,
    shared_seed,
    summed,
)
from vastmax.errors import InputError
from vastmax.output.base import FlatOutput, NoiseStep, Rows, set_if_zero
from vastmax.output.linear.exact import linear_exact
from vastmax.output.linear.rows import LinearRows
from vastmax.tensors.numbers import at_least_float32, require_law
from vastmax.tensors.random import Rng
from vastmax.tensors.row_sparse import RowSparse
from vastmax.tensors.shard import own_rows as memory_of


class ShardedDense(RowSparse, FlatOutput):
    """`output.Dense` with the rows of its words spread over processes: see `shard_head`, which builds it.

    Every question is asked by all processes of the mesh together, each about examples of its own (any number of them,
    also none), and each gets the answers to its own. Nothing of the size of the vocabulary is sent, except by `logits`
    and `log_prob` of all words.

    Attributes:
        dealt_weight: (V, D), a DTensor split by rows. Rows are in the order of `deal`.
        dealt_bias: (V,), a DTensor, or None.
        piles: P of `deal`, saved with the rows.

    Cost:
        per process and step, with N examples of all processes: exact loss O(N·V/R·D), sampled O(N·K/R·D), and messages
        of O(N·D) numbers.
    """

    dealt_weight: nn.Parameter
    dealt_bias: nn.Parameter | None
    piles: Tensor
    is_sharded = True

    def __init__(
        self,
        hidden_size: int,
        vocab_size: int,
        shards: Shards,
        *,
        bias: bool,
        piles: int,
        sparse_gradients: bool,
        dtype: torch.dtype,
    ) -> None:
        super().__init__()
        self.hidden_size, self.vocab_size = hidden_size, vocab_size
        self.sparse_gradients = sparse_gradients
        self.shards = shards
        rows = shards.rows(vocab_size)
        device = torch.device(shards.mesh.device_type)
        weight = torch.empty(rows.stop - rows.start, hidden_size, device=device, dtype=dtype)
        # Not by attribute: `RowSparse` refuses that, since FSDP does it, which cannot carry sparse gradients.
        self.register_parameter("dealt_weight", nn.Parameter(shards.distributed(weight, vocab_size)))
        of_words = nn.Parameter(shards.distributed(weight.new_zeros(len(weight)), vocab_size)) if bias else None
        self.register_parameter("dealt_bias", of_words)
        self.register_buffer("piles", torch.tensor(piles))

    @property
    def deal(self) -> Deal:
        """The row of each word."""
        return Deal(self.vocab_size, int(self.piles))

    def own_words(self) -> Tensor:
        """Return the words whose rows this process holds, (V_r,)."""
        rows = self.shards.rows(self.vocab_size)
        return self.deal.word(torch.arange(rows.start, rows.stop, device=self.own_weight.device))

    @property
    def own_weight(self) -> Tensor:
        """The rows that this process holds, (V_r, D), in their memory."""
        return memory_of(self.dealt_weight)

    @property
    def own_bias(self) -> Tensor | None:
        """The biases that this process holds, (V_r,), in their memory."""
        return None if self.dealt_bias is None else memory_of(self.dealt_bias)

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Draw the weight as `Dense` does, from a seed of the first process; set the bias to zero."""
        weight, bias = self.own_weight, self.own_bias
        seed = shared_seed(None, self.shards.mesh, weight.device)
        generator = torch.Generator(weight.device).manual_seed(seed + self.shards.rank)
        bound = 1 / math.sqrt(self.hidden_size)
        weight.uniform_(-bound, bound, generator=generator)
        if bias is not None:
            bias.zero_()

    def extra_repr(self) -> str:
        """Sizes and options."""
        return (
            f"{self.hidden_size}, {self.vocab_size}, bias={self.dealt_bias is not None}, "
            f"sparse_gradients={self.sparse_gradients}, shard {self.shards.rank} of {self.shards.size}"
        )

    def initialise_bias(self, value: float | Tensor) -> bool:
        """See `FlatOutput.initialise_bias`."""
        bias = self.own_bias
        if bias is None:
            return False
        own = (
            value.to(bias.device).index_select(0, self.own_words())
            if isinstance(value, Tensor) and value.ndim
            else value
        )
        return set_if_zero([bias], [own])

    def shard(self) -> Shard:
        """Return this process's rows as a layer, seen as this layer is: shifted, mapped."""
        bias = None if self.dealt_bias is None else own_rows(self.dealt_bias, self.shards)
        layer = Shard(own_rows(self.dealt_weight, self.shards), bias)
        layer.score_map = self.score_map
        if self.score_shift is not None:
            layer.score_shift = self.score_shift.index_select(0, self.own_words().to(self.score_shift.device))
        return layer

    def rows_in_play(self, row: Tensor) -> LinearRows:
        """Return some of this process's rows, (U,) sorted and distinct; their gradients are sparse if so asked for."""
        weight = some_rows(self.dealt_weight, row, self.shards, sparse=self.sparse_gradients)
        bias = None
        if self.dealt_bias is not None:
            bias = some_rows(self.dealt_bias, row, self.shards, sparse=self.sparse_gradients)
        return LinearRows(row, weight, bias)

    def place(self, word_ids: Tensor) -> tuple[Tensor, Tensor]:
        """Return (which of these words are here, their rows here), masks and numbers in the shape of `word_ids`."""
        rows = self.shards.rows(self.vocab_size)
        row = self.deal.row(word_ids) - rows.start
        return (row >= 0) & (row < rows.stop - rows.start), row

    def exact(self, hidden: Tensor, target: Tensor, *, normaliser_rows: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """See `FlatOutput.exact`."""
        if self.score_map is not None:
            assert normaliser_rows is None  # asked for by objectives that map nothing
            scores, log_normaliser = self.exact_of(hidden, target[:, None])
            return scores.squeeze(1), log_normaliser
        batch = Batch(self.shards, hidden, asked=normaliser_rows)
        here, row = self.place(batch.gather(target))
        (example,) = here.nonzero(as_tuple=True)
        shard = self.shard()
        weight, bias = shard.scored_table()
        if len(weight) == 0:
            part, target_part = _no_words(batch.hidden, weight, bias, batch.asked)
        else:
            score, part = linear_exact(
                batch.hidden, weight, bias, row[example], target_example=example, normaliser_example=batch.asked
            )
            target_part = score.new_zeros(len(batch.hidden)).index_add(0, example, score)
        log_normaliser, target_score = log_summed(part, target_part, self.shards)
        return batch.own(target_score), batch.own_asked(log_normaliser)

    def exact_of(self, hidden: Tensor, word_ids: Tensor) -> tuple[Tensor, Tensor]:
        """See `Output.exact_of`."""
        batch = Batch(self.shards, hidden, width=word_ids.shape[1])
        shard = self.shard()
        scores = self._scores(batch, shard, batch.gather(word_ids))
        log_normaliser, _ = self._moments(batch, shard)
        return batch.own(scores), batch.own(log_normaliser)

    def scores_of(self, hidden: Tensor, word_ids: Tensor) -> Tensor:
        """Return the scores of some words of each example, (n, M), not mapped."""
        batch = Batch(self.shards, hidden, width=word_ids.shape[1])
        shard = self.shard()
        shard.score_map = None
        return batch.own(self._scores(batch, shard, batch.gather(word_ids)))

    def _scores(self, batch: Batch, shard: Shard, word_ids: Tensor) -> Tensor:
        weight, bias = shard.scored_table()
        if len(weight) == 0:
            part = _no_words(batch.hidden, weight, bias, None)[1][:, None].expand(word_ids.shape)
        else:
            here, row = self.place(word_ids)
            part = LinearRows(row, weight, bias).score_at(batch.hidden, torch.where(here, row, 0))
            part = torch.where(here, part, 0)
        scores = summed(part, self.shards)
        return scores if shard.score_map is None else shard.score_map(scores)

    def moments(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """See `Output.moments`."""
        batch = Batch(self.shards, hidden)
        log_normaliser, mean = self._moments(batch, self.shard())
        return batch.own(log_normaliser), batch.own(mean)

    def _moments(self, batch: Batch, shard: Shard) -> tuple[Tensor, Tensor]:
        if shard.vocab_size == 0:
            part, mean = _no_words(batch.hidden, *shard.scored_table(), None)
        else:
            part, mean = shard.moments(batch.hidden)
        log_normaliser, _ = log_summed(part, torch.zeros_like(part), self.shards)
        return log_normaliser, summed((part - log_normaliser).exp() * mean, self.shards)

    def weighted_score(self, hidden: Tensor, weight: Tensor | None = None) -> Tensor:
        """See `Output.weighted_score`."""
        batch = Batch(self.shards, hidden)
        shard = self.shard()
        if shard.vocab_size == 0:
            part = _no_words(batch.hidden, *shard.scored_table(), None)[1]
        else:
            part = shard.weighted_score(batch.hidden, None if weight is None else weight[self.own_words()])
        return batch.own(summed(part, self.shards))

    def log_prob(self, hidden: Tensor, target: Tensor | None = None) -> Tensor:
        """See `Output.log_prob`."""
        if target is not None:
            target_score, log_normaliser = self.exact(hidden, target)
            return target_score - log_normaliser
        return self.logits(hidden).log_softmax(dim=-1)

    def logits(self, hidden: Tensor) -> Tensor:
        """See `Output.logits`; (n, V) numbers come to each process, from all others."""
        batch = Batch(self.shards, hidden)
        by_row = columns_to_owners(self.shard().logits(batch.hidden), batch, self.shards, self.vocab_size)
        own = batch.leave(by_row)
        return own.index_select(1, self.deal.row(torch.arange(self.vocab_size, device=own.device)))

    @torch.no_grad()
    def topk(self, hidden: Tensor, k: int) -> tuple[Tensor, Tensor]:
        """See `Output.topk`."""
        batch = Batch(self.shards, hidden)
        best, row, part = self._best(batch, k)
        log_normaliser, _ = log_summed(part, torch.zeros_like(part), self.shards)
        words = self.deal.word(row + self.shards.rows(self.vocab_size).start)
        scores = batch.own(of_all_shards(best, self.shards).transpose(0, 1).flatten(1))
        words = batch.own(of_all_shards(words, self.shards).transpose(0, 1).flatten(1))
        by_id = words.argsort(dim=1)  # of equals the lower id is first
        scores, order = scores.gather(1, by_id).sort(dim=1, descending=True, stable=True)
        words = words.gather(1, by_id).gather(1, order)
        return scores[:, :k] - batch.own(log_normaliser)[:, None], words[:, :k]

    def _best(self, batch: Batch, k: int) -> tuple[Tensor, Tensor, Tensor]:
        """(score, row, log of the sum of exponentials) of this shard: (N, k), (N, k), (N,); −∞ where it has no more."""
        shard, num_examples = self.shard(), len(batch.hidden)
        dtype = at_least_float32(batch.hidden.dtype)
        found = min(k, shard.vocab_size)
        best = batch.hidden.new_full((num_examples, k), -torch.inf, dtype=dtype)
        row = batch.hidden.new_zeros((num_examples, k), dtype=torch.int64)
        if found == 0:
            return best, row, best.new_full((num_examples,), -torch.inf)
        best[:, :found], row[:, :found], part = shard.best(batch.hidden, found)
        return best, row, part

    @torch.no_grad()
    def sample(self, hidden: Tensor, *, generator: Rng = None) -> Tensor:
        """See `Output.sample`: first the shard, by the mass of its words, then the word in it."""
        batch = Batch(self.shards, hidden)
        shard = self.shard()
        device = hidden.device
        seed = shared_seed(generator, self.shards.mesh, device)
        _, _, part = self._best(batch, 1)
        mass = of_all_shards(part, self.shards).T.double().softmax(dim=1)
        require_law(mass)
        # The same in all shards, so that they choose alike, but not in all copies, whose examples are others.
        together = torch.Generator(device).manual_seed(seed + self.shards.copy)
        chosen = torch.multinomial(mass, 1, generator=together).squeeze(1) if len(mass) else mass.new_zeros(0)
        (example,) = (chosen == self.shards.rank).nonzero(as_tuple=True)
        alone = torch.Generator(device).manual_seed(seed + self.shards.num_copies + self.shards.mesh.get_rank())
        row = shard.sample(batch.hidden[example], generator=alone) + self.shards.rows(self.vocab_size).start
        drawn = torch.zeros(len(batch.hidden), dtype=torch.int64, device=device)
        drawn[example] = self.deal.word(row)
        return batch.own(summed(drawn, self.shards))

    def select(self, word_ids: Tensor) -> Rows:
        """See `FlatOutput.select`; only scores of each example's own words can be asked for."""
        return _RowsAnywhere(self, word_ids)

    def noise_loss(self, hidden: Tensor, target: Tensor, step: NoiseStep) -> Tensor:
        """See `FlatOutput.noise_loss`; `step` holds noise words of this process only."""
        assert self.score_shift is None  # objectives shift scores for exact questions only
        return sharded_noise_loss(self, hidden, target, step)


class _RowsAnywhere(Rows):
    """Words whose rows are in any process."""

    def __init__(self, layer: ShardedDense, word_ids: Tensor) -> None:
        self._layer = layer
        self.word_ids = word_ids

    def score(self, hidden: Tensor, position: Tensor | None = None) -> Tensor:
        raise InputError(
            "not sharded: scores of a list of words for all examples; pass one list for each example, or train with "
            "CrossEntropy, SelfNormalised, SampledSoftmax, NCE or NegativeSampling"
        )

    def score_at(self, hidden: Tensor, position: Tensor) -> Tensor:
        words = self.word_ids[position]
        if position.ndim == 2:
            return self._layer.scores_of(hidden, words)
        return self._layer.scores_of(hidden, words[:, None]).squeeze(1)


def _no_words(hidden: Tensor, weight: Tensor, bias: Tensor | None, asked: Tensor | None) -> tuple[Tensor, Tensor]:
    """(log of an empty sum, an empty sum) of each example, tied to the inputs: this process goes backward, too."""
    nothing = hidden[:, :0].to(at_least_float32(hidden.dtype)).sum(dim=1) + weight.sum()
    if bias is not None:
        nothing = nothing + bias.sum()
    part = nothing if asked is None else nothing.index_select(0, asked)
    return part - torch.inf, nothing

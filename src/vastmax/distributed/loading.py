"""Heads from checkpoints of heads that were split otherwise, or not at all."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
from torch import Tensor
from torch.distributed.checkpoint.default_planner import DefaultLoadPlanner
from torch.distributed.checkpoint.filesystem import FileSystemReader
from torch.distributed.checkpoint.metadata import Metadata, MetadataIndex, TensorStorageMetadata
from torch.distributed.checkpoint.planner import LoadItemType, LoadPlan, ReadItem
from torch.distributed.checkpoint.state_dict_loader import load

from vastmax.distributed.deal import Deal
from vastmax.distributed.sharded_dense import ShardedDense
from vastmax.errors import InputError
from vastmax.head import Head
from vastmax.output import Dense
from vastmax.output.resized import checked_old_word_ids

_WEIGHT, _BIAS, _PILES = "output.dealt_weight", "output.dealt_bias", "output.piles"
_PLAIN_WEIGHT, _PLAIN_BIAS = "output.weight", "output.bias"


def load_head(
    head: Head, checkpoint: str | Path, *, name: str | None = None, old_word_ids: Tensor | None = None
) -> None:
    """Load the parameters of a `Dense` layer from a checkpoint, however it was split, into a head, however it is split.

    The checkpoint is one of `torch.distributed.checkpoint`, of a sharded or an unsharded head. `head` may be of another
    number of processes, or unsharded, for serving, and may have more words. Each process reads the rows that it holds,
    without the others: no process ever holds more than those and one saved part.

    `torch.distributed.checkpoint.load` does the same between sharded heads with the same words, together with the rest
    of a model and its optimizer.

    Args:
        head: from `shard_head`, or over a `Dense` layer; its rows are overwritten.
        checkpoint: the folder.
        name: of the head in the saved state, such as "model.head"; needed if there are several heads.
        old_word_ids: (V′,) int64, as in `Head.resized`: the saved id of each word of `head`, or −1 where it is new.
            None if words kept their ids and new ones come after them.

    New words keep the vectors that `head` has for them, and get the smallest of the saved biases.

    Raises:
        InputError: no checkpoint there, or none of such a head; another hidden size; a bias in only one of the two;
            fewer words than were saved, without `old_word_ids`.

    Cost: each process reads every saved part that holds one of its rows.

    Example:
        >>> import tempfile, warnings
        >>> import torch.distributed.checkpoint as dcp
        >>> from vastmax import Head, output
        >>> saved, grown = Head(output.Dense(4, 10)), Head(output.Dense(4, 12))
        >>> with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(action="ignore"):
        ...     _ = dcp.save(saved.state_dict(), checkpoint_id=folder)  # warns that this is one process
        ...     load_head(grown, folder)
        >>> bool(grown.output.weight[:10].equal(saved.output.weight))
        True
    """
    rows = _rows_of(head)
    if not (Path(checkpoint) / ".metadata").is_file():
        raise InputError(f"{checkpoint} is no checkpoint of torch.distributed.checkpoint: it has no file .metadata")
    metadata = FileSystemReader(checkpoint).read_metadata()
    saved = _find(metadata, name, checkpoint)
    _check_sizes(saved, rows)
    piles = torch.ones((), dtype=torch.int64)
    if saved.piles is not None:
        state = {saved.piles: piles}
        _read(state, checkpoint, DefaultLoadPlanner())
        piles = state[saved.piles]
    deal = Deal(saved.vocab_size, int(piles))
    new_word = _new_words(old_word_ids, saved.vocab_size, rows.deal.vocab_size)
    planner = _RowPlanner(saved, rows, deal, new_word)
    _read({}, checkpoint, planner)
    planner.finish()


def _read(state: dict[str, Tensor], checkpoint: str | Path, planner: DefaultLoadPlanner) -> None:
    with warnings.catch_warnings():
        # Each process reads for itself, which PyTorch takes for a mistake.
        warnings.filterwarnings("ignore", message="torch.distributed is disabled", category=UserWarning)
        load(state, storage_reader=FileSystemReader(checkpoint), planner=planner, no_dist=True)


@dataclass(frozen=True)
class _Rows:
    """The memory that is to be filled: rows from `first` on of a table that is dealt in some way."""

    weight: Tensor
    bias: Tensor | None
    deal: Deal
    first: int


@dataclass(frozen=True)
class _Saved:
    """The names and sizes of what was saved."""

    weight: str
    bias: str | None
    piles: str | None
    vocab_size: int
    hidden_size: int


def _rows_of(head: object) -> _Rows:
    layer = head.output if isinstance(head, Head) else None
    if isinstance(layer, ShardedDense):
        first = layer.shards.rows(layer.vocab_size).start
        return _Rows(layer.own_weight, layer.own_bias, layer.deal, first)
    if type(layer) is not Dense:
        found = type(head if layer is None else layer).__name__
        raise InputError(f"head is {found}; expected a head over Dense, or one from shard_head")
    return _Rows(
        layer.weight.detach(), None if layer.bias is None else layer.bias.detach(), Deal(layer.vocab_size, 1), 0
    )


def _find(metadata: Metadata, name: str | None, checkpoint: str | Path) -> _Saved:
    entries = metadata.state_dict_metadata
    prefix = None if name is None else f"{name}." if name else ""
    found = [
        (key.removesuffix(ending), ending)
        for ending in (_WEIGHT, _PLAIN_WEIGHT)
        for key in entries
        if key.endswith(ending) and prefix in (None, key.removesuffix(ending))
    ]
    if len(found) != 1:
        names = ", ".join(repr(key.removesuffix(".")) for key, _ in found) or "none"
        raise InputError(
            f"{checkpoint} holds {len(found)} heads over Dense ({names}); expected one"
            + (", or name= of the one to load" if name is None else f" with the name {name!r}")
        )
    key, ending = found[0]
    dealt = ending == _WEIGHT
    bias = key + (_BIAS if dealt else _PLAIN_BIAS)
    weight = cast(TensorStorageMetadata, entries[key + ending])
    return _Saved(key + ending, bias if bias in entries else None, key + _PILES if dealt else None, *weight.size)


def _check_sizes(saved: _Saved, rows: _Rows) -> None:
    if saved.hidden_size != rows.weight.shape[1]:
        raise InputError(f"the checkpoint has hidden size {saved.hidden_size}, the head {rows.weight.shape[1]}")
    if (saved.bias is None) != (rows.bias is None):
        has, has_not = ("the head", "the checkpoint") if saved.bias is None else ("the checkpoint", "the head")
        raise InputError(f"{has} has biases and {has_not} has none: build the head with the same bias=")


def _new_words(old_word_ids: Tensor | None, old_size: int, new_size: int) -> Tensor | None:
    """The new id of each saved word, −1 for none; None if ids are kept."""
    if old_word_ids is None:
        if new_size < old_size:
            raise InputError(
                f"the checkpoint has {old_size} words, the head {new_size}: pass old_word_ids= to say which are kept"
            )
        return None
    old = checked_old_word_ids(old_word_ids, old_size)
    if len(old) != new_size:
        raise InputError(f"old_word_ids has {len(old)} entries; expected one for each of the head's {new_size} words")
    (new,) = (old >= 0).nonzero(as_tuple=True)
    return old.new_full((old_size,), -1).index_copy_(0, old[new], new)


class _RowPlanner(DefaultLoadPlanner):
    """Reads saved parts one by one, and puts the rows that this process holds where they belong."""

    def __init__(self, saved: _Saved, rows: _Rows, deal: Deal, new_word: Tensor | None) -> None:
        super().__init__()
        self._saved, self._rows, self._deal, self._new_word = saved, rows, deal, new_word
        self._filled = torch.zeros(len(rows.weight), dtype=torch.bool)
        self._smallest = torch.inf

    def create_local_plan(self) -> LoadPlan:
        """Plan to read the parts that hold rows of this process; all of the biases, to know the smallest."""
        items = []
        for name in (self._saved.weight, self._saved.bias):
            if name is None:
                continue
            assert self.metadata is not None
            entry = cast(TensorStorageMetadata, self.metadata.state_dict_metadata[name])
            for number, chunk in enumerate(entry.chunks):
                if chunk.sizes[1:] != entry.size[1:]:
                    raise InputError(f"{name} was saved in columns; expected parts of whole rows")
                here, _ = self._places(chunk.offsets[0], chunk.sizes[0])
                if chunk.sizes.numel() and (name == self._saved.bias or bool(here.any())):
                    index = MetadataIndex(name, chunk.offsets, number)
                    zeros = torch.Size([0] * len(chunk.sizes))
                    items.append(ReadItem(LoadItemType.TENSOR, index, zeros, index, zeros, chunk.sizes))
        return LoadPlan(items)

    def resolve_tensor(self, read_item: ReadItem) -> Tensor:
        """Return memory for one saved part."""
        table = self._rows.weight if read_item.dest_index.fqn == self._saved.weight else self._rows.bias
        assert table is not None
        return torch.empty(read_item.lengths, dtype=table.dtype)

    def commit_tensor(self, read_item: ReadItem, tensor: Tensor) -> None:
        """Put the rows of a saved part where they belong."""
        index = read_item.dest_index
        assert index.offset is not None
        here, row = self._places(index.offset[0], len(tensor))
        table = self._rows.weight
        if index.fqn == self._saved.bias:
            assert self._rows.bias is not None
            table = self._rows.bias
            self._smallest = min(self._smallest, float(tensor.min()))
        else:
            self._filled[row[here]] = True
        table[row[here].to(table.device)] = tensor[here].to(table.device)

    def _places(self, first: int, number: int) -> tuple[Tensor, Tensor]:
        """(which rows of a saved part are held here, their rows here)."""
        word = self._deal.word(torch.arange(first, first + number))
        if self._new_word is not None:
            word = self._new_word[word]
        row = self._rows.deal.row(word.clamp_min(0)) - self._rows.first
        return (word >= 0) & (row >= 0) & (row < len(self._rows.weight)), row

    def finish(self) -> None:
        """Give new words their biases."""
        if self._rows.bias is not None:
            self._rows.bias[(~self._filled).to(self._rows.bias.device)] = self._smallest

"""From a head in one process to one whose words are spread over many."""

from __future__ import annotations

from typing import Literal, NoReturn, Self, get_args

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh

from vastmax.distributed.noise import sharded_objective
from vastmax.distributed.sharded_dense import ShardedDense
from vastmax.distributed.shards import Shards
from vastmax.errors import InputError
from vastmax.head import Head
from vastmax.objective.base import Objective
from vastmax.output import Dense
from vastmax.tensors.plain_memory import require_whole
from vastmax.tree import Tree

Order = Literal["dealt", "ids"]


class ShardedHead(Head):
    """A head whose words are spread over the processes of a mesh; `shard_head` makes it.

    It answers what `Head` does, in every process at the same time and about that process's own examples.
    """

    output: ShardedDense

    def with_objective(self, objective: Objective) -> Self:
        """See `Head.with_objective`; draws are made by each process among its own words."""
        return super().with_objective(sharded_objective(objective, self.output))

    def resized(
        self, old_word_ids: Tensor, *, objective: Objective | None = None, tree: Tree | None = None
    ) -> NoReturn:
        """Refuse: a checkpoint can be loaded into a larger head."""
        raise InputError(
            "a sharded head is not resized in place: save a checkpoint, and load it into a head of the new size with "
            "vastmax.distributed.load_head"
        )


def shard_head(
    head: Head,
    mesh: DeviceMesh,
    *,
    dim: str | int | None = None,
    order: Order = "dealt",
    replicated: bool = False,
) -> ShardedHead:
    """Return a head that holds, in each process of a mesh, a part of the words of `head`.

    Its losses, log-probabilities and gradients are those of `head`; `Head` says what they are. Gradients are those of
    the mean of the processes' losses, as with DistributedDataParallel and FSDP2. Sampled objectives draw noise in each
    process among its own words, with the expected counts of the unsharded ones, and row-sparse gradients stay in the
    process that holds the rows.

    Parameters are DTensors, `Shard(0)`: `torch.distributed.checkpoint` saves and loads them, for any number of
    processes. `vastmax.distributed.load_head` loads them into heads of other kinds and sizes. Dense gradients are
    DTensors too, for AdamW and PyTorch's `clip_grad_norm_`; row-sparse ones go to the optimizers and to the
    `clip_grad_norm_` of `vastmax.optim`.

    Every process calls the head together with the others, in the same order, also for `topk`, `log_prob` and so on.
    Numbers of examples may differ, and be zero. Wrap the encoder in DistributedDataParallel or FSDP2, not the head:
    pass `ignored_params=set(head.parameters())` to `fully_shard`.

    Args:
        head: over a `Dense` layer that has a weight of its own. On the meta device, no process ever holds the whole
            table; parameters are then drawn in shards. Otherwise all processes pass the same head.
        mesh: of one dimension; or of two, and then `dim` names the one that splits the words. Along the other one,
            processes hold copies of each other's words and have examples of their own (data parallelism).
        dim: name or number of the dimension that splits the words.
        order: "dealt" deals words to processes in turns, so that each has its share of the frequent ones, which are
            most of the work of sampled steps. "ids" gives each process a range of ids.
        replicated: whether all processes of the split dimension pass the same examples, as in tensor parallelism. If
            not, each passes its own, and the head gathers them.

    Raises:
        InputError: a layer other than `Dense`, or one whose weight was passed in; an objective or proposal that cannot
            be sharded; a mesh of more than two dimensions, or of two without `dim`.

    Cost: per process and step, with R processes and N examples of all: O(N·V/R·D) exact, O(N·K/R·D) sampled; messages
    of about 2·N·D numbers, whatever V is. Memory: V/R rows.

    Example:
        >>> import torch, tempfile, torch.distributed as dist
        >>> from vastmax import Head, output
        >>> from vastmax.distributed import shard_head
        >>> folder = tempfile.TemporaryDirectory()
        >>> dist.init_process_group("gloo", init_method=f"file://{folder.name}/meeting", rank=0, world_size=1)
        >>> mesh = dist.init_device_mesh("cpu", (1,))
        >>> with torch.device("meta"):
        ...     head = Head(output.Dense(8, 1000))
        >>> sharded = shard_head(head, mesh)
        >>> sharded(torch.zeros(2, 8), torch.tensor([3, 4])).isclose(torch.tensor(1000.0).log())
        tensor(True)
        >>> sharded.output.dealt_weight.placements
        (Shard(dim=0),)
        >>> dist.destroy_process_group()
        >>> folder.cleanup()
    """
    shards = Shards(mesh, _checked_dim(mesh, dim), replicated)
    layer = _checked_layer(head)
    if order not in get_args(Order):
        raise InputError(f"order is {order!r}; expected 'dealt' or 'ids'")
    sharded = ShardedDense(
        layer.hidden_size,
        layer.vocab_size,
        shards,
        bias=layer.bias is not None,
        piles=shards.size if order == "dealt" else 1,
        sparse_gradients=layer.sparse_gradients,
        dtype=layer.weight.dtype,
    )
    objective = sharded_objective(head.objective, sharded)
    on_meta = layer.weight.is_meta
    if any(tensor.is_meta for tensor in (*objective.parameters(), *objective.buffers())):
        objective.to_empty(device=mesh.device_type)
    new = ShardedHead.__new__(ShardedHead)
    nn.Module.__init__(new)
    new._assemble(sharded, objective)
    new._log_unigram = head._log_unigram
    if on_meta:
        new.reset_parameters()
    else:
        _copy_rows(layer, sharded)
    return new.train(head.training)


@torch.no_grad()
def _copy_rows(layer: Dense, sharded: ShardedDense) -> None:
    words = sharded.own_words().to(layer.weight.device)
    pairs = [(sharded.own_weight, layer.weight), (sharded.own_bias, layer.bias)]
    for own, table in pairs:
        if own is not None and table is not None:
            own.copy_(table.index_select(0, words))
            if sharded.shards.copies is not None:
                dist.broadcast(own, group=sharded.shards.copies, group_src=0)


def _checked_layer(head: object) -> Dense:
    if not isinstance(head, Head):
        raise InputError(f"head is of type {type(head).__name__}; expected a vastmax.Head")
    if isinstance(head, ShardedHead):
        raise InputError("this head is sharded already: pass the head that it was made of")
    layer = head.output
    if type(layer) is not Dense:
        raise InputError(
            f"not sharded: {type(layer).__name__}; take a recipe over Dense, such as softmax or sampled-softmax, or "
            "shard the parameters with fully_shard and register_forward_methods"
        )
    require_whole(layer.weight)
    if not layer.owns_weight:
        raise InputError(
            "the weight of this layer was passed in, and may be shared with another module, which a sharded layer "
            "cannot: build Dense(hidden_size, vocab_size), and load the weight into it"
        )
    return layer


def _checked_dim(mesh: object, dim: str | int | None) -> int:
    if not isinstance(mesh, DeviceMesh):
        raise InputError(
            f"mesh is of type {type(mesh).__name__}; expected a DeviceMesh: torch.distributed.init_device_mesh"
        )
    if mesh.ndim > 2 or (mesh.ndim == 2 and dim is None):
        raise InputError(
            f"mesh has {mesh.ndim} dimensions; expected one, or two and dim=, the name or number of the one that "
            "splits the words"
        )
    if isinstance(dim, str):
        names = mesh.mesh_dim_names or ()
        if dim not in names:
            raise InputError(f"dim is {dim!r}; expected one of the mesh's dimensions, {names}")
        return names.index(dim)
    if dim is not None and not 0 <= dim < mesh.ndim:
        raise InputError(f"dim is {dim}; expected a dimension of the mesh, from 0 to {mesh.ndim - 1}")
    return dim or 0

"""The processes that share a table, and what examples and sums they exchange."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.tensor import DTensor, Replicate, Shard
from torch.distributed.tensor.placement_types import Placement

from vastmax.errors import InputError
from vastmax.tensors.first_derivative import first_derivative_only


@dataclass(frozen=True)
class Shards:
    """A mesh along one dimension of which tables are split by rows; along the other, if any, they are copied.

    The objective of a step is the mean of the losses of all processes, as with DistributedDataParallel and FSDP2.

    Attributes:
        mesh: of one or two dimensions.
        dim: the dimension that splits the tables.
        replicated: whether the processes of that dimension have the same examples, instead of examples of their own.
    """

    mesh: DeviceMesh
    dim: int
    replicated: bool

    def __deepcopy__(self, memo: dict[int, Any]) -> Shards:
        return self  # process groups cannot be copied

    @property
    def group(self) -> dist.ProcessGroup:
        """The processes that hold different rows."""
        return self.mesh.get_group(self.dim)

    @property
    def copies(self) -> dist.ProcessGroup | None:
        """The processes that hold the same rows; None if there is only this one."""
        return self.mesh.get_group(1 - self.dim) if self.mesh.ndim == 2 else None

    @property
    def size(self) -> int:
        """R, the number of shards."""
        return self.mesh.size(self.dim)

    @property
    def rank(self) -> int:
        """The shard of this process."""
        return self.mesh.get_local_rank(self.dim)

    @property
    def copy(self) -> int:
        """The number of this process among those with the same rows."""
        return self.mesh.get_local_rank(1 - self.dim) if self.mesh.ndim == 2 else 0

    @property
    def num_copies(self) -> int:
        """The number of processes with the same rows."""
        return self.mesh.size() // self.size

    @property
    def placements(self) -> tuple[Placement, ...]:
        """The placements of DTensor."""
        return tuple(Shard(0) if dim == self.dim else Replicate() for dim in range(self.mesh.ndim))

    def rows(self, num_rows: int, rank: int | None = None) -> slice:
        """Return the rows of a table that a rank holds, this one by default: as many as DTensor gives it."""
        each = -(-num_rows // self.size)
        begin = (self.rank if rank is None else rank) * each
        return slice(min(begin, num_rows), min(begin + each, num_rows))

    def distributed(self, own: Tensor, num_rows: int) -> DTensor:
        """Return the table (num_rows, …), of which `own` holds the rows of this process."""
        shape = torch.Size([num_rows, *own.shape[1:]])
        stride = (1,) if own.ndim == 1 else (own.shape[1], 1)
        return DTensor.from_local(own, self.mesh, self.placements, run_check=False, shape=shape, stride=stride)


class Batch:
    """The examples of all shards, those of one process after those of another.

    Attributes:
        hidden: (N, D), differentiable.
        asked: (M,) which of them are asked about in particular; None for all.
    """

    asked: Tensor | None

    def __init__(self, shards: Shards, hidden: Tensor, *, width: int = 0, asked: Tensor | None = None) -> None:
        """Gather the examples `hidden` (n, D) of each process.

        Args:
            shards: who takes part.
            hidden: those of this process.
            width: a number that all have to agree on.
            asked: (m,) which of its examples a process asks about in particular, counted from 0; None for all.

        Raises:
            InputError: they do not.
        """
        self._shards = shards
        if shards.replicated:
            self._sizes = [len(hidden)]
            self.asked = asked
            self._asked_sizes = self._sizes if asked is None else [len(asked)]
            self.hidden: Tensor = _Enter.apply(hidden, shards, None)  # type: ignore[no-untyped-call]
            return
        needs_gradient = torch.is_grad_enabled() and hidden.requires_grad
        number = len(hidden) if asked is None else len(asked)
        told = _told(shards, [len(hidden), needs_gradient, width, asked is None, number], hidden.device)
        self._sizes = [size for size, *_ in told]
        widths = sorted({theirs for _, _, theirs, _, _ in told})
        if len(widths) > 1:
            raise InputError(f"processes ask about {widths} words per example; expected the same number in each")
        if any(theirs for _, theirs, *_ in told) and not needs_gradient:
            hidden = hidden.detach().requires_grad_()  # so that all take part in the backward pass
        self.asked, self._asked_sizes = None, self._sizes
        if not all(about_all for *_, about_all, _ in told):
            self._asked_sizes = [theirs for *_, theirs in told]
            own = torch.arange(len(hidden), device=hidden.device) if asked is None else asked
            self.asked = _gathered(own + sum(self._sizes[: shards.rank]), self._asked_sizes, shards.group)
        self.hidden = _Enter.apply(hidden, shards, self._sizes)  # type: ignore[no-untyped-call]

    def gather(self, values: Tensor) -> Tensor:
        """Return the constants (N, …) of all processes, of which `values` (n, …) are this one's."""
        return values if self._shards.replicated else _gathered(values, self._sizes, self._shards.group)

    def own(self, results: Tensor) -> Tensor:
        """Return this process's of the results (N, …) for all examples; backward, a share of the objective."""
        return self._leave(results, self._sizes)

    def own_asked(self, results: Tensor) -> Tensor:
        """Return this process's of the results (M, …) for the examples asked about."""
        return self._leave(results, self._asked_sizes)

    def _leave(self, results: Tensor, sizes: list[int]) -> Tensor:
        if not self._shards.replicated:
            begin = sum(sizes[: self._shards.rank])
            results = results[begin : begin + sizes[self._shards.rank]]
        return self.leave(results)

    def leave(self, results: Tensor) -> Tensor:
        """Return results that are this process's already; backward, a share of the objective."""
        left: Tensor = _Leave.apply(results, self._shards.mesh.size())  # type: ignore[no-untyped-call]
        return left

    @property
    def sizes(self) -> list[int]:
        """The number of examples that go to each process."""
        return self._sizes * self._shards.size if self._shards.replicated else self._sizes


def _told(shards: Shards, numbers: list[int], device: torch.device) -> list[list[int]]:
    """Each process's numbers, by rank."""
    mine = torch.tensor(numbers, dtype=torch.int64, device=device)
    everyone = mine.new_empty(shards.size * len(numbers))
    dist.all_gather_single(everyone, mine, group=shards.group)
    told: list[list[int]] = everyone.view(shards.size, len(numbers)).tolist()
    return told


def _padded(values: Tensor, size: int) -> Tensor:
    if len(values) == size:
        return values.contiguous()
    return torch.cat([values, values.new_zeros(size - len(values), *values.shape[1:])])


def _gathered(values: Tensor, sizes: Sequence[int], group: dist.ProcessGroup) -> Tensor:
    """The values of all, whose numbers of rows are known; padded on the way."""
    largest = max(sizes)
    if largest == 0:
        return values
    together = values.new_empty(len(sizes) * largest, *values.shape[1:])
    dist.all_gather_single(together, _padded(values, largest), group=group)
    if min(sizes) == largest:
        return together
    return torch.cat([together[rank * largest :][:size] for rank, size in enumerate(sizes)])


class _Enter(torch.autograd.Function):
    """Hidden vectors of all; backward, each process's gradient is summed over all and returned to its owner."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, shards: Shards, sizes: list[int] | None) -> Tensor:
        ctx.shards, ctx.sizes = shards, sizes
        return hidden.view_as(hidden) if sizes is None else _gathered(hidden, sizes, shards.group)

    @staticmethod
    @first_derivative_only
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        shards, sizes = ctx.shards, ctx.sizes
        if sizes is None:
            total = gradient * shards.num_copies
            dist.all_reduce(total, group=shards.group)
            return total, None, None
        largest = max(sizes)
        if largest == 0:
            return gradient, None, None
        gradient = torch.cat([_padded(part, largest) for part in torch.split(gradient, sizes)])
        own = gradient.new_empty(largest, *gradient.shape[1:])
        dist.reduce_scatter_single(own, gradient, group=shards.group)
        # The loss of one process is a share of the objective, and its own parameters are averaged later by whoever
        # trains them: for them its gradient is that of its own loss.
        return own[: sizes[shards.rank]] * shards.mesh.size(), None, None


class _Leave(torch.autograd.Function):
    """Identity; backward, the share that one process's loss has in the objective."""

    @staticmethod
    def forward(ctx: Any, result: Tensor, size: int) -> Tensor:
        ctx.size = size
        return result.view_as(result)

    @staticmethod
    @first_derivative_only
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient / ctx.size, None


class _Sum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, part: Tensor, shards: Shards) -> Tensor:
        ctx.shards = shards
        total = part.clone()
        dist.all_reduce(total, group=shards.group)
        return total

    @staticmethod
    @first_derivative_only
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        gradient = gradient.clone()
        dist.all_reduce(gradient, group=ctx.shards.group)
        return gradient, None


def summed(part: Tensor, shards: Shards) -> Tensor:
    """Return the sum of the shards' parts, differentiable."""
    total: Tensor = _Sum.apply(part, shards)  # type: ignore[no-untyped-call]
    return total


class _LogSum(torch.autograd.Function):
    """Forward: one all-reduce for the maximum, one for both sums. Backward: one."""

    @staticmethod
    def forward(ctx: Any, part: Tensor, target_part: Tensor, shards: Shards) -> tuple[Tensor, Tensor]:
        largest = part.clone()
        dist.all_reduce(largest, dist.ReduceOp.MAX, group=shards.group)
        sums = torch.cat([(part - largest).exp_(), target_part])
        dist.all_reduce(sums, group=shards.group)
        log_sum = largest.add_(sums[: len(part)].log())
        ctx.shards = shards
        ctx.save_for_backward((part - log_sum).exp_())
        return log_sum, sums[len(part) :].clone()

    @staticmethod
    @first_derivative_only
    def backward(ctx: Any, gradient: Tensor, target_gradient: Tensor) -> tuple[Tensor, Tensor, None]:
        (share,) = ctx.saved_tensors
        both = torch.cat([gradient, target_gradient])
        dist.all_reduce(both, group=ctx.shards.group)
        return both[: len(share)] * share, both[len(share) :], None


def log_summed(part: Tensor, target_part: Tensor, shards: Shards) -> tuple[Tensor, Tensor]:
    """Return log Σ e^part and Σ target_part over the shards, in the shapes of one shard's, differentiable.

    Args:
        part: (n,) logs of a shard's part of each sum.
        target_part: (N,) a shard's part of each score: zero but in the shard of the word.
        shards: who takes part.
    """
    result: tuple[Tensor, Tensor] = _LogSum.apply(part, target_part, shards)  # type: ignore[no-untyped-call]
    return result


class _ToOwners(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, columns: Tensor, sizes: list[int], shards: Shards, num_rows: int) -> Tensor:
        ctx.sizes, ctx.shards, ctx.num_rows, ctx.width = sizes, shards, num_rows, columns.shape[1]
        widths = _widths(shards, num_rows)
        sent = columns.repeat(shards.size, 1) if shards.replicated else columns
        own = sizes[shards.rank]
        came = columns.new_empty(own * num_rows)
        dist.all_to_all_single(
            came,
            sent.flatten(),
            [own * width for width in widths],
            [size * columns.shape[1] for size in sizes],
            group=shards.group,
        )
        parts = torch.split(came, [own * width for width in widths])
        return torch.cat([part.view(own, width) for part, width in zip(parts, widths, strict=True)], dim=1)

    @staticmethod
    @first_derivative_only
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        shards, sizes = ctx.shards, ctx.sizes
        widths = _widths(shards, ctx.num_rows)
        own = sizes[shards.rank]
        came = gradient.new_empty(sum(sizes) * ctx.width)
        dist.all_to_all_single(
            came,
            torch.cat([part.flatten() for part in torch.split(gradient, widths, dim=1)]),
            [size * ctx.width for size in sizes],
            [own * width for width in widths],
            group=shards.group,
        )
        if shards.replicated:
            return came.view(shards.size, own, ctx.width).sum(dim=0), None, None, None
        return came.view(-1, ctx.width), None, None, None


def _widths(shards: Shards, num_rows: int) -> list[int]:
    spans = [shards.rows(num_rows, rank) for rank in range(shards.size)]
    return [span.stop - span.start for span in spans]


def columns_to_owners(columns: Tensor, batch: Batch, shards: Shards, num_rows: int) -> Tensor:
    """Return (n, num_rows): a number for each row of the table, of this process's examples; differentiable.

    Args:
        columns: (N, rows of this shard), of all examples.
        batch: whose examples they are.
        shards: who takes part.
        num_rows: of the table.
    """
    result: Tensor = _ToOwners.apply(columns, batch.sizes, shards, num_rows)  # type: ignore[no-untyped-call]
    return result


@torch.no_grad()
def of_all_shards(values: Tensor, shards: Shards) -> Tensor:
    """Return (R, …): the values of every shard, all of the same shape."""
    together = values.new_empty(shards.size * len(values), *values.shape[1:])
    if values.numel() > 0:
        dist.all_gather_single(together, values.contiguous(), group=shards.group)
    return together.view(shards.size, *values.shape)


def rows_of_copies(row: Tensor, values: Tensor, shards: Shards) -> tuple[Tensor, Tensor]:
    """Return the sum of the copies' row-sparse gradients: rows (U,), sorted and distinct, and their values."""
    copies = shards.copies
    if copies is None:
        return row, values
    mine = torch.tensor([len(row)], device=row.device)
    sizes = mine.new_empty(shards.num_copies)
    dist.all_gather_single(sizes, mine, group=copies)
    numbers = sizes.tolist()
    rows, position = torch.unique(_gathered(row, numbers, copies), return_inverse=True)
    total = values.new_zeros(len(rows), *values.shape[1:])
    return rows, total.index_add_(0, position, _gathered(values, numbers, copies))


def shared_seed(generator: torch.Generator | None, mesh: DeviceMesh, device: torch.device) -> int:
    """Return a random number that the first process of the mesh draws."""
    drawn_on = device if generator is None else generator.device
    seed = torch.randint(2**62, (1,), generator=generator, device=drawn_on).to(device)
    for dim in range(mesh.ndim):
        dist.broadcast(seed, group=mesh.get_group(dim), group_src=0)
    return int(seed)


def gathered_words(shards: Shards, word_ids: Tensor) -> Tensor:
    """Return the word ids of all processes, of which `word_ids` (n,) are this one's."""
    if shards.replicated:
        return word_ids
    sizes = [size for (size,) in _told(shards, [len(word_ids)], word_ids.device)]
    return _gathered(word_ids, sizes, shards.group)

"""The construction of a head: from an output layer and an objective, reset, or from another head."""

from __future__ import annotations

from typing import Any, Self

from torch import Tensor, nn

from vastmax.distribution.counts import Counts
from vastmax.errors import InputError
from vastmax.head.arguments import check_parts, checked_log_unigram, checked_temperature
from vastmax.objective.base import Objective
from vastmax.objective.cross_entropy import CrossEntropy
from vastmax.output.base import FlatOutput, Output
from vastmax.output.resized import resized
from vastmax.output.score_map import ScoreMap
from vastmax.tensors.row_sparse import RowSparse
from vastmax.tree import Tree


class Parts(nn.Module):
    """The parts of a head; `Head` adds the queries."""

    output: Output
    objective: Objective
    _log_unigram: Tensor | None = None

    def __init__(self, output: Output, objective: Objective | None = None, *, counts: Counts | None = None) -> None:
        super().__init__()
        check_parts(output, objective)
        self._assemble(output, CrossEntropy() if objective is None else objective)
        self._log_unigram = None if counts is None else checked_log_unigram(counts, self.vocab_size)
        if not self._set_first_bias() and counts is not None:
            raise InputError(
                f"counts set the biases of a flat layer, but this {type(output).__name__} has no biases that are zero: "
                "leave them out"
            )

    def _set_first_bias(self) -> bool:
        """Set biases that are zero to the objective's initial biases; return whether there were any."""
        parameter = next(self.output.parameters(), None)
        known = self._log_unigram
        if known is not None and parameter is not None and not parameter.is_meta:
            known = known.to(parameter.device)
        bias = self.objective.initial_bias(self.vocab_size, known)
        return bias is not None and self.output.initialise_bias(bias)

    def reset_parameters(self) -> None:
        """Initialize all parameters of the layer and the objective again, as when the head was built.

        After `to_empty`, it gives a head built on the meta device its first weights. A weight passed to `Dense` is not
        changed.

        Example:
            >>> import torch
            >>> from vastmax import Head, output
            >>> with torch.device("meta"):
            ...     head = Head(output.Dense(8, 10_000))
            >>> head = head.to_empty(device="cpu")
            >>> head.reset_parameters()
            >>> head.log_prob(torch.zeros(1, 8)).exp().sum().isclose(torch.tensor(1.0))
            tensor(True)
        """
        for module in self.modules():
            reset = getattr(module, "reset_parameters", None)
            if module is not self and callable(reset):
                reset()
        self._set_first_bias()

    def _assemble(self, output: Output, objective: Objective) -> None:
        objective.check(output)
        self.output = output
        self.objective = objective
        self._tell_output()

    def _tell_output(self) -> None:
        # DistributedDataParallel and parameter groups ask the layer about its gradients.
        if isinstance(self.output, RowSparse):
            self.output.used_by(self)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)  # type: ignore[no-untyped-call]
        self._tell_output()

    @property
    def gives_sparse_gradients(self) -> bool:
        """Whether a training step gives row-sparse gradients, if the layer supports them: see `RowSparse.sparse`."""
        return self.objective.sampled or not isinstance(self.output, FlatOutput)

    def with_objective(self, objective: Objective) -> Self:
        """Return a head that trains the same parameters, including biases, with another objective.

        The layer is shared. Wrap it in DistributedDataParallel, or build optimizer groups, after the change, and delete
        this head: while it exists, the layer expects its gradients, too.
        """
        check_parts(self.output, objective)
        head = type(self).__new__(type(self))
        nn.Module.__init__(head)
        head._assemble(self.output, objective)
        head._log_unigram = self._log_unigram
        return head.train(self.training)

    def resized(self, old_word_ids: Tensor, *, objective: Objective | None = None, tree: Tree | None = None) -> Self:
        """Return a head over another vocabulary that keeps the parameters of the words in both.

        Args:
            old_word_ids: (V′,) int64, the id of each new word in this head, or −1 if it is new.
            objective: the objective of the new head; if None, that of this head, unless it draws noise.
            tree: a tree over the V′ words, for a `Hierarchical` layer, which keeps the decisions of both trees.

        Raises:
            InputError: see `vastmax.output.resized.resized`; an objective for the old vocabulary.

        Example:
            >>> import torch
            >>> from vastmax import Head, output
            >>> head = Head(output.Dense(8, 3))
            >>> grown = head.resized(torch.tensor([2, 0, -1, -1]))  # word 1 is dropped, two are new
            >>> bool(grown.output.weight[0].equal(head.output.weight[2]))
            True
        """
        if objective is None and self.objective.proposal is not None:
            raise InputError(
                f"{type(self.objective).__name__} draws noise from the old vocabulary: pass objective for the new one"
            )
        layer = resized(self.output, old_word_ids, tree=tree)
        return type(self)(layer, self.objective if objective is None else objective).train(self.training)

    @property
    def hidden_size(self) -> int:
        """D, the size of the hidden vectors."""
        return self.output.hidden_size

    @property
    def vocab_size(self) -> int:
        """V, the number of words."""
        return self.output.vocab_size

    @property
    def normalised(self) -> bool:
        """Whether `log_prob` sums to one over the vocabulary."""
        return self.output.normalised

    def likelihood(self, *, temperature: float = 1.0) -> Output:
        """Return the layer whose softmax estimates p(w | h) under this objective: usually `output` itself."""
        layer = self.objective.likelihood(self.output)
        return layer if temperature == 1 else layer.mapped(ScoreMap(temperature=checked_temperature(temperature)))

"""Output layer × objective: a drop-in for `nn.Linear` + `nn.CrossEntropyLoss`; arguments are checked here."""

from __future__ import annotations

from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from vastmax.arguments import whole
from vastmax.distribution.counts import Counts, log_unigram
from vastmax.eager import eager
from vastmax.errors import InputError
from vastmax.examples import Examples, checked_context, checked_hidden, refuse_transformed
from vastmax.objective.base import Objective
from vastmax.objective.cross_entropy import CrossEntropy
from vastmax.output.base import FlatOutput, Output, Search
from vastmax.proposal.base import Context
from vastmax.tensors.row_sparse import RowSparse

Reduction = Literal["mean", "sum", "none"]


class Head(nn.Module):
    """An output layer and what it is trained with.

    In training mode `head(hidden, target)` is the objective's loss; in eval mode the exact negative log-likelihood,
    whatever the training. `log_prob`, `topk` and `sample` are exact in both.

    Args:
        output: the layer. A bias that is still zero everywhere is set to the objective's `initial_bias`.
        objective: `CrossEntropy()` if not given.
        counts: (V,) word counts, for flat layers: the biases start where the untrained layer predicts their law, zeros
            raised to the smallest positive count. None: where it predicts all words alike. A `Hierarchical` layer takes
            counts itself.

    Raises:
        InputError: a pair that cannot work: a sampled objective with a factored layer, or a proposal of another V;
            counts of another V, or for a layer without biases that are still zero.

    Example:
        >>> import torch
        >>> from vastmax import Head, objective, output, proposal
        >>> noise = proposal.LogUniform(10_000, unique=True)
        >>> head = Head(output.Dense(8, 10_000), objective.SampledSoftmax(noise, num_samples=64))
        >>> hidden, target = torch.randn(2, 5, 8), torch.randint(10_000, (2, 5))
        >>> head(hidden, target).backward()
        >>> head.output.weight.grad.is_sparse
        True
        >>> [tuple(part.shape) for part in head.topk(hidden, 3)]
        [(2, 5, 3), (2, 5, 3)]
    """

    output: Output
    objective: Objective
    _log_unigram: Tensor | None = None

    def __init__(self, output: Output, objective: Objective | None = None, *, counts: Counts | None = None) -> None:
        super().__init__()
        _check_parts(output, objective)
        self._assemble(output, CrossEntropy() if objective is None else objective)
        self._log_unigram = None if counts is None else self._checked_log_unigram(counts)
        if not self._set_first_bias() and counts is not None:
            raise InputError(
                f"counts set the biases of a flat layer, and {type(output).__name__} has none here that are still "
                "zero: leave them out"
            )

    def _set_first_bias(self) -> bool:
        """Set biases that are zero still as the objective would have them begin; return whether there were any."""
        parameter = self._parameter()
        known = self._log_unigram
        if known is not None and parameter is not None and not parameter.is_meta:
            known = known.to(parameter.device)
        bias = self.objective.initial_bias(self.vocab_size, known)
        return bias is not None and self.output.initialise_bias(bias)

    def reset_parameters(self) -> None:
        """Start again: draw every parameter of the layer and the objective anew, biases as when the head was built.

        With `to_empty` that is how a head built on the meta device gets its first weights. A weight that was passed to
        `Dense` is left alone: whoever made it draws it.

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
        # DistributedDataParallel and parameter groups ask the layer which gradients there will be.
        if isinstance(self.output, RowSparse):
            self.output.used_by(self)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)  # type: ignore[no-untyped-call]
        self._tell_output()

    @property
    def gives_sparse_gradients(self) -> bool:
        """Whether a training step gives row-sparse gradients, if the layer has any: see `RowSparse.sparse`."""
        return self.objective.sampled or not isinstance(self.output, FlatOutput)

    def with_objective(self, objective: Objective) -> Head:
        """A head that trains the same parameters, bias included, with another objective.

        The layer itself is shared. Wrap in DistributedDataParallel, or make optimiser groups, after the change, and let
        go of this head: while it is in use, its gradients count among those that the layer may get.
        """
        _check_parts(self.output, objective)
        head = Head.__new__(Head)
        nn.Module.__init__(head)
        head._assemble(self.output, objective)
        head._log_unigram = self._log_unigram
        return head.train(self.training)

    @property
    def hidden_size(self) -> int:
        """D, the width of the hidden vectors."""
        return self.output.hidden_size

    @property
    def vocab_size(self) -> int:
        """V, the number of words."""
        return self.output.vocab_size

    @property
    def normalised(self) -> bool:
        """Whether `log_prob` sums to one over the vocabulary."""
        return self.output.normalised

    @eager
    def forward(
        self,
        hidden: Tensor,
        target: Tensor,
        *,
        context: Context | None = None,
        generator: torch.Generator | None = None,
        weight: Tensor | None = None,
        label_smoothing: float = 0.0,
        ignore_index: int = -100,
        reduction: Reduction = "mean",
    ) -> Tensor:
        """The loss in nats.

        Equals, under `CrossEntropy` and in eval mode, `F.cross_entropy` of the layer's scores with the same options,
        without ever holding the (N, V) scores.

        Args:
            hidden: (…, D).
            target: (…) word ids, or (…, M): several true words an example, padded with `ignore_index`; of the m words
                an example has, each weighs 1/m (and costs as much as an example of its own).
            context: what the proposal needs, by name; tensors shaped as the leading dimensions are one entry an
                example, anything else is passed as it is.
            generator: where the noise comes from; the default generator if None.
            weight: (V,) weight of each word as a target; in training under `CrossEntropy` only.
            label_smoothing: in [0, 1], as in PyTorch; in training under `CrossEntropy` only. Looks at every word.
            ignore_index: targets of this value take no part.
            reduction: "mean" (over the examples that are not ignored; with `weight`, the weighted mean), "sum", "none".

        Returns:
            a scalar, or for "none" the leading shape with 0 where ignored. The mean over no example at all is 0, not
            NaN as in PyTorch: one empty batch must not end a run.

        Raises:
            InputError: wrong shapes, dtypes or devices, a target out of range, a missing context, `weight` or
                `label_smoothing` where they mean nothing.
        """
        if reduction not in get_args(Reduction):
            raise InputError(f"reduction is {reduction!r}; expected 'mean', 'sum' or 'none'")
        self._check_weighting(weight, label_smoothing)
        _check_generator(generator)
        exact = self.objective.is_exact or not self.training
        if not exact:
            checked_context(context, self.objective.needs)
        examples = self._examples(hidden, target, ignore_index=ignore_index, several=True)
        if exact:
            loss = self.objective.exact_loss(
                self.likelihood(), examples.hidden, examples.target, weight=weight, label_smoothing=label_smoothing
            )
        else:
            loss = self.objective(
                self.output,
                examples.hidden,
                examples.target,
                context=examples.matching(context),
                generator=generator,
            )
        if examples.share is not None:
            loss = loss * examples.share
        if reduction == "none":
            return examples.scatter(loss)
        total: Tensor = loss.sum()
        if reduction == "sum" or examples.target.shape[0] == 0:
            return total
        return total / examples.total_weight(weight)

    @eager
    def log_prob(self, hidden: Tensor, target: Tensor | None = None) -> Tensor:
        """Exact log p, in nats: of every word, (…, V), or of `target` (…), the same shape.

        After negative sampling these are the log-probabilities of softmax(s + log Q), not of softmax(s): see
        `NegativeSampling`.
        """
        if target is None:
            flat = self._hidden(hidden)
            return self.likelihood().log_prob(flat).reshape(*hidden.shape[:-1], self.vocab_size)
        examples = self._examples(hidden, target, ignore_index=None, several=False)
        return self.likelihood().log_prob(examples.hidden, examples.target).reshape(target.shape)

    @eager
    def topk(self, hidden: Tensor, k: int, *, search: Search | None = None) -> tuple[Tensor, Tensor]:
        """The k best words: (log_prob, word_ids), both (…, k), best first; exact unless an index `search` is passed.

        Where the hidden vector holds a NaN or an infinity the log-probabilities are NaN, and the ids mean nothing.

        Raises:
            InputError: k not in [1, V].
        """
        k = whole("k", k, 1, self.vocab_size, "the vocabulary size")
        flat = self._hidden(hidden)
        refuse_transformed(flat)
        layer = self.likelihood()
        log_prob, word_ids = layer.topk(flat, k) if search is None else search.topk(layer, flat, k)
        leading = hidden.shape[:-1]
        return log_prob.reshape(*leading, k), word_ids.reshape(*leading, k)

    @eager
    def sample(self, hidden: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        """One word an example drawn from p(· | hidden): (…) int64.

        Raises:
            InputError: probabilities that are NaN, as `torch.multinomial` has it.
        """
        _check_generator(generator)
        flat = self._hidden(hidden)
        refuse_transformed(flat)
        return self.likelihood().sample(flat, generator=generator).reshape(hidden.shape[:-1])

    @eager
    def diagnose(
        self,
        hidden: Tensor,
        target: Tensor,
        *,
        context: Context | None = None,
        generator: torch.Generator | None = None,
        ignore_index: int = -100,
    ) -> dict[str, float]:
        """What to look at before trusting an approximation, measured on one batch. Dearer than a step.

        Args:
            hidden: as in `forward`, and so are the others.

        Returns:
            by name, means in nats over the batch:

            - "exact_loss", "training_loss", and "gap", training less exact (to be compared over time for objectives
              whose loss is no estimate of the likelihood: NCE, negative sampling);
            - for flat layers "log_normaliser_mean", "log_normaliser_mean_abs", "log_normaliser_std": near 0 the raw
              score may stand for log p, if the objective is `self_normalising`;
            - "touched_share": of the layer's parameters, the share that a step's gradient writes to;
            - what the objective adds (`Objective.diagnose`).

        Raises:
            InputError: as `forward`, or no example that is not ignored.
        """
        _check_generator(generator)
        checked_context(context, self.objective.needs)
        hidden = hidden.detach() if isinstance(hidden, Tensor) else hidden
        examples = self._examples(hidden, target, ignore_index=ignore_index, several=True)
        if examples.target.shape[0] == 0:
            raise InputError("every target is ignored: nothing to diagnose")
        inner, generator_state = examples.matching(context), None if generator is None else generator.get_state()
        with torch.enable_grad():
            loss = self.objective(
                self.output, examples.hidden, examples.target, context=inner, generator=generator
            ).mean()
            touched = _touched_share(loss, self.output)
        training_loss = float(loss.detach())
        if generator is not None and generator_state is not None:
            generator.set_state(generator_state)
        with torch.no_grad():
            exact_loss = float(-self.likelihood().log_prob(examples.hidden, examples.target).mean())
            figures = {
                "training_loss": training_loss,
                "exact_loss": exact_loss,
                "gap": training_loss - exact_loss,
                "touched_share": touched,
            }
            if isinstance(self.output, FlatOutput):
                _, log_normaliser = self.output.exact(examples.hidden, examples.target)
                figures["log_normaliser_mean"] = float(log_normaliser.mean())
                figures["log_normaliser_mean_abs"] = float(log_normaliser.abs().mean())
                figures["log_normaliser_std"] = float(log_normaliser.std(correction=0))
            figures |= self.objective.diagnose(
                self.output, examples.hidden, examples.target, context=inner, generator=generator
            )
        return figures

    def likelihood(self) -> Output:
        """Return the layer whose softmax estimates p(w | h) under this objective: nearly always `output` itself."""
        if not self.objective.corrects_scores:
            return self.output
        assert isinstance(self.output, FlatOutput)  # Objective.check refused anything else
        parameter = self._parameter()
        device = None if parameter is None else parameter.device
        correction = self.objective.score_correction(torch.arange(self.vocab_size, device=device))
        return self.output if correction is None else self.output.shifted(correction)

    def _parameter(self) -> Tensor | None:
        return next(self.output.parameters(), None)

    def _hidden(self, hidden: Tensor) -> Tensor:
        return checked_hidden(hidden, hidden_size=self.hidden_size, parameter=self._parameter())

    def _examples(self, hidden: Tensor, target: Tensor, *, ignore_index: int | None, several: bool) -> Examples:
        return Examples.check(
            hidden,
            target,
            hidden_size=self.hidden_size,
            vocab_size=self.vocab_size,
            parameter=self._parameter(),
            ignore_index=ignore_index,
            several=several,
        )

    def _checked_log_unigram(self, counts: Counts) -> Tensor:
        logs = torch.from_numpy(log_unigram(counts))
        if len(logs) != self.vocab_size:
            raise InputError(f"counts are of {len(logs)} words, the output layer has {self.vocab_size}")
        return logs

    def _check_weighting(self, weight: Tensor | None, label_smoothing: float) -> None:
        if not isinstance(label_smoothing, int | float) or not 0.0 <= label_smoothing <= 1.0:
            raise InputError(f"label_smoothing is {label_smoothing!r}; expected between 0 and 1")
        if weight is None and label_smoothing == 0.0:
            return
        if self.training and not self.objective.is_exact:
            raise InputError(
                "weight and label_smoothing belong to the exact loss, and in training "
                f"{type(self.objective).__name__} gives another one: leave them out, or train with CrossEntropy"
            )
        if weight is not None and not isinstance(weight, Tensor):
            raise InputError(
                f"weight is of type {type(weight).__name__}; expected a torch.Tensor: pass torch.as_tensor(weight)"
            )
        if weight is not None and weight.shape != (self.vocab_size,):
            raise InputError(f"weight has shape {tuple(weight.shape)}; expected one a word, ({self.vocab_size},)")


def _check_parts(output: object, objective: object) -> None:
    """Raise InputError unless these are an output layer and an objective, built."""
    if not isinstance(output, Output):
        found, fix = _kind(output), "such as output.Dense(hidden_size, vocab_size)"
        if isinstance(output, nn.Linear):
            fix = "pass output.Dense.from_linear(linear), which shares its parameters"
        raise InputError(f"output is {found}; expected an output layer of vastmax.output: {fix}")
    if objective is not None and not isinstance(objective, Objective):
        found, fix = _kind(objective), "such as objective.SampledSoftmax(proposal, num_samples)"
        if isinstance(objective, nn.CrossEntropyLoss):
            fix = "pass objective.CrossEntropy(); weight, label_smoothing, ignore_index go to the call of the head"
        raise InputError(f"objective is {found}; expected one of vastmax.objective: {fix}")


def _kind(value: object) -> str:
    return (
        f"the class {value.__name__}, not built yet" if isinstance(value, type) else f"of type {type(value).__name__}"
    )


def _check_generator(generator: object) -> None:
    if generator is not None and not isinstance(generator, torch.Generator):
        raise InputError(f"generator is of type {type(generator).__name__}; expected a torch.Generator, or None")


def _touched_share(loss: Tensor, output: Output) -> float:
    """The share of the layer's parameters that the gradient of `loss` has an entry for."""
    parameters = [parameter for parameter in output.parameters() if parameter.requires_grad]
    gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
    touched = 0
    for gradient in gradients:
        if gradient is not None:
            touched += gradient._values().numel() if gradient.is_sparse else gradient.numel()
    return touched / sum(parameter.numel() for parameter in parameters)

"""Output layer × objective: a drop-in for `nn.Linear` + `nn.CrossEntropyLoss`, which checks its arguments."""

from __future__ import annotations

from typing import NamedTuple, overload

import torch
from torch import Tensor

from vastmax.arguments import whole
from vastmax.eager import eager, eager_unless
from vastmax.errors import InputError
from vastmax.head.arguments import (
    Reduction,
    check_example_weight,
    check_generator,
    check_reduction,
    check_search,
    check_weighting,
    checked_temperature,
)
from vastmax.head.candidates import checked_candidates, scores_among, topk_among, without
from vastmax.head.diagnosis import diagnosis
from vastmax.head.examples import Examples, checked_context, checked_hidden, checked_words
from vastmax.head.parts import Parts
from vastmax.output.base import FlatOutput, Search
from vastmax.proposal.base import Context
from vastmax.tensors.numbers import require_law
from vastmax.tensors.random import Rng
from vastmax.tensors.tracing import refuse_transformed


class LogProb(NamedTuple):
    """The result of `Head.log_prob` if more than log-probabilities is requested.

    Attributes:
        log_prob: (…, V), or the shape of the requested words.
        entropy: (…) H of p(· | hidden) in nats, or None.
        log_normaliser: (…) log Z of the scores, or None.
    """

    log_prob: Tensor
    entropy: Tensor | None
    log_normaliser: Tensor | None


def _traces_loss(head: Head, *args: object, generator: Rng = None, **kwargs: object) -> bool:
    if head.training and not head.objective.is_exact:
        return generator is None and head.objective.traces and head.output.traces_rows
    return head.output.traces_exact and _traces_likelihood(head)


def _traces_scores(head: Head, *args: object, temperature: float = 1.0, **kwargs: object) -> bool:
    return head.output.traces_scores and _traces_likelihood(head, temperature)


def _traces_log_prob(
    head: Head, hidden: Tensor, target: Tensor | None = None, *, temperature: float = 1.0, **kwargs: object
) -> bool:
    traces = head.output.traces_scores if target is None else head.output.traces_exact
    return traces and not any(kwargs.values()) and _traces_likelihood(head, temperature)


def _traces_topk(head: Head, *args: object, **kwargs: object) -> bool:
    return head.output.traces_scores and not kwargs and _traces_likelihood(head)


def _traces_likelihood(head: Head, temperature: float = 1.0) -> bool:
    """Whether scores stay as they are, or nothing minds a view of the layer: torch.compile cannot build one."""
    return not torch.compiler.is_dynamo_compiling() or (temperature == 1 and not head.objective.changes_scores)


class Head(Parts):
    """An output layer combined with an objective.

    In training mode, `head(hidden, target)` is the loss of the objective; in eval mode, it is the exact negative
    log-likelihood, however the head is trained. `log_prob`, `topk` and `sample` are exact in both.

    Args:
        output: the layer. A bias that is zero everywhere is set to the objective's `initial_bias`.
        objective: `CrossEntropy()` by default.
        counts: (V,) word counts, for flat layers: the biases start at values with which the untrained layer predicts
            the unigram distribution, with zeros raised to the smallest positive count. None: it predicts all words
            equally. A `Hierarchical` layer takes counts itself.

    Raises:
        InputError: parts that do not fit, such as a sampled objective with a factored layer, or a proposal with a
            different V; counts with a different V, or for a layer without biases that are zero.

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

    @eager_unless(_traces_loss)
    def forward(
        self,
        hidden: Tensor,
        target: Tensor,
        *,
        context: Context = None,
        generator: Rng = None,
        weight: Tensor | None = None,
        label_smoothing: float = 0.0,
        example_weight: Tensor | None = None,
        ignore_index: int = -100,
        reduction: Reduction = "mean",
    ) -> Tensor:
        """Return the loss in nats.

        With `CrossEntropy` and in eval mode, it equals `F.cross_entropy` of the layer's scores with the same options,
        without storing the (N, V) scores.

        Args:
            hidden: (…, D).
            target: (…) word ids, or (…, M) with several true words per example, padded with `ignore_index`. Each of m
                words has weight 1/m (and costs as much as an example).
            context: data for the proposal, by name; tensors with the leading dimensions have one entry per example.
            generator: the source of noise; the default generator if None.
            weight: (V,) the weight of each word as a target; in training, for `CrossEntropy` only.
            label_smoothing: in [0, 1], as in PyTorch; in training, for `CrossEntropy` only. It reads every word.
            example_weight: (…) the weight of each example's loss, for any objective.
            ignore_index: targets with this value are ignored.
            reduction: "mean" (over the examples that are not ignored, weighted if there are weights), "sum", "none".

        Returns:
            A scalar, or for "none" the leading shape with 0 where ignored. The mean over zero examples is 0, not NaN as
            in PyTorch, so an empty batch does not end a run.

        Raises:
            InputError: wrong shapes, dtypes or devices, a target out of range, a missing context, or an unsupported
                `weight` or `label_smoothing`.
        """
        check_reduction(reduction)
        refused_by = type(self.objective).__name__ if self.training and not self.objective.is_exact else None
        check_weighting(weight, label_smoothing, vocab_size=self.vocab_size, refused_by=refused_by)
        check_example_weight(example_weight, hidden)
        if self.training:
            weight = self.objective.class_weight if weight is None else weight
            label_smoothing = label_smoothing or self.objective.label_smoothing
        check_generator(generator)
        exact = self.objective.is_exact or not self.training
        if not exact:
            checked_context(context, self.objective.needs)
        examples = Examples.check(hidden, target, self.output, ignore_index=ignore_index)
        refuse_transformed(hidden, takes_grad=_traces_loss(self, generator=generator))
        if exact:
            loss = self.objective.exact_loss(
                self.likelihood(), examples.hidden, examples.target, weight=weight, label_smoothing=label_smoothing
            )
        else:
            loss = self.objective(
                self.output,
                examples.hidden,
                examples.target,
                context=examples.matching(context, self.objective.per_example),
                generator=generator,
            )
        if examples.share is not None:
            loss = loss * examples.share
        if example_weight is not None:
            loss = loss * examples.per_example(example_weight)
        if reduction == "none":
            return examples.scatter(loss)
        total: Tensor = loss.sum()
        if reduction == "sum" or examples.target.shape[0] == 0:
            return total
        return total / examples.total_weight(weight, example_weight)

    @eager_unless(_traces_scores)
    def logits(self, hidden: Tensor, *, temperature: float = 1.0) -> Tensor:
        """Return a score for every word, (…, V), whose softmax is p(· | hidden), differentiable.

        They correspond to the output of `nn.Linear`, for generation, sampling filters and losses of other libraries. A
        factored layer returns log p. For log-probabilities of a few words, use `log_prob`, which needs less memory.

        Args:
            hidden: (…, D).
            temperature: T > 0, which divides the scores.
        """
        flat = checked_hidden(hidden, self.output)
        return self.likelihood(temperature=temperature).logits(flat).reshape(*hidden.shape[:-1], self.vocab_size)

    @overload
    def log_prob(self, hidden: Tensor, target: Tensor | None = None, *, temperature: float = 1.0) -> Tensor: ...

    @overload
    def log_prob(
        self,
        hidden: Tensor,
        target: Tensor | None = None,
        *,
        temperature: float = 1.0,
        return_entropy: bool = False,
        return_log_normaliser: bool = False,
    ) -> Tensor | LogProb: ...

    @eager_unless(_traces_log_prob)
    def log_prob(
        self,
        hidden: Tensor,
        target: Tensor | None = None,
        *,
        temperature: float = 1.0,
        return_entropy: bool = False,
        return_log_normaliser: bool = False,
    ) -> Tensor | LogProb:
        """Return exact log p, in nats: of every word, (…, V), or of `target`, in the same shape.

        After negative sampling, these are the log-probabilities of softmax(s + log Q), not softmax(s): see
        `NegativeSampling`. With `target`, (…, V) numbers are never stored, forward or backward: the policy query of
        reinforcement learning, `log_prob(hidden, chosen, temperature=T, return_entropy=True)`, needs one tile.

        Args:
            hidden: (…, D).
            target: (…) word ids, or (…, M) with several words per example.
            temperature: T > 0 in softmax(s/T). In a factored layer, which otherwise reads a few words, T other than 1
                reads every word.
            return_entropy: whether to return H = −Σ_w p(w)·log p(w), too; reads every word.
            return_log_normaliser: whether to return log Z of the scores, too; 0 for factored layers.

        Returns:
            (…, V), or the shape of `target`; with one of the last two options, a `LogProb` with None for the other.

        Raises:
            InputError: as `forward`; a temperature that is not above 0.
        """
        layer = self.likelihood(temperature=temperature)
        flat = checked_hidden(hidden, self.output)
        leading = hidden.shape[:-1]
        if target is None:
            found = layer.log_prob(flat).reshape(*leading, self.vocab_size)
        else:
            refuse_transformed(hidden, takes_grad=self.output.traces_exact)
            word_ids = checked_words(hidden, target, vocab_size=self.vocab_size)
            if word_ids.shape[1] == 1:
                found = layer.log_prob(flat, word_ids[:, 0]).reshape(target.shape)
            else:
                score, log_normaliser = layer.exact_of(flat, word_ids)
                found = (score - log_normaliser[:, None]).reshape(target.shape)
        if not (return_entropy or return_log_normaliser):
            return found
        log_normaliser, mean = layer.moments(flat)
        return LogProb(
            found,
            (log_normaliser - mean).reshape(leading) if return_entropy else None,
            log_normaliser.reshape(leading) if return_log_normaliser else None,
        )

    @eager_unless(_traces_topk)
    def topk(
        self,
        hidden: Tensor,
        k: int,
        *,
        search: Search | None = None,
        candidates: Tensor | None = None,
        exclude: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Return the k best words: (log_prob, word_ids), both (…, k), best first; exact without an index `search`.

        If the hidden vector contains NaN or infinity, the log-probabilities are NaN, and the ids are meaningless.

        Args:
            hidden: (…, D).
            k: the number of words.
            search: an index of this head, from `vastmax.search`.
            candidates: (C,) or (…, C) word ids to choose among: log p is among these words, and only they are scored.
            exclude: (E,) or (…, E) word ids to leave out, such as items already seen; log p is among all words.

        Raises:
            InputError: k not in [1, V], or more than the remaining words; `candidates` combined with other options.
        """
        k = whole("k", k, 1, self.vocab_size, "the vocabulary size")
        check_search(search)
        flat = checked_hidden(hidden, self.output)
        refuse_transformed(flat)
        layer = self.likelihood()
        leading = hidden.shape[:-1]
        if candidates is not None:
            if search is not None or exclude is not None:
                raise InputError("candidates are all scored: leave out search and exclude")
            among = checked_candidates(hidden, candidates, vocab_size=self.vocab_size, name="candidates")
            whole("k", k, 1, among.shape[1], "the number of candidates")
            log_prob, word_ids = topk_among(layer, flat, among, k)
            return log_prob.reshape(*leading, k), word_ids.reshape(*leading, k)
        left_out = None
        if exclude is not None:
            left_out = checked_candidates(hidden, exclude, vocab_size=self.vocab_size, name="exclude")
            whole("k", k, 1, self.vocab_size - left_out.shape[1], "the words that exclude leaves")
        if search is not None and isinstance(layer, FlatOutput) and layer.score_map is not None:
            raise InputError("an index finds words by plain scores, but these are capped: leave out search")
        wanted = k if left_out is None else k + left_out.shape[1]
        log_prob, word_ids = layer.topk(flat, wanted) if search is None else search.topk(layer, flat, wanted)
        if left_out is not None:
            log_prob, word_ids = without(log_prob, word_ids, left_out, k)
        return log_prob.reshape(*leading, k), word_ids.reshape(*leading, k)

    @eager
    def sample(
        self,
        hidden: Tensor,
        *,
        temperature: float = 1.0,
        generator: Rng = None,
        search: Search | None = None,
        candidates: Tensor | None = None,
    ) -> Tensor:
        """Draw one word per example from p(· | hidden), or from softmax(s/T): (…) int64.

        Args:
            hidden: (…, D).
            temperature: T > 0, which divides the scores.
            generator: the source of random numbers; the default generator if None.
            search: an index: the distribution is the same with `search.Certified`, and approximate with others.
            candidates: (C,) or (…, C) word ids to draw among; only they are scored.

        Raises:
            InputError: probabilities are NaN, as in `torch.multinomial`.
        """
        check_generator(generator)
        check_search(search)
        flat = checked_hidden(hidden, self.output)
        refuse_transformed(flat)
        if candidates is not None:
            if search is not None:
                raise InputError("candidates are all scored: leave out search")
            among = checked_candidates(hidden, candidates, vocab_size=self.vocab_size, name="candidates")
            scores = scores_among(self.likelihood(temperature=temperature), flat, among)
            prob = scores.detach().double().softmax(dim=1)
            require_law(prob)
            drawn = among.gather(1, torch.multinomial(prob, 1, generator=generator))[:, 0]
        elif search is None:
            drawn = self.likelihood(temperature=temperature).sample(flat, generator=generator)
        else:
            T = checked_temperature(temperature)
            drawn = search.sample(self.likelihood(), flat, temperature=T, generator=generator)
        return drawn.reshape(hidden.shape[:-1])

    @eager
    @torch.no_grad()
    def log_normaliser(
        self, hidden: Tensor, *, search: Search | None = None, generator: Rng = None
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Return log Z, the log of Σ e^score over all words, (…): exact, or with `search` (log Z, standard error).

        A factored layer is normalized, so its log Z is 0. Not differentiable.

        Args:
            hidden: (…, D).
            search: an index, which sums the best words exactly and estimates the rest.
            generator: the source of random numbers for the estimate; the default generator if None.

        Raises:
            InputError: as `topk`.
        """
        check_generator(generator)
        check_search(search)
        flat = checked_hidden(hidden, self.output)
        refuse_transformed(flat)
        layer = self.likelihood()
        leading = hidden.shape[:-1]
        if search is not None:
            found, error = search.normaliser(layer, flat, generator=generator)
            return found.reshape(leading), error.reshape(leading)
        target = torch.zeros(flat.shape[0], dtype=torch.int64, device=flat.device)
        return layer.exact(flat, target)[1].reshape(leading)

    @eager
    def diagnose(
        self,
        hidden: Tensor,
        target: Tensor,
        *,
        context: Context = None,
        generator: Rng = None,
        ignore_index: int = -100,
    ) -> dict[str, float]:
        """Return statistics of one batch that show the quality of an approximation. It costs more than a step.

        Args:
            hidden: as in `forward`, and so are the others.

        Returns:
            By name, means in nats over the batch:

            - "exact_loss", "training_loss", and "gap", the training loss minus the exact one (for objectives whose loss
              does not estimate the likelihood, NCE and negative sampling, compare it over time);
            - for flat layers, "log_normaliser_mean", "log_normaliser_mean_abs" and "log_normaliser_std": if they are
              near 0 and the objective is `self_normalising`, the raw score approximates log p;
            - "touched_share": the share of the layer's parameters that have a gradient in a step;
            - statistics of the objective (`Objective.diagnose`).

        Raises:
            InputError: as `forward`, or all examples are ignored.
        """
        check_generator(generator)
        checked_context(context, self.objective.needs)
        hidden = hidden.detach() if isinstance(hidden, Tensor) else hidden
        examples = Examples.check(hidden, target, self.output, ignore_index=ignore_index)
        if examples.target.shape[0] == 0:
            raise InputError("every target is ignored: nothing to diagnose")
        return diagnosis(
            self.output,
            self.objective,
            examples.hidden,
            examples.target,
            context=examples.matching(context, self.objective.per_example),
            generator=generator,
        )

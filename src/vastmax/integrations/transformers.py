"""A head in place of the `lm_head` of a Transformers model: the loss without the logits, everything else as it was."""

from __future__ import annotations

import functools
import inspect
from dataclasses import fields
from typing import Any, TypeVar

from torch import Tensor, nn
from torch.nn.functional import pad

from vastmax.distribution.counts import Counts
from vastmax.errors import InputError
from vastmax.extras import require
from vastmax.head import Head
from vastmax.methods import RECIPES, Method
from vastmax.objective.base import Objective
from vastmax.objective.cross_entropy import CrossEntropy
from vastmax.output.base import Output
from vastmax.output.dense import Dense
from vastmax.output.hierarchical import Hierarchical

require("vastmax.integrations.transformers", "transformers")
from transformers import PreTrainedModel  # noqa: E402

_Model = TypeVar("_Model", bound=PreTrainedModel)

_HEAD = "_vastmax_head"
"""Where a model keeps its head: outside its submodules, which hold the layer under the name it always had."""


class HeadMixin:
    """Computes the loss of a Transformers model by a vastmax head, when it is called with labels.

    `use_head` gives a model this class beside its own. To write a class yourself: `class Mine(HeadMixin,
    LlamaForCausalLM)`, then `use_head(Mine(config), …)`; without a head it is the class it inherits.
    """

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        own = next(vars(parent)["forward"] for parent in cls.__mro__ if "forward" in vars(parent))
        if getattr(own, "_has_head", False):  # of a class that this one inherits
            return

        @functools.wraps(own)  # Trainer reads from the signature which columns and options the model takes
        def forward(self: Any, *args: Any, **kwargs: Any) -> Any:
            return _forward(self, functools.partial(own, self), args, kwargs)

        forward._has_head = True  # type: ignore[attr-defined]
        cls.forward = forward  # type: ignore[attr-defined]

    @classmethod
    def from_pretrained(cls, *args: Any, **kwargs: Any) -> Any:
        """Load as the class this one inherits does; where the head is built in `__init__`, check that its tree fits.

        Raises:
            InputError: the weights of a tree were trained on another one.
        """
        loaded = super().from_pretrained(*args, **kwargs)  # type: ignore[misc]
        model = loaded[0] if isinstance(loaded, tuple) else loaded
        for module in model.modules():
            if isinstance(module, Hierarchical):
                module.check_tree()
        return loaded

    def resize_token_embeddings(self, new_num_tokens: int | None = None, *args: Any, **kwargs: Any) -> Any:
        """Resize as the class this one inherits does.

        Raises:
            InputError: the output layer does not have a vector for each token.
        """
        layer = self.get_output_embeddings()  # type: ignore[attr-defined]
        if (
            isinstance(layer, Output)
            and not isinstance(layer, Dense)
            and new_num_tokens not in (None, layer.vocab_size)
        ):
            raise InputError(
                f"the output layer is {type(layer).__name__} over {layer.vocab_size} tokens, which Transformers cannot "
                "resize: resize the model before use_head, or pass use_head the head over the new tokens, for a tree "
                "head_of(model).resized(old_token_ids, tree=…)"
            )
        return super().resize_token_embeddings(new_num_tokens, *args, **kwargs)  # type: ignore[misc]


def use_head(
    model: _Model,
    recipe_or_head: str | Method | Objective | Head = "softmax",
    *,
    counts: Counts | None = None,
    sparse_gradients: bool = False,
) -> _Model:
    """Let `model` compute its loss by a head, in place of logits and their cross-entropy; return the same model.

    With labels, the model returns the head's loss and no logits, and never holds (batch, time, V) numbers. Positions
    whose label is −100 are dropped before anything is multiplied. In training mode the loss is the objective's, in eval
    mode the exact one. Without labels nothing changes: `generate` goes through `lm_head` as before.

    What stays: the parameters and their names, tying with the input embedding, `get_output_embeddings`,
    `resize_token_embeddings`, `save_pretrained` and `from_pretrained` (then `use_head` again), shifting of labels,
    `num_items_in_batch`, gradient checkpointing, autocast, PEFT adapters on anything but `lm_head`. A layer that is not
    a table of one vector per token (`Hierarchical`, say) takes the place of `lm_head`, with parameters of its own.

    Args:
        model: a `*ForCausalLM`, `*LMHeadModel`, `*ForMaskedLM` or `*ForConditionalGeneration` whose output embedding is
            an `nn.Linear`.
        recipe_or_head: the name of a recipe, or one; an objective for the model's own `lm_head`; or a head, whose layer
            then is the output layer.
        counts: (V,) how often each token comes, for recipes that want to know; V the rows of `lm_head`, padding
            included.
        sparse_gradients: whether a sampled objective gives `lm_head.weight` row-sparse gradients. They make a step cost
            what the objective promises, and need `optimizer_for` and its clipping.

    Raises:
        InputError: a model without a linear output embedding; a recipe without the counts it needs, or counts of
            another length; a softcap or scale of the model's that the objective does not know.

    Example:
        >>> from transformers import GPT2Config, GPT2LMHeadModel
        >>> import torch
        >>> ends = {"bos_token_id": 1, "eos_token_id": 2}
        >>> config = GPT2Config(vocab_size=100, n_embd=16, n_layer=1, n_head=2, n_positions=32, **ends)
        >>> model = use_head(GPT2LMHeadModel(config))
        >>> tokens = torch.randint(100, (2, 8))
        >>> model(input_ids=tokens, labels=tokens).loss.backward()
        >>> model.generate(tokens, max_new_tokens=2, do_sample=False, pad_token_id=0).shape
        torch.Size([2, 10])
    """
    if not isinstance(model, PreTrainedModel):
        raise InputError(f"model is of type {type(model).__name__}; expected a PreTrainedModel of Transformers")
    lm_head = model.get_output_embeddings()
    if not isinstance(lm_head, nn.Linear | Output):
        raise InputError(
            f"the output embedding of {type(model).__name__} is of type {type(lm_head).__name__}; expected an "
            "nn.Linear: use_head takes models with a language-modelling head, before adapters wrap it"
        )
    head = _built(model, lm_head, recipe_or_head, counts, sparse_gradients)
    _check_scores(model, head.objective)
    own_linear = isinstance(head.output, Dense) and isinstance(lm_head, nn.Linear) and not head.output.sparse
    if not (own_linear and _weight_of(head) is lm_head.weight):
        _replace(model, lm_head, head.output)
    if not isinstance(model, HeadMixin):
        model.__class__ = _headed(type(model))  # type: ignore[arg-type]
    model.vastmax_objective = head.objective  # its tables and parameters move and are saved with the model
    model.__dict__[_HEAD] = head.train(model.training)
    return model


def head_of(model: PreTrainedModel) -> Head:
    """Return the head of a model that `use_head` was given: for `log_prob`, `topk`, `diagnose` of hidden states.

    Raises:
        InputError: the model has none, or its vocabulary was resized under an objective that counts tokens.
    """
    head: Head | None = model.__dict__.get(_HEAD)
    if head is None:
        raise InputError(f"{type(model).__name__} has no head of vastmax: call use_head(model, …) first")
    lm_head = model.get_output_embeddings()
    if lm_head is not head.output and not isinstance(lm_head, nn.Linear):
        raise InputError(
            f"lm_head has become a {type(lm_head).__name__} since use_head was called, and its loss would pass by what "
            "that adds: leave lm_head out of the adapter's target_modules, or merge it and call use_head again"
        )
    if isinstance(lm_head, nn.Linear) and not (
        lm_head.weight is _weight_of(head) and lm_head.weight.shape[0] == head.vocab_size
    ):
        head = _rebound(model, head, lm_head)
    return head if head.training == model.training else head.train(model.training)


def _rebound(model: PreTrainedModel, head: Head, lm_head: nn.Linear) -> Head:
    """The head over the parameters that `lm_head` has now: tied again, resized, or loaded."""
    if lm_head.weight.shape[0] != head.vocab_size and not head.objective.is_exact:
        raise InputError(
            f"the vocabulary was resized from {head.vocab_size} to {lm_head.weight.shape[0]} tokens, and the objective "
            f"{type(head.objective).__name__} knows the old ones: call use_head again, with counts of all tokens"
        )
    head = Head(Dense.from_linear(lm_head, sparse_gradients=False), head.objective)
    model.__dict__[_HEAD] = head
    return head


def _forward(model: Any, forward: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    names = list(inspect.signature(forward).parameters)
    arguments = dict(zip(names, args, strict=False)) | kwargs
    labels = arguments.get("labels")
    if labels is None or _HEAD not in model.__dict__:
        return forward(**arguments)
    del arguments["labels"]
    num_items = arguments.pop("num_items_in_batch", None)
    shifted = arguments.pop("shift_labels", None)
    as_dict = arguments.pop("return_dict", None)
    if model.config.is_encoder_decoder and not {"decoder_input_ids", "decoder_inputs_embeds"} & {
        name for name, value in arguments.items() if value is not None
    }:
        arguments["decoder_input_ids"] = model.prepare_decoder_input_ids_from_labels(labels=labels)
    head = head_of(model)
    hidden, outputs = _hidden_and_outputs(model, forward, arguments)
    target = shifted if shifted is not None else _next_tokens(labels) if _predicts_next(model) else labels
    loss = head(hidden, target.to(hidden.device), reduction="mean" if num_items is None else "sum")
    if num_items is not None:
        loss = loss / (num_items.to(loss.device) if isinstance(num_items, Tensor) else num_items)
    values = {field.name: getattr(outputs, field.name) for field in fields(outputs)}
    outputs = type(outputs)(**{**values, "loss": loss, "logits": None})
    as_dict = model.config.return_dict if as_dict is None else as_dict
    return outputs if as_dict else outputs.to_tuple()


def _hidden_and_outputs(model: Any, forward: Any, arguments: dict[str, Any]) -> tuple[Tensor, Any]:
    """Return the output layer's input, and the model's output without that layer, which sees no position at all."""
    seen: list[Tensor] = []

    def keep(_module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        seen.append(inputs[0])
        return (inputs[0][..., :0, :], *inputs[1:])

    hook = model.get_output_embeddings().register_forward_pre_hook(keep)
    try:
        outputs = forward(**arguments, return_dict=True)
    finally:
        hook.remove()
    return seen[0], outputs


def _next_tokens(labels: Tensor) -> Tensor:
    return pad(labels, (0, 1), value=-100)[..., 1:]


def _predicts_next(model: PreTrainedModel) -> bool:
    """Whether position t is to predict token t + 1, as in decoders; else its own, as in masked and seq2seq models."""
    return not (model.config.is_encoder_decoder or "MaskedLM" in type(model).__name__)


@functools.cache
def _headed(cls: type[PreTrainedModel]) -> type[PreTrainedModel]:
    """The class with `HeadMixin` before it, under its own name, by which configurations and files know it."""
    names = {"__module__": cls.__module__, "__qualname__": cls.__qualname__, "__doc__": cls.__doc__}
    return type(cls.__name__, (HeadMixin, cls), names)


def _built(
    model: PreTrainedModel,
    lm_head: nn.Linear | Output,
    recipe_or_head: str | Method | Objective | Head,
    counts: Counts | None,
    sparse_gradients: bool,
) -> Head:
    if isinstance(recipe_or_head, Head):
        return recipe_or_head
    if isinstance(recipe_or_head, str) and recipe_or_head == "softmax":
        recipe_or_head = CrossEntropy(**_score_options(model))  # type: ignore[arg-type]
    if isinstance(recipe_or_head, Objective):
        if not isinstance(lm_head, nn.Linear):
            return Head(lm_head, recipe_or_head)
        return Head(Dense.from_linear(lm_head, sparse_gradients=sparse_gradients), recipe_or_head)
    method = RECIPES[recipe_or_head] if isinstance(recipe_or_head, str) else recipe_or_head
    if not isinstance(method, Method):
        raise InputError(
            f"recipe_or_head is of type {type(method).__name__}; expected the name of a recipe, an objective or a Head"
        )
    if counts is None:
        raise InputError(
            f"recipe {method.name!r} goes by how often each token comes: pass counts=, one number per row of lm_head, "
            "such as torch.bincount(all_token_ids, minlength=model.get_output_embeddings().weight.shape[0])"
        )
    return _of_recipe(method, lm_head, counts, sparse_gradients)


def _of_recipe(method: Method, lm_head: nn.Linear | Output, counts: Counts, sparse_gradients: bool) -> Head:
    parameter = next(lm_head.parameters())
    width = lm_head.in_features if isinstance(lm_head, nn.Linear) else lm_head.hidden_size
    num_tokens = lm_head.out_features if isinstance(lm_head, nn.Linear) else lm_head.vocab_size
    head = method(width, counts, device="meta")
    if head.vocab_size != num_tokens:
        raise InputError(
            f"counts are of {head.vocab_size} tokens, and lm_head has {num_tokens} rows: give rows without a token the "
            "count 0"
        )
    if not isinstance(head.output, Dense) or not isinstance(lm_head, nn.Linear):
        return method(width, counts, sparse_gradients=sparse_gradients, device=parameter.device, dtype=parameter.dtype)
    weight = lm_head.weight
    assert isinstance(weight, nn.Parameter)
    head = method(width, counts, weight=weight, bias=False, sparse_gradients=sparse_gradients)
    assert isinstance(head.output, Dense)
    head.output.bias = lm_head.bias
    return head


def _replace(model: PreTrainedModel, lm_head: nn.Module, layer: Output) -> None:
    """Put `layer` in the place of `lm_head`; unless it is the embedding's own weight, it is tied no more."""
    embedding = model.get_input_embeddings()
    if getattr(layer, "weight", None) is not getattr(embedding, "weight", None):
        model.config.get_text_config().tie_word_embeddings = False
        model.config.tie_word_embeddings = False
    name = next(name for name, module in model.named_modules() if module is lm_head)
    parent, _, own_name = name.rpartition(".")
    setattr(model.get_submodule(parent), own_name, layer)


def _score_options(model: PreTrainedModel) -> dict[str, float]:
    """Return how the model changes its logits, as options of `CrossEntropy`."""
    config = model.config.get_text_config()
    options = {}
    if getattr(config, "final_logit_softcapping", None):
        options["softcap"] = float(config.final_logit_softcapping)
    if isinstance(scale := getattr(config, "logit_scale", None), int | float) and scale != 1:
        options["temperature"] = 1 / float(scale)
    if isinstance(scaling := getattr(config, "logits_scaling", None), int | float) and scaling != 1:
        options["temperature"] = float(scaling)
    return options


def _check_scores(model: PreTrainedModel, objective: Objective) -> None:
    for name, value in _score_options(model).items():
        if getattr(objective, name, None) != value:
            raise InputError(
                f"{type(model).__name__} computes its logits with {name}={value:g}, which {type(objective).__name__} "
                f"does not: pass objective.CrossEntropy({name}={value:g}), or recipe 'softmax', which does so by itself"
            )


def _weight_of(head: Head) -> Tensor | None:
    return head.output.weight if isinstance(head.output, Dense) else None

"""`use_head` on models of Transformers built from their configurations: the stock loss, the stock gradients."""

from __future__ import annotations

import copy
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

transformers = pytest.importorskip("transformers", reason="Transformers is not installed (extra: transformers)")

from vastmax import Head  # noqa: E402
from vastmax.errors import InputError  # noqa: E402
from vastmax.integrations.transformers import HeadMixin, head_of, use_head  # noqa: E402
from vastmax.objective import NCE, CrossEntropy, SampledSoftmax  # noqa: E402
from vastmax.optim import JoinedOptimizer, parameter_groups  # noqa: E402
from vastmax.output import Dense, Hierarchical  # noqa: E402
from vastmax.proposal import Uniform, Unigram  # noqa: E402

V, D = 97, 16
COUNTS = list(range(V, 0, -1))

SMALL = {"vocab_size": V, "hidden_size": D, "num_hidden_layers": 1, "num_attention_heads": 2}
LLAMA = {**SMALL, "intermediate_size": 24, "num_key_value_heads": 1, "max_position_embeddings": 64}
NO_DROPOUT = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    "GPT2": ("LMHeadModel", {"vocab_size": V, "n_embd": D, "n_layer": 1, "n_head": 2, "n_positions": 64}),
    "Llama": ("ForCausalLM", LLAMA),
    "Qwen2": ("ForCausalLM", LLAMA),
    "Qwen3": ("ForCausalLM", {**LLAMA, "head_dim": 8}),
    "Gemma2": ("ForCausalLM", {**LLAMA, "head_dim": 8, "final_logit_softcapping": 1.5}),
    "Gemma3Text": ("ForCausalLM", {**LLAMA, "head_dim": 8, "layer_types": ["full_attention"]}),
    "Mistral": ("ForCausalLM", LLAMA),
    "Phi": ("ForCausalLM", {**SMALL, "intermediate_size": 24, "max_position_embeddings": 64}),
    "OPT": (
        "ForCausalLM",
        {**SMALL, "ffn_dim": 24, "word_embed_proj_dim": D, "max_position_embeddings": 64, "activation_dropout": 0.0},
    ),
    "Bert": ("ForMaskedLM", {**SMALL, "intermediate_size": 24, "max_position_embeddings": 64}),
    "Roberta": ("ForMaskedLM", {**SMALL, "intermediate_size": 24, "max_position_embeddings": 64}),
    "ModernBert": ("ForMaskedLM", {**SMALL, "intermediate_size": 24, "max_position_embeddings": 64}),
    "T5": (
        "ForConditionalGeneration",
        {"vocab_size": V, "d_model": D, "d_kv": 8, "d_ff": 24, "num_layers": 1, "num_heads": 2},
    ),
}
QUICK = {"GPT2", "Gemma2", "Bert", "T5"}
TOKENS = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 0}


def stock(family: str, **options: Any) -> Any:
    kind, own = FAMILIES[family]
    config_class = getattr(transformers, f"{family}Config")
    model_class = getattr(transformers, f"{'Gemma3' if family == 'Gemma3Text' else family}{kind}")
    torch.manual_seed(0)
    config = config_class(**{**own, **TOKENS, **options})
    for name in list(vars(config)):  # dropout would draw other numbers
        if "dropout" in name or "pdrop" in name:
            setattr(config, name, 0.0)
    model = model_class(config)
    with torch.no_grad():  # larger than usual, so that the softmax is far from uniform
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.mul_(4)
    return model


def batch(model: Any, seed: int = 1) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    tokens = torch.randint(3, V, (2, 7), generator=generator)
    labels = (
        tokens.clone() if "MaskedLM" not in type(model).__name__ else torch.randint(3, V, (2, 7), generator=generator)
    )
    labels[0, 3:5] = -100
    return {"input_ids": tokens, "attention_mask": torch.ones_like(tokens), "labels": labels}


def gradients(model: Any, inputs: dict[str, Tensor], **options: Any) -> tuple[Tensor, dict[str, Tensor]]:
    model.zero_grad()
    loss = model(**inputs, **options).loss
    loss.backward()
    return loss.detach(), {
        name: parameter.grad.to_dense() for name, parameter in model.named_parameters() if parameter.grad is not None
    }


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize(
    "family", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in FAMILIES]
)
def test_loss_and_gradients_are_those_of_the_stock_model(family: str, tied: bool) -> None:
    model = stock(family, tie_word_embeddings=tied).train()
    mine = use_head(copy.deepcopy(model))
    inputs = batch(model)
    expected, theirs = gradients(model, inputs)
    loss, found = gradients(mine, inputs)
    torch.testing.assert_close(loss, expected, rtol=1e-6, atol=1e-6)
    assert found.keys() == theirs.keys()
    for name, gradient in theirs.items():
        atol = 1e-6 * max(1.0, float(gradient.abs().max()))
        torch.testing.assert_close(found[name], gradient, rtol=1e-4, atol=atol)
    assert mine.state_dict().keys() == model.state_dict().keys()
    without = {name: value for name, value in inputs.items() if name != "labels"}
    if family == "T5":
        without["decoder_input_ids"] = inputs["labels"].clamp_min(0)
    torch.testing.assert_close(mine(**without).logits, model(**without).logits)


def llama(**options: Any) -> Any:
    return stock("Llama", **options)


def test_num_items_in_batch_is_what_the_sum_is_divided_by() -> None:
    """Two halves of a batch, each divided by the tokens of both, add up to the loss of the whole."""
    model = use_head(llama())
    inputs = batch(model)
    whole, expected = gradients(model, inputs)
    num_items = int((inputs["labels"][:, 1:] != -100).sum())
    model.zero_grad()
    total = torch.zeros(())
    for row in range(2):
        half = {name: value[row : row + 1] for name, value in inputs.items()}
        loss = model(**half, num_items_in_batch=torch.tensor(num_items)).loss
        loss.backward()
        total += loss.detach()
    torch.testing.assert_close(total, whole)
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(parameter.grad, expected[name])


def test_gradient_checkpointing_and_tuples_and_shifted_labels() -> None:
    model = use_head(llama()).train()
    inputs = batch(model)
    plain, expected = gradients(model, inputs)
    enable = getattr(model, "activation_checkpointing_enable", model.gradient_checkpointing_enable)
    enable({"use_reentrant": False})
    found, mine = gradients(model, {**inputs, "use_cache": False})
    torch.testing.assert_close(found, plain)
    for name, gradient in expected.items():
        torch.testing.assert_close(mine[name], gradient)
    assert model(**inputs, return_dict=False)[0].equal(plain)
    shifted = nn.functional.pad(inputs["labels"], (0, 1), value=-100)[:, 1:]
    torch.testing.assert_close(model(**inputs, shift_labels=shifted).loss.detach(), plain)


def test_only_the_positions_with_a_label_are_multiplied(monkeypatch: pytest.MonkeyPatch) -> None:
    model = use_head(llama())
    inputs = batch(model)
    inputs["labels"][:, 2:] = -100
    rows = []
    original = Dense.exact
    monkeypatch.setattr(
        Dense, "exact", lambda self, hidden, *rest: rows.append(len(hidden)) or original(self, hidden, *rest)
    )
    outputs = model(**inputs)
    assert rows == [2]
    assert outputs.logits is None


@pytest.mark.parametrize("sampling", [{"do_sample": False}, {"do_sample": False, "num_beams": 3}])
def test_generates_as_the_stock_model(sampling: dict[str, Any]) -> None:
    model = llama().eval()
    mine = use_head(copy.deepcopy(model))
    prompt = torch.randint(3, V, (2, 4))
    options = {"max_new_tokens": 5, "pad_token_id": 0, **sampling}
    assert mine.generate(prompt, **options).equal(model.generate(prompt, **options))


def test_a_tree_takes_the_place_of_lm_head(tmp_path: Path) -> None:
    model = use_head(llama(tie_word_embeddings=True), "hierarchical-softmax", counts=COUNTS, sparse_gradients=True)
    assert isinstance(model.lm_head, Hierarchical)
    assert model.get_output_embeddings() is model.lm_head
    assert not model.config.tie_word_embeddings
    optimizer = JoinedOptimizer.of(model, lr=1e-2, row_lr=0.3)
    inputs = batch(model)
    losses = []
    for _ in range(25):
        loss = model(**inputs).loss
        loss.backward()
        assert model.lm_head.weight.grad.is_sparse
        optimizer.step()
        optimizer.zero_grad()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.5 * losses[0]
    generated = model.eval().generate(inputs["input_ids"], max_new_tokens=3, do_sample=False, pad_token_id=0)
    hidden = model.model(inputs["input_ids"]).last_hidden_state[:, -1]
    assert generated[:, 7].equal(head_of(model).topk(hidden, 1)[1][:, 0])


def test_sampled_training_touches_the_rows_in_play() -> None:
    objective = SampledSoftmax(Unigram(COUNTS, unique=True), 10)
    dense = use_head(llama(tie_word_embeddings=False), objective)
    assert isinstance(dense.lm_head, nn.Linear)
    dense(**batch(dense)).loss.backward()
    assert not dense.lm_head.weight.grad.is_sparse
    torch.nn.utils.clip_grad_norm_(dense.parameters(), 1.0)
    model = use_head(llama(tie_word_embeddings=False), objective, sparse_gradients=True)
    assert isinstance(model.lm_head, Dense)
    assert model.state_dict().keys() == dense.state_dict().keys()
    assert [id(parameter) for parameter in parameter_groups(model).row_sparse] == [id(model.lm_head.weight)]
    model(**batch(model)).loss.backward()
    assert model.lm_head.weight.grad.is_sparse
    model.eval()
    inputs = batch(model)
    exact = use_head(copy.deepcopy(dense)).eval()
    exact.load_state_dict(model.state_dict())
    torch.testing.assert_close(model(**inputs).loss, exact(**inputs).loss)


def test_resizing_and_tying_again() -> None:
    model = use_head(llama(tie_word_embeddings=True))
    model.resize_token_embeddings(V + 5)
    inputs = batch(model)
    inputs["labels"][0, 1] = V + 4
    twin = llama(tie_word_embeddings=True)
    twin.resize_token_embeddings(V + 5)
    twin.load_state_dict(model.state_dict())
    torch.testing.assert_close(model(**inputs).loss, twin(**inputs).loss)
    assert head_of(model).vocab_size == V + 5
    sampled = use_head(llama(), NCE(Uniform(V), 5))
    sampled.resize_token_embeddings(V + 5)
    with pytest.raises(InputError, match=f"resized from {V} to {V + 5} tokens, and the objective NCE knows the old"):
        sampled(**batch(sampled))


def test_saved_and_loaded_as_the_stock_class(tmp_path: Path) -> None:
    model = use_head(llama(tie_word_embeddings=False))
    model.save_pretrained(tmp_path)
    loaded = transformers.AutoModelForCausalLM.from_pretrained(tmp_path)
    assert type(loaded) is transformers.LlamaForCausalLM
    assert type(model).__name__ == "LlamaForCausalLM"
    inputs = batch(model)
    torch.testing.assert_close(use_head(loaded)(**inputs).loss, model(**inputs).loss)


@pytest.mark.parametrize("recipe", ["hierarchical-softmax", "two-level", "nce"])
def test_a_class_with_a_head_is_loaded_as_it_was_saved(tmp_path: Path, recipe: str) -> None:
    """Transformers builds on the meta device and fills in the state alone: tables of trees and of noise must follow."""

    class Mine(HeadMixin, transformers.LlamaForCausalLM):
        counts = COUNTS

        def __init__(self, config: Any) -> None:
            super().__init__(config)
            use_head(self, recipe, counts=self.counts)

    model = Mine(llama(tie_word_embeddings=False).config)
    for parameter in model.lm_head.parameters():
        nn.init.normal_(parameter)
    model.save_pretrained(tmp_path)
    loaded = Mine.from_pretrained(tmp_path)
    inputs = batch(model)
    for mode in (True, False):
        losses = []
        for each in (model, loaded):
            torch.manual_seed(1)
            losses.append(each.train(mode)(**inputs).loss)
        torch.testing.assert_close(losses[0], losses[1])
    if recipe == "hierarchical-softmax":
        Mine.counts = COUNTS[::-1]
        with pytest.raises(InputError, match="the weights of Hierarchical were trained on another tree than the one"):
            Mine.from_pretrained(tmp_path)
    if recipe != "nce":
        with pytest.raises(InputError, match=f"the output layer is Hierarchical over {V} tokens, which Transformers"):
            model.resize_token_embeddings(V + 5)


@pytest.mark.slow
@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize("steps", [1, 4])
@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("family", FAMILIES)
def test_the_gradients_of_every_way_to_train(family: str, tied: bool, steps: int, checkpointing: bool) -> None:
    """Within 1e-6 of the largest gradient of each parameter, or no further from float64 than twice the stock model."""
    model = stock(family, tie_word_embeddings=tied).train()

    def trained(each: Any) -> dict[str, Tensor]:
        if checkpointing:
            enable = getattr(each, "activation_checkpointing_enable", each.gradient_checkpointing_enable)
            enable({"use_reentrant": False})
        for seed in range(steps):
            (each(**batch(each, seed)).loss / steps).backward()
        return {name: p.grad for name, p in each.named_parameters() if p.grad is not None}

    exact = copy.deepcopy(model).double()
    ours, theirs = trained(use_head(copy.deepcopy(model))), trained(model)
    assert ours.keys() == theirs.keys()
    truth: dict[str, Tensor] = {}
    for name, gradient in theirs.items():
        if (ours[name] - gradient).abs().max() > 1e-6 * max(1.0, float(gradient.abs().max())):
            truth = truth or trained(exact)
            assert (ours[name] - truth[name]).abs().max() <= 2 * (gradient - truth[name]).abs().max(), name


def test_a_class_of_ones_own_and_copies() -> None:
    class Mine(HeadMixin, transformers.LlamaForCausalLM):
        calls = 0

        def forward(self, input_ids: Tensor | None = None, **options: Any) -> Any:
            self.calls += 1
            return super().forward(input_ids, **options)

    class Inherits(Mine):
        pass

    model = Inherits(llama().config)
    inputs = batch(model)
    expected = model(**inputs).loss
    torch.testing.assert_close(use_head(model)(**inputs).loss, expected)
    assert model.calls == 2
    twin = copy.deepcopy(model)
    with torch.no_grad():
        model.lm_head.weight.mul_(2)
    torch.testing.assert_close(twin(**inputs).loss, expected)
    assert use_head(model, CrossEntropy(label_smoothing=0.1)) is model
    assert head_of(model).objective.label_smoothing == 0.1


def test_a_head_of_ones_own() -> None:
    model = llama(tie_word_embeddings=False)
    head = Head(Dense(D, V), NCE(Uniform(V), 5))
    use_head(model, head)
    assert model.lm_head is head.output
    assert head_of(model) is head
    assert model(**batch(model)).loss.isfinite()


@pytest.mark.parametrize("sparse", [pytest.param(False, marks=pytest.mark.slow), True])
def test_trainer_trains_saves_and_goes_on(tmp_path: Path, sparse: bool) -> None:
    if find_spec("accelerate") is None:
        pytest.skip("Trainer needs accelerate, which is not installed (extra: transformers)")
    from vastmax.integrations.transformers_trainer import HeadTrainer

    def trainer() -> Any:
        model = llama(tie_word_embeddings=False)
        use_head(model, "sampled-softmax", counts=COUNTS, sparse_gradients=sparse)
        kind = HeadTrainer if sparse else transformers.Trainer
        return kind(model, arguments, train_dataset=rows, eval_dataset=rows)

    generator = torch.Generator().manual_seed(0)
    rows = [{"input_ids": (ids := torch.randint(3, V, (6,), generator=generator)), "labels": ids} for _ in range(16)]
    arguments = transformers.TrainingArguments(
        output_dir=str(tmp_path),
        per_device_train_batch_size=2,
        gradient_accumulation_steps=2,
        learning_rate=1e-2,
        max_steps=8,
        save_steps=4,
        report_to=[],
        use_cpu=True,
        disable_tqdm=True,
        logging_steps=4,
    )
    first = trainer()
    before = first.evaluate()["eval_loss"]
    first.train()
    assert first.evaluate()["eval_loss"] < before
    assert isinstance(first.optimizer.optimizer, JoinedOptimizer) == sparse
    resumed = trainer()
    resumed.train(resume_from_checkpoint=str(tmp_path / "checkpoint-4"))
    assert resumed.state.global_step == 8
    assert resumed.evaluate()["eval_loss"] < before
    assert all(entry["grad_norm"] > 0 for entry in first.state.log_history if "grad_norm" in entry)


def test_what_cannot_be_done_is_refused_in_words() -> None:
    with pytest.raises(InputError, match="model is of type Linear; expected a PreTrainedModel"):
        use_head(nn.Linear(2, 2))  # type: ignore[type-var]
    with pytest.raises(InputError, match=r"output embedding of LlamaModel is of type NoneType; expected an nn\.Linear"):
        use_head(llama().model)
    with pytest.raises(InputError, match="recipe 'nce' goes by how often each token comes: pass counts="):
        use_head(llama(), "nce")
    with pytest.raises(InputError, match=f"counts are of 5 tokens, and lm_head has {V} rows"):
        use_head(llama(), "nce", counts=[5, 4, 3, 2, 1])
    with pytest.raises(InputError, match=r"with softcap=1.5, which NCE does not: pass objective.CrossEntropy"):
        use_head(stock("Gemma2"), NCE(Uniform(V), 5))
    with pytest.raises(InputError, match="has no head of vastmax: call use_head"):
        head_of(llama())
    wrapped = use_head(llama(tie_word_embeddings=False))
    wrapped.lm_head = nn.Sequential(wrapped.lm_head)
    with pytest.raises(InputError, match="lm_head has become a Sequential since use_head was called"):
        wrapped(**batch(wrapped))


@pytest.mark.filterwarnings("ignore:.*gradient_checkpointing:FutureWarning")
def test_adapters_of_peft_train_through_it() -> None:
    if find_spec("peft") is None:
        pytest.skip("PEFT is not installed; no extra brings it")
    peft = import_module("peft")
    model = llama(tie_word_embeddings=False)
    options = {"r": 2, "target_modules": ["q_proj"], "lora_dropout": 0.0, "task_type": "CAUSAL_LM"}
    torch.manual_seed(3)
    theirs = peft.get_peft_model(copy.deepcopy(model), peft.LoraConfig(**options))
    mine = peft.get_peft_model(use_head(copy.deepcopy(model)), peft.LoraConfig(**options))
    mine.load_state_dict(theirs.state_dict())
    inputs = batch(model)
    expected, of_theirs = gradients(theirs, inputs)
    loss, found = gradients(mine, inputs)
    torch.testing.assert_close(loss, expected)
    assert found.keys() == of_theirs.keys()
    for name, gradient in of_theirs.items():
        torch.testing.assert_close(found[name], gradient, rtol=1e-4, atol=1e-6)


def test_autocast_in_bfloat16_errs_no_more_than_the_stock_model() -> None:
    model = llama(tie_word_embeddings=False)
    mine = use_head(copy.deepcopy(model))
    inputs = batch(model)
    exact = model(**inputs).loss.detach()
    with torch.autocast("cpu", torch.bfloat16):
        theirs, ours = model(**inputs).loss.detach(), mine(**inputs).loss.detach()
    assert (ours - exact).abs() <= 2 * (theirs - exact).abs() + 1e-2

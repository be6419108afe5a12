"""Lightning trains models with row-sparse gradients as it trains others."""

from __future__ import annotations

import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

if find_spec("lightning") is None:
    pytest.skip("Lightning is not installed (extra: lightning)", allow_module_level=True)
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Lightning's own, of what it imports
    from lightning.pytorch import LightningModule, Trainer
    from lightning.pytorch.callbacks import ModelCheckpoint

    from vastmax.integrations.lightning import HeadMixin, HeadModule

from vastmax import Head, output, tree
from vastmax.errors import InputError
from vastmax.objective import NCE
from vastmax.optim import JoinedOptimizer, clip_grad_norm_, parameter_groups
from vastmax.optim.row_adagrad import RowAdagrad
from vastmax.proposal import Uniform

pytestmark = pytest.mark.filterwarnings("ignore")  # Lightning warns of workers, of CPUs, of folders
D, V = 8, 50


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(3)


def sampled() -> Head:
    return Head(output.Dense(D, V), NCE(Uniform(V), 10))


def batches() -> DataLoader[Any]:
    inputs = torch.randint(V, (32,))
    return DataLoader(TensorDataset(inputs, (inputs + 1) % V), batch_size=8)


def trainer(folder: Path, epochs: int, **options: Any) -> Trainer:
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "accelerator": "cpu"}
    return Trainer(default_root_dir=folder, max_epochs=epochs, **quiet, **options)


def module(head: Head | None = None) -> HeadModule:
    return HeadModule(nn.Embedding(V, D), sampled() if head is None else head, lr=0.05, row_lr=0.3)


def test_trains_clips_saves_and_goes_on(tmp_path: Path) -> None:
    data = batches()
    saved = ModelCheckpoint(tmp_path, monitor="val_loss", save_last=True)
    first = module()
    options = {"accumulate_grad_batches": 2, "gradient_clip_val": 1.0}
    fit = trainer(tmp_path, 3, callbacks=[saved], **options)
    fit.fit(first, data, data)
    before = float(saved.best_model_score)
    assert isinstance(fit.optimizers[0], JoinedOptimizer)
    assert first.head.output.weight.grad is None or first.head.output.weight.grad.is_sparse
    second = module()
    resumed = trainer(tmp_path, 30, callbacks=[ModelCheckpoint(tmp_path / "2", monitor="val_loss")], **options)
    resumed.fit(second, data, data, ckpt_path=saved.last_model_path)
    assert resumed.current_epoch == 30
    assert float(resumed.callback_metrics["val_loss"]) < 0.7 * before


def test_a_step_equals_that_of_a_plain_loop(tmp_path: Path) -> None:
    head = Head(output.Hierarchical(D, tree.balanced(V)))
    mine = module(head)
    plain = nn.ModuleDict({"encoder": nn.Embedding(V, D), "head": Head(output.Hierarchical(D, tree.balanced(V)))})
    plain.load_state_dict(mine.state_dict())
    data = batches()
    trainer(tmp_path, 2, gradient_clip_val=0.1, enable_checkpointing=False).fit(mine, data)
    optimizer = JoinedOptimizer.of(plain, lr=0.05, row_lr=0.3)
    for inputs, target in [*data, *data]:
        optimizer.zero_grad()
        plain["head"](plain["encoder"](inputs), target).backward()
        clip_grad_norm_(plain.parameters(), 0.1)
        optimizer.step()
    for name, value in plain.state_dict().items():
        torch.testing.assert_close(mine.state_dict()[name], value)


class Manual(HeadMixin, LightningModule):
    """Two optimizers, stepped by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.encoder, self.head = nn.Embedding(V, D), sampled()

    def configure_optimizers(self) -> Any:
        groups = parameter_groups(self)
        return torch.optim.AdamW(groups.dense, lr=0.05), RowAdagrad(groups.row_sparse, lr=0.3)

    def training_step(self, batch: Any, batch_index: int) -> None:
        inputs, target = batch
        optimizers = self.optimizers()
        for optimizer in optimizers:
            optimizer.zero_grad()
        self.manual_backward(self.head(self.encoder(inputs), target))
        for optimizer in optimizers:
            self.configure_gradient_clipping(optimizer, 1.0, "norm")
            optimizer.step()


def test_manual_optimization(tmp_path: Path) -> None:
    mine, data = Manual(), batches()
    inputs, target = next(iter(data))
    before = mine.head.eval()(mine.encoder(inputs), target).item()
    trainer(tmp_path, 10, enable_checkpointing=False).fit(mine, data)
    assert mine.head.eval()(mine.encoder(inputs), target).item() < 0.7 * before


def test_what_cannot_be_done_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"head is of type Linear; expected a vastmax\.Head"):
        HeadModule(nn.Identity(), nn.Linear(2, 2))  # type: ignore[arg-type]
    clipping = {"gradient_clip_val": 1.0, "gradient_clip_algorithm": "value", "enable_checkpointing": False}
    with pytest.raises(InputError, match="row-sparse gradients are clipped by their norm: pass 'norm', or build"):
        trainer(tmp_path, 1, **clipping).fit(module(), batches())
    dense = module(Head(output.Dense(D, V)))
    trainer(tmp_path, 1, **clipping).fit(dense, batches())

"""Two processes train one language model: the result is that of one, and only one of them writes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from vastmax import Vocabulary
from vastmax.errors import InputError
from vastmax.language_model import LanguageModelSettings, ModelConfig, RunFolder, train_run
from vastmax.language_model.run_folder import CHECKPOINT, LOG

V = 20


def text() -> Any:
    return torch.randint(V, (403,), generator=torch.Generator().manual_seed(0)).numpy().astype("int32")


def folder_of(path: Path, method: str = "hierarchical-softmax") -> RunFolder:
    words = ["</s>", "<unk>", *(f"w{i}" for i in range(V - 2))]
    vocabulary = Vocabulary(words, [V - i for i in range(V)], unknown="<unk>")
    settings = LanguageModelSettings(epochs=2, num_streams=4, bptt=5, accumulation=2, warmup_steps=0)
    return RunFolder(path, ModelConfig("lstm", method, 8), settings, {}, vocabulary)


class After:
    def __init__(self, rank: int) -> None:
        self.steps, self.rank = 0, rank

    def __call__(self) -> bool:
        self.steps += 1
        return self.rank == 1 and self.steps == 3  # one hears the signal, all stop


def train(rank: int, tmp: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{tmp}/meeting", rank=rank, world_size=2)
    tests = text()[:100]
    stopped = train_run(folder_of(Path(tmp) / "two"), text(), tests, stop=After(rank))
    assert (stopped.progressed.step, stopped.finished) == (3, False)
    resumed = train_run(folder_of(Path(tmp) / "two"), text(), tests, resume=True)
    assert resumed.finished
    torch.save([*resumed.model.parameters()], f"{tmp}/{rank}.pt")
    sampled = train_run(folder_of(Path(tmp) / "sampled", "sampled-softmax"), text(), tests)
    assert sampled.finished
    dist.destroy_process_group()
    os._exit(0)  # a thread of gloo's that is still at work while the interpreter shuts down would abort the process


def test_two_processes_equal_one(tmp_path: Path) -> None:
    mp.spawn(train, args=(str(tmp_path),), nprocs=2)
    torch.set_num_threads(1)
    one = train_run(folder_of(tmp_path / "one"), text(), text()[:100])
    for rank in (0, 1):
        for value, expected in zip(torch.load(tmp_path / f"{rank}.pt"), one.model.parameters(), strict=True):
            torch.testing.assert_close(value, expected, rtol=1e-4, atol=1e-5)
    logs = [(tmp_path / name / LOG).read_text().splitlines() for name in ("one", "two")]
    columns = [[[float(cell) for cell in line.split(",")[:3]] for line in log[1:]] for log in logs]
    assert columns[0] == columns[1]
    with pytest.raises(InputError, match="trained by 2 processes, now 1; start the same number"):
        train_run(folder_of(tmp_path / "two"), text(), text()[:100], resume=True)
    assert len(torch.load(tmp_path / "two" / CHECKPOINT, weights_only=True)["trainer"]["of_process"]) == 2


def test_streams_that_cannot_be_shared() -> None:
    from vastmax.training.pytorch.process_group import ProcessGroup

    group = ProcessGroup()
    assert group.part(3) == slice(0, 3)
    group.size = 2
    with pytest.raises(InputError, match="3 streams cannot be shared evenly by 2 processes"):
        group.part(3)

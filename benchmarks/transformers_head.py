"""Measure the cost of the output layer in Transformers' Trainer: the model's own, a sampled one and a tree.

    python benchmarks/transformers_head.py [--steps S] [--stock-steps S]

A Llama of one layer, V = 128,000, D = 256, 256 tokens per step, float32, one thread, its input embedding frozen. Each
case is a process of its own. The body alone, whose loss looks at no word, is subtracted from the CPU-seconds of a step
(the median): what is left is the output layer with its optimizer. Memory is the peak of training above the model.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from harness import HERE, run_python, write_record

CHILD = """
import sys
sys.path.insert(0, {here!r})
from transformers_head import trained
print(trained(sys.argv[1], int(sys.argv[2])))
"""
CASES = ("body", "stock", "sampled", "tree")
V, D, BATCH, LENGTH = 128_000, 256, 4, 64
NAME = "transformers_head"


def trained(case: str, steps: int) -> str:
    """Train one case, and return CPU-seconds by step and resident memory before and after, as JSON."""
    import tempfile
    import time
    import warnings

    warnings.simplefilter("ignore")
    import torch
    from torch import nn
    from transformers import LlamaConfig, LlamaForCausalLM, TrainerCallback, TrainingArguments

    from vastmax.integrations.transformers import use_head
    from vastmax.integrations.transformers_trainer import HeadTrainer

    torch.set_num_threads(1)
    torch.manual_seed(1)
    sizes = {"hidden_size": D, "intermediate_size": 2 * D, "num_hidden_layers": 1, "num_attention_heads": 4}
    ids = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "tie_word_embeddings": False}
    model = LlamaForCausalLM(LlamaConfig(vocab_size=V, num_key_value_heads=4, **sizes, **ids))
    model.get_input_embeddings().requires_grad_(False)
    counts = [1 + 10_000_000 // (rank + 1) for rank in range(V)]

    class Body(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model.model

        def forward(self, input_ids: Any = None, labels: Any = None, **options: Any) -> dict[str, Any]:
            return {"loss": self.model(input_ids).last_hidden_state.square().mean()}

    if case == "body":
        model.lm_head = None
        model = Body()
    elif case == "sampled":
        use_head(model, "sampled-softmax", counts=counts, sparse_gradients=True)
    elif case == "tree":
        use_head(model, "hierarchical-softmax", counts=counts, sparse_gradients=True)
    weight = torch.tensor(counts, dtype=torch.float64)
    tokens = torch.multinomial(weight, BATCH * LENGTH * 64, replacement=True).view(-1, LENGTH)
    rows = [{"input_ids": row, "labels": row} for row in tokens]
    times: list[float] = []

    class Clock(TrainerCallback):
        def on_step_begin(self, *args: Any, **kwargs: Any) -> None:
            self.began = time.process_time()

        def on_step_end(self, *args: Any, **kwargs: Any) -> None:
            times.append(time.process_time() - self.began)

    Path("/proc/self/clear_refs").write_text("5")  # the peak begins here
    resident = resident_bytes()
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            per_device_train_batch_size=BATCH,
            max_steps=steps,
            save_strategy="no",
            report_to=[],
            use_cpu=True,
            disable_tqdm=True,
            logging_strategy="no",
            max_grad_norm=1.0,
        )
        HeadTrainer(model, arguments, train_dataset=rows, callbacks=[Clock()]).train()
    return json.dumps({"cpu_seconds": times, "resident_before": resident})


def resident_bytes() -> int:
    fields = Path("/proc/self/status").read_text().split("VmRSS:")[1]
    return int(fields.split()[0]) * 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--stock-steps", type=int, default=200)
    chosen = parser.parse_args()
    cases: dict[str, Any] = {}
    for case in CASES:
        steps = chosen.stock_steps if case == "stock" else chosen.steps
        run = run_python(CHILD.format(here=str(HERE)), [case, str(steps)], environment={"OMP_NUM_THREADS": "1"})
        times = sorted(run.answer["cpu_seconds"][3:])
        cases[case] = {
            "steps": steps,
            "cpu_seconds": {"median": times[len(times) // 2], "least": times[0], "most": times[-1]},
            "peak_above_model_bytes": run.peak_bytes - run.answer["resident_before"],
        }
        print(case, cases[case], flush=True)
    found: dict[str, Any] = {"settings": {"V": V, "D": D, "tokens": BATCH * LENGTH}, "cases": cases}
    body = cases["body"]
    stock_time = cases["stock"]["cpu_seconds"]["median"] - body["cpu_seconds"]["median"]
    stock_memory = cases["stock"]["peak_above_model_bytes"]
    for case in ("sampled", "tree"):
        time = cases[case]["cpu_seconds"]["median"] - body["cpu_seconds"]["median"]
        memory = cases[case]["peak_above_model_bytes"]
        found[case] = {"stock_over_head_cpu": stock_time / time, "memory_over_stock": memory / stock_memory}
        print(case, found[case])
    write_record(
        NAME, "What do a sampled and a tree head cost in Trainer, compared with the model's own lm_head?", found
    )


if __name__ == "__main__":
    main()

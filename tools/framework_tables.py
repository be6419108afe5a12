"""Tables of measurements against PyTorch's and Transformers' own output layers."""

from __future__ import annotations

from typing import Any


def linear_cross_entropy(record: dict[str, Any]) -> str:
    """Return the cost of the exact loss, and that of `F.linear_cross_entropy` at its best, by shape and dtype."""
    lines = [
        "| N, V, D | dtype | its best options | its CPU-ms | ours | ratio | its gradient error | ours |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for shape in record["shapes"].values():
        sizes = ", ".join(f"{shape[letter]:,}" for letter in "NVD")
        for dtype in (key for key in shape if key not in "NVD"):
            case = shape[dtype]
            ms = {name: 1e3 * timing["cpu_seconds"]["median"] for name, timing in case["cases"].items()}
            error = case["gradient_error"]
            lines.append(
                f"| {sizes} | {dtype} | {case['best_options']} | {ms['pytorch']:,.0f} | {ms['vastmax']:,.0f} "
                f"| {case['cpu_ratio_vastmax_over_pytorch']['median']:.2f} "
                f"| {error['pytorch']:.1e} | {error['vastmax']:.1e} |"
            )
    return "\n".join(lines)


def transformers_head(record: dict[str, Any]) -> str:
    """Return what a step of each output layer costs in Trainer, and the peak memory of training above the model."""
    body = record["cases"]["body"]["cpu_seconds"]["median"]
    names = {"stock": "`lm_head` and AdamW", "sampled": "`sampled-softmax`", "tree": "`hierarchical-softmax`"}
    lines = ["| output layer | CPU-ms per step | memory above the model, MB |", "|---|---|---|"]
    for case, name in names.items():
        found = record["cases"][case]
        seconds = found["cpu_seconds"]["median"] - body
        lines.append(f"| {name} | {1e3 * seconds:,.1f} | {found['peak_above_model_bytes'] / 1e6:,.0f} |")
    return "\n".join(lines)


TABLES = {"linear_cross_entropy": linear_cross_entropy, "transformers_head": transformers_head}

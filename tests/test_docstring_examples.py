"""The examples in the docstrings do what they show, in every module that has any."""

from __future__ import annotations

import doctest
from importlib import import_module
from pathlib import Path

import pytest
import torch

PACKAGE = Path(__file__).resolve().parents[1] / "src" / "vastmax"

WITH_EXAMPLES = [
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
    for path in sorted(PACKAGE.rglob("*.py"))
    if ">>> " in path.read_text(encoding="utf-8")
]

NEEDS = {
    "vastmax.integrations.lightning": ["lightning.pytorch"],
    "vastmax.integrations.transformers": ["transformers"],
    "vastmax.integrations.transformers_trainer": ["transformers", "accelerate"],
}
"""What integrations import, which may not be there."""


@pytest.mark.parametrize("module", WITH_EXAMPLES)
def test_the_examples_of_a_module(module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VASTMAX_CACHE", str(tmp_path))
    torch.set_num_threads(1)
    if module.startswith("vastmax.integrations."):
        for framework in NEEDS[module]:
            pytest.importorskip(framework)
    failed, attempted = doctest.testmod(import_module(module))
    assert attempted > 0
    assert failed == 0

"""The type of a source of random numbers."""

from __future__ import annotations

import torch

Rng = torch.Generator | None
"""A PyTorch generator; None for the default one."""

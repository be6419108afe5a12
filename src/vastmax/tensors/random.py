"""Where random numbers come from."""

from __future__ import annotations

import torch

Random = torch.Generator | None
"""A generator of PyTorch's; None for the default one."""

"""From settings to the kernel that trains by them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vastmax.embedding.settings import CheckedSettings
from vastmax.kernels.embedding_kernel import EmbeddingKernel
from vastmax.kernels.skipgram import SkipgramKernel


def kernel_for(counts: NDArray[np.int64], settings: CheckedSettings) -> EmbeddingKernel:
    """Return the kernel of the model and objective, its matrices still zero."""
    return SkipgramKernel(
        counts,
        settings.vector_size,
        window=settings.window,
        negative=settings.negative,
        sample=settings.sample,
        ns_exponent=settings.ns_exponent,
    )

"""The kernel for the settings of a run."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from vastmax.embedding.carried_tree import huffman_paths
from vastmax.embedding.settings import CheckedSettings, walks_paths
from vastmax.kernels.embedding_kernel import CbowKernel, EmbeddingKernel, SkipgramKernel
from vastmax.kernels.embedding_tables import InputRows


def kernel_for(
    counts: NDArray[np.int64], settings: CheckedSettings, subwords: InputRows | None = None
) -> EmbeddingKernel:
    """Return the kernel of the model and objective. Its matrices are zero."""
    paths = huffman_paths(counts) if walks_paths(settings) else None
    cbow = partial(CbowKernel, gradient=settings.cbow_gradient)
    kernel = cbow if settings.model == "cbow" else SkipgramKernel
    return kernel(
        counts,
        settings.vector_size,
        window=settings.window,
        negative=settings.negative,
        sample=settings.sample,
        ns_exponent=settings.ns_exponent,
        exclude=settings.exclude,
        fixed_window=settings.fixed_window,
        paths=paths,
        subwords=subwords,
        threads=settings.threads,
    )

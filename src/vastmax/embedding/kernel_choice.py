"""The kernel for the settings of a run."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from vastmax.embedding.settings import CheckedSettings, walks_paths
from vastmax.kernels.embedding_kernel import CbowKernel, EmbeddingKernel, SkipgramKernel
from vastmax.kernels.embedding_tables import TreePaths
from vastmax.tree import huffman


def kernel_for(counts: NDArray[np.int64], settings: CheckedSettings) -> EmbeddingKernel:
    """Return the kernel of the model and objective. Its matrices are zero."""
    paths = None
    if walks_paths(settings):
        tree = huffman(counts)
        paths = TreePaths(tree.path_offsets, tree.path_edges, tree.num_nodes)
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
        paths=paths,
        threads=settings.threads,
    )

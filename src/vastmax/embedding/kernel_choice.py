"""From settings to the kernel that trains by them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vastmax.embedding.settings import CheckedSettings, walks_paths
from vastmax.kernels.embedding_kernel import CbowKernel, EmbeddingKernel, SkipgramKernel
from vastmax.kernels.embedding_tables import TreePaths
from vastmax.tree import huffman


def kernel_for(counts: NDArray[np.int64], settings: CheckedSettings) -> EmbeddingKernel:
    """Return the kernel of the model and objective, its matrices still zero."""
    paths = None
    if walks_paths(settings):
        tree = huffman(counts)
        paths = TreePaths(tree.path_offsets, tree.path_edges, tree.num_nodes)
    if settings.model == "cbow":
        return CbowKernel(
            counts,
            settings.vector_size,
            window=settings.window,
            negative=settings.negative,
            sample=settings.sample,
            ns_exponent=settings.ns_exponent,
            gradient=settings.cbow_gradient,
            exclude=settings.exclude,
            paths=paths,
            threads=settings.threads,
        )
    return SkipgramKernel(
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

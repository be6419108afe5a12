"""Log-probabilities of leaves along the paths of a tree, by kernels and by PyTorch operations."""

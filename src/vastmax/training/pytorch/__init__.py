"""The part of a run's life that is PyTorch's: optimizers, state files, processes that train together."""

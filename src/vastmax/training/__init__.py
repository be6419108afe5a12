"""The life of a training run, the same for every trainer: loop, checkpoints, log, schedule, signals. No torch."""

"""TensorFlow's sampled losses with its sparse SGD, in a process of the Python that has TensorFlow.

Run as a script it is the worker: it takes a number of steps a line and answers with their CPU-seconds and seconds.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path


class TensorFlowWorker:
    """A case that is timed in turn with those of this process."""

    def __init__(self, python: str, loss: str, V: int, N: int, D: int, K: int, threads: int) -> None:
        arguments = [loss, *map(str, (V, N, D, K, threads))]
        self._process = subprocess.Popen(
            [python, str(Path(__file__).resolve()), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        )
        self.version = str(self._ask(None))

    def run(self, times: int) -> tuple[float, float]:
        cpu, wall = self._ask(times)
        return cpu, wall

    def _ask(self, times: int | None) -> object:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        if times is not None:
            self._process.stdin.write(f"{times}\n")
            self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the TensorFlow worker ended with {self._process.wait()}")
        return json.loads(line)


def work(loss: str, V: int, N: int, D: int, K: int, threads: int) -> None:
    import numpy as np
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    rng = np.random.default_rng(0)
    cumulative = np.cumsum(1.0 / np.arange(1, V + 1))
    batches = [
        (
            tf.constant(rng.standard_normal((N, D)).astype(np.float32)),
            tf.constant(np.searchsorted(cumulative, rng.random(N) * cumulative[-1])[:, None]),
        )
        for _ in range(4)
    ]
    block = 0.05 * rng.standard_normal((min(V, 100_000), D)).astype(np.float32)
    weight = tf.Variable(np.tile(block, (-(-V // len(block)), 1))[:V])
    bias = tf.Variable(np.zeros(V, np.float32))
    function = {"sampled-softmax": tf.nn.sampled_softmax_loss, "nce": tf.nn.nce_loss}[loss]
    optimizer = tf.compat.v1.train.GradientDescentOptimizer(0.01)  # scatters only the rows that have a gradient

    @tf.function
    def step(hidden: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch(hidden)
            losses = function(weights=weight, biases=bias, labels=target, inputs=hidden, num_sampled=K, num_classes=V)
            mean = tf.reduce_mean(losses)
        of_hidden, of_weight, of_bias = tape.gradient(mean, [hidden, weight, bias])
        assert isinstance(of_weight, tf.IndexedSlices)
        optimizer.apply_gradients([(of_weight, weight), (of_bias, bias)])
        return mean + 0.0 * of_hidden[0, 0]  # the gradient of hidden is wanted, as in training a model

    answer(tf.__version__)
    count = 0
    for line in sys.stdin:
        cpu, wall = time.process_time(), time.perf_counter()
        for _ in range(int(line)):
            mean = step(*batches[count % len(batches)])
            count += 1
        mean.numpy()
        answer([time.process_time() - cpu, time.perf_counter() - wall])


def answer(value: object) -> None:
    print(json.dumps(value), flush=True)


if __name__ == "__main__":
    work(sys.argv[1], *map(int, sys.argv[2:]))

"""Golden values of TensorFlow's two sampled losses, for the same words and expected counts that our tests use.

    PYTHON_WITH_TENSORFLOW benchmarks/golden_tensorflow.py

writes tests/golden/tensorflow_losses.json: inputs, losses and gradients. Ids are TensorFlow's own draws (unique, with
the expected counts it computes from the number of tries), one set where a noise word is also a target.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import tensorflow as tf

OUT = Path(__file__).resolve().parents[1] / "tests" / "golden" / "tensorflow_losses.json"
V, D, N, K = 17, 3, 6, 8


def as_list(x: tf.Tensor) -> list:
    return np.asarray(x).astype(float).tolist()


def main() -> None:
    rng = np.random.default_rng(7)
    weight = rng.standard_normal((V, D)).astype(np.float32)
    bias = rng.standard_normal(V).astype(np.float32)
    hidden = rng.standard_normal((N, D)).astype(np.float32)
    target = rng.integers(0, V, N)
    candidates = tf.random.log_uniform_candidate_sampler(
        target[:, None].astype(np.int64), num_true=1, num_sampled=K, unique=True, range_max=V, seed=3
    )
    noise = np.asarray(candidates.sampled_candidates)
    assert set(noise) & set(target), "no accidental hit among these draws: change the seed"
    golden = {
        "tensorflow": tf.__version__,
        "weight": weight.astype(float).tolist(),
        "bias": bias.astype(float).tolist(),
        "hidden": hidden.astype(float).tolist(),
        "target": target.tolist(),
        "noise": noise.tolist(),
        "noise_expected_count": as_list(candidates.sampled_expected_count),
        "target_expected_count": as_list(candidates.true_expected_count[:, 0]),
        "losses": {},
    }
    functions = {
        "sampled_softmax": (tf.nn.sampled_softmax_loss, {"remove_accidental_hits": True}),
        "sampled_softmax, hits kept": (tf.nn.sampled_softmax_loss, {"remove_accidental_hits": False}),
        "nce": (tf.nn.nce_loss, {}),
    }
    for name, (function, options) in functions.items():
        variables = [tf.Variable(weight), tf.Variable(bias), tf.Variable(hidden)]
        with tf.GradientTape() as tape:
            losses = function(
                weights=variables[0],
                biases=variables[1],
                labels=target[:, None].astype(np.int64),
                inputs=variables[2],
                num_sampled=K,
                num_classes=V,
                sampled_values=candidates,
                **options,
            )
            total = tf.reduce_sum(losses)
        gradients = [tf.convert_to_tensor(g) for g in tape.gradient(total, variables)]
        golden["losses"][name] = {
            "loss": as_list(losses),
            **{f"{what}_gradient": as_list(g) for what, g in zip(("weight", "bias", "hidden"), gradients, strict=True)},
        }
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(golden) + "\n")
    print(f"wrote {OUT}")


if __name__ == "__main__":
    main()

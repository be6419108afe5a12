#!/bin/sh
# Runs vastmax on emulated processors (qemu-user): one without AVX, one with AVX2. Each must choose its kernels and train.
# usage: sh tools/old_processors.sh PYTHON    where PYTHON has vastmax installed
set -eu
python=$1
emulator=$(command -v qemu-x86_64) || {
    echo "qemu-x86_64 is missing (Debian, Ubuntu: apt install qemu-user)" >&2
    exit 1
}
# numpy wants x86-64-v2, which Nehalem (2008) has and nothing more.
# What is taken from Haswell is not emulated, not used, and warned of otherwise.
for wanted in Nehalem:baseline Haswell,-pcid,-x2apic,-tsc-deadline,-hle,-rtm,-invpcid:avx2; do
    "$emulator" -cpu "${wanted%:*}" "$python" -c '
import sys
import numpy as np
from vastmax import train_embeddings
from vastmax.kernels.machine import available_targets

wanted = sys.argv[1]
targets = available_targets()
assert targets[0] == wanted, f"expected {wanted}, got {targets}"
text = [[f"w{(i * i + j) % 50}" for j in range(20)] for i in range(200)]
for how in ({}, {"model": "cbow"}, {"objective": "hierarchical-softmax"}):
    vectors = train_embeddings(text, min_count=1, vector_size=50, epochs=1, threads=1, seed=1, **how)
    assert np.isfinite(vectors.vectors).all()
print(f"{wanted}: trained on an emulated processor that has {targets}")
' "${wanted#*:}"
done

"""Peak memory of a training run above its two matrices, on a corpus of 13 million words."""

from __future__ import annotations

from embedding_speed import VASTMAX
from harness import SCRATCH, run_python, unpacked, write_record

WORDS = 63_321  # of wiki8 at min_count 5


def main() -> None:
    SCRATCH.mkdir(parents=True, exist_ok=True)
    text, out = str(unpacked("wiki8.txt")), str(SCRATCH / "memory.safetensors")
    runs = []
    for epochs in (1, 2):  # with a second epoch the last good vectors are kept on disk
        peak = run_python(VASTMAX, [text, "1", str(epochs), "2", out, "{}"]).peak_bytes
        matrices = 2 * WORDS * 112 * 4
        runs.append({"epochs": epochs, "peak_bytes": peak, "matrices_bytes": matrices, "above_bytes": peak - matrices})
    write_record(
        "embedding_memory",
        "How much memory does training take above its two matrices?",
        {"settings": {"corpus": "wiki8", "vector_size": 100, "threads": 2}, "runs": runs},
    )


if __name__ == "__main__":
    main()

from typing import Any

from numpy.typing import NDArray

row_alignment: int
block_size: int

def available_targets() -> list[str]: ...
def train_skipgram(
    target: str,
    centre: NDArray[Any],
    context: NDArray[Any],
    keep_threshold: NDArray[Any],
    alias_threshold: NDArray[Any],
    alias_word: NDArray[Any],
    window: int,
    negative: int,
    pool_size: int,
    word_ids: NDArray[Any],
    sentence_offsets: NDArray[Any],
    alpha_begin: float,
    alpha_end: float,
    seed: int,
) -> dict[str, Any]: ...

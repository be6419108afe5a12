"""Types of arrays that the compiled kernels use in place: NumPy arrays or tensors."""

from __future__ import annotations

from typing import Any, Protocol, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

Number = TypeVar("Number", bound=np.generic)


class Tensor(Protocol):
    """A `torch.Tensor`, without importing torch."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The size of each axis."""
        ...

    def is_contiguous(self) -> bool:
        """Return whether the memory is in C order."""
        ...

    def __dlpack__(self) -> Any:
        """Share the memory."""
        ...

    def __array__(self) -> NDArray[Any]:
        """Return the data as a NumPy array."""
        ...


Array: TypeAlias = NDArray[Number] | Tensor
"""An aligned array in C order on the CPU. The kernels raise a TypeError for anything else, and convert nothing."""

Column: TypeAlias = Array[Number]
"""An `Array` with one dimension."""

Matrix: TypeAlias = Array[Number]
"""An `Array` with two dimensions."""

Cube: TypeAlias = Array[Number]
"""An `Array` with three dimensions."""

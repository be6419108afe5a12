"""The types of arrays that the compiled kernels take: numpy's or torch's, in place, of the dtype that each names."""

from __future__ import annotations

from typing import Any, Protocol, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

Number = TypeVar("Number", bound=np.generic)


class Tensor(Protocol):
    """A `torch.Tensor`; torch itself is not imported here."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The size of each axis."""
        ...

    def is_contiguous(self) -> bool:
        """Return whether the numbers lie in C order."""
        ...

    def __dlpack__(self) -> Any:
        """Hand over the memory."""
        ...

    def __array__(self) -> NDArray[Any]:
        """Return the same numbers for numpy."""
        ...


Array: TypeAlias = NDArray[Number] | Tensor
"""Numbers in C order, aligned, on the CPU. The kernels refuse anything else with a TypeError: nothing is converted."""

Column: TypeAlias = Array[Number]
"""An `Array` of one axis."""

Matrix: TypeAlias = Array[Number]
"""An `Array` of two axes."""

Cube: TypeAlias = Array[Number]
"""An `Array` of three axes."""

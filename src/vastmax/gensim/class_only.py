"""Methods that make an object, and are not to be called on one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    class_only = classmethod
else:

    class class_only(classmethod):  # noqa: N801 - a decorator
        """A class method that an object does not have: ``model.load(path)`` would leave `model` as it is."""

        def __get__(self, instance: Any, owner: type | None = None) -> Callable[..., Any]:
            """Return the method bound to the class."""
            if instance is not None:
                name, kind = self.__func__.__name__, type(instance).__name__
                raise AttributeError(f"{name} returns a new object; call it on the class: {kind}.{name}(…)")
            return super().__get__(instance, owner)

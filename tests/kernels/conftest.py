"""The rule of this folder: every test runs on each instruction set that the machine has.

A test needs to do nothing for it, since VASTMAX_KERNEL is set while it runs; one that wants the name takes the fixture
`target`. What is compiled only once, for all instruction sets, says so by the mark `compiled_once`.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from vastmax.kernels.machine import available_targets


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give each test of this folder the instruction sets, one after the other."""
    if metafunc.definition.get_closest_marker("compiled_once") is None:
        metafunc.parametrize("target", available_targets(), indirect=True, scope="module")


@pytest.fixture(autouse=True, scope="module")
def target(request: pytest.FixtureRequest) -> Iterator[str | None]:
    """The instruction set of the test, which VASTMAX_KERNEL names; None for what is compiled once."""
    with pytest.MonkeyPatch.context() as patch:
        found: str | None = getattr(request, "param", None)
        if found is not None:
            patch.setenv("VASTMAX_KERNEL", found)
        yield found

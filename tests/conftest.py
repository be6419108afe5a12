"""Fixtures that every part of the suite may use."""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Generator, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import hypothesis
import pytest

# A deadline in milliseconds fails on a machine with other work, and says nothing of the code: pytest has one for all.
hypothesis.settings.register_profile("no deadline", deadline=None)
hypothesis.settings.load_profile("no deadline")

if "PYTEST_XDIST_WORKER" in os.environ:  # there is a process for each core: more threads would only be in their way
    os.environ.setdefault("OMP_NUM_THREADS", "1")

_slow_tests_left_out: dict[str, int] = {}  # by file


def pytest_deselected(items: Sequence[pytest.Item]) -> None:
    for item in items:
        if "not slow" in item.config.option.markexpr and item.get_closest_marker("slow") is not None:
            file = item.nodeid.partition("::")[0]
            _slow_tests_left_out[file] = _slow_tests_left_out.get(file, 0) + 1


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):  # a process of several: the one that reports knows what it is told
        session.config.workeroutput["slow_tests_left_out"] = _slow_tests_left_out


@pytest.hookimpl(optionalhook=True)  # a hook of pytest-xdist
def pytest_testnodedown(node: Any) -> None:
    _slow_tests_left_out.update(getattr(node, "workeroutput", {}).get("slow_tests_left_out", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _slow_tests_left_out:
        files = ", ".join(f"{name} ({count})" for name, count in sorted(_slow_tests_left_out.items()))
        count = sum(_slow_tests_left_out.values())
        terminalreporter.section("left out")
        terminalreporter.write_line(f"{count} slow tests, which `make test-all` runs: {files}")


@pytest.fixture(scope="session", autouse=True)
def _interruptible() -> Iterator[None]:
    """A shell's background job ignores Ctrl-C, and so would all that it starts: the tests of Ctrl-C among them."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """Real corpora and evaluation sets, which the repository does not hold; tests that need them skip without them."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("VASTMAX_DATA", beside))
    if not folder.is_dir():
        pytest.skip(f"real corpora not found at {folder}; set VASTMAX_DATA to the folder that holds them")
    return folder


# A wheel is tried without the extras: what needs one of these is skipped where it is not installed, and there alone.
_EXTRAS = {"torch": "PyTorch", "matplotlib": "matplotlib"}
_ABSENT = [module for module in _EXTRAS if find_spec(module) is None]
_NEEDS_ABSENT = re.compile("|".join(f"No module named '{name}|needs {_EXTRAS[name]}, which is not" for name in _ABSENT))


def pytest_report_header() -> list[str]:
    return [f"{_EXTRAS[name]} is not installed: what needs it is skipped" for name in _ABSENT]


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if _ABSENT and report.failed and _NEEDS_ABSENT.search(str(report.longrepr)):
        report.outcome = "skipped"
        report.longrepr = (str(collector.path), 0, f"Skipped: needs one of {_ABSENT}")
    return report


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call() -> Generator[None, object, object]:
    try:
        return (yield)
    except (ImportError, AssertionError) as error:
        if not (_ABSENT and _NEEDS_ABSENT.search(str(error))):
            raise
        pytest.skip(f"needs one of {_ABSENT}")


# What a developer may have set that would change what a user sees.
_NOT_PASSED_ON = {"VASTMAX_DEBUG", "COLUMNS", "PYTHONUNBUFFERED"}


@pytest.fixture(scope="session")
def vastmax_on_path(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment whose `vastmax` and `python` are those of this run, with a cache of its own and no terminal."""
    folder = tmp_path_factory.mktemp("bin")
    command = folder / "vastmax"
    command.write_text(f"#!{sys.executable}\nfrom vastmax.cli.entry import main\n\nmain()\n", encoding="utf-8")
    command.chmod(0o755)
    environment = {name: value for name, value in os.environ.items() if name not in _NOT_PASSED_ON}
    path = os.pathsep.join([str(folder), os.environ.get("PATH", "")])
    if "PYTHONPATH" in environment:  # commands are run in other folders, where a relative path means something else
        roots = environment["PYTHONPATH"].split(os.pathsep)
        environment["PYTHONPATH"] = os.pathsep.join(os.path.abspath(root) for root in roots if root)
    return {**environment, "PATH": path, "VASTMAX_CACHE": str(tmp_path_factory.mktemp("cache"))}

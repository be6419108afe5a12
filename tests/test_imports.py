"""The rooms of docs/architecture.md: imports point one way, what needs no torch has none, and importing stays quick."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "src" / "vastmax"

# Which rooms a room may import. Rooms that do not exist yet are listed too: their walls are part of the plan.
_EVERYWHERE = {
    "arguments",
    "atomic",
    "content",
    "errors",
    "extras",
    "files",
    "html_page",
    "machine_memory",
    "options",
    "places",
    "printable",
    "progress",
    "removing",
    "run_lock",
    "strict_json",
}
_NO_TORCH = {
    "arguments": {"errors"},
    "atomic": {"errors"},
    "content": {"errors"},
    "errors": set(),
    "extras": {"errors"},
    "files": {"errors", "strict_json"},
    "html_page": {"strict_json"},
    "machine_memory": {"errors"},
    "options": {"arguments", "errors"},
    "places": {"atomic", "errors", "run_lock"},
    "printable": set(),
    "progress": {"printable"},
    "removing": set(),
    "run_lock": {"atomic", "errors", "strict_json"},
    "strict_json": {"errors"},
    "distribution": _EVERYWHERE,
    "kernels": {"distribution", *_EVERYWHERE},
    "text": {"distribution", "kernels", *_EVERYWHERE},
    "tree": {"distribution", "kernels", *_EVERYWHERE},
    "training": {"text", "distribution", *_EVERYWHERE},
    "gensim": {"embedding", "training", "text", "tree", "distribution", "kernels", *_EVERYWHERE},
    "embedding": {"training", "text", "tree", "distribution", "kernels", *_EVERYWHERE},
}
_BELOW_HEAD = {"text", "tree", "distribution", "kernels", "tensors", *_EVERYWHERE}
_WITH_TORCH = {
    "tensors": {"kernels", *_EVERYWHERE},
    "proposal": _BELOW_HEAD,
    "characters": {"eager", *_BELOW_HEAD},
    "output": {"characters", "eager", *_BELOW_HEAD},
    "objective": {"output", "proposal", *_BELOW_HEAD},
    "optim": {"eager", *_BELOW_HEAD},
    "eager": {"errors"},
    "training.pytorch": {"optim", "tensors", *_EVERYWHERE},
    "head": {"eager", "output", "objective", "proposal", "optim", *_BELOW_HEAD},
    "methods": {"embedding", "head", "output", "objective", "proposal", *_BELOW_HEAD},
    "distributed": {"eager", "head", "output", "objective", "proposal", "optim", *_BELOW_HEAD},
    "recipes": {"methods"},
    "search": {"embedding", "output", *_BELOW_HEAD},
    "encoder": {"characters", "embedding", *_BELOW_HEAD},
}
_SUB_ROOMS = {"training.pytorch"}
"""Parts of a room that have walls of their own."""

_ALL_BELOW = {*_NO_TORCH, *_WITH_TORCH}
MAY_IMPORT = {
    **_NO_TORCH,
    **_WITH_TORCH,
    "language_model": _ALL_BELOW,
    "integrations": _ALL_BELOW,
    "word_model": {"language_model", *_ALL_BELOW},
    "compare": {"language_model", *_ALL_BELOW},
    "cli": {"compare", "language_model", "word_model", *_ALL_BELOW},
    "__main__": {"cli"},
}


def test_imports_point_one_way() -> None:
    wrong = [
        f"{path.relative_to(PACKAGE)} (room {room}) imports {other}"
        for path, room in _files()
        for other in _rooms_imported(path)
        if other not in MAY_IMPORT[room] | {room}
    ]
    assert not wrong, "\n".join(wrong)


def test_what_needs_no_torch_imports_none() -> None:
    wrong = [
        f"{path.relative_to(PACKAGE)} imports {name}"
        for path, room in _files()
        if room in _NO_TORCH
        for name in _names_imported(path)
        if name.split(".")[0] in {"torch", "tensorflow", "jax"}
    ]
    assert not wrong, "\n".join(wrong)


def test_every_room_is_in_the_picture() -> None:
    assert {room for _, room in _files()} <= MAY_IMPORT.keys()


def test_no_files_of_a_room_import_each_other_in_a_circle() -> None:
    circles = _circles({module: set(_modules_imported(path)) for module, path in _modules().items()})
    assert not circles, "\n".join(" -> ".join(circle) for circle in circles)


def test_circles_are_found() -> None:
    imports = {"a": {"b", "elsewhere"}, "b": {"c"}, "c": {"a", "d"}, "d": set(), "e": {"a"}}
    assert [set(circle) for circle in _circles(imports)] == [{"a", "b", "c"}]


def test_the_checks_see_what_they_look_for(tmp_path: Path) -> None:
    source = "import torch.nn\nfrom vastmax.cli.main import app\nfrom vastmax import text\nfrom . import corpus\n"
    source += "if TYPE_CHECKING:\n    from vastmax.embedding import WordVectors\n"
    source += "def f():\n    import vastmax.compare\n    from vastmax import __version__\n"
    path = tmp_path / "module.py"
    path.write_text(source)
    assert set(_rooms_imported(path)) == {"cli", "text", "embedding", "compare"}
    assert "torch.nn" in set(_names_imported(path))


@pytest.mark.parametrize("module", ["vastmax", "vastmax.cli.main"])
def test_importing_is_quick_and_loads_nothing_heavy(module: str) -> None:
    program = (
        "import sys, time; started = time.process_time(); "
        f"import {module}; elapsed = time.process_time() - started; "
        "print(elapsed, *(name for name in ('torch', 'numpy', 'scipy', 'matplotlib') if name in sys.modules))"
    )
    # CPU-seconds, the best of three: what else the machine does must not decide.
    runs = [
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
        for _ in range(3)
    ]
    assert [heavy for run in runs for heavy in run[1:]] == []
    limit = 0.2 if module == "vastmax" else 0.5
    assert min(float(run[0]) for run in runs) < limit


def _files() -> Iterator[tuple[Path, str]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        room = _room_of(path.relative_to(PACKAGE).with_suffix("").parts)
        if room != "__init__":  # the public map may name every room; it imports them lazily
            yield path, room


@cache
def _modules() -> dict[str, Path]:
    """The files of all rooms by dotted name."""
    named = {}
    for path, _ in _files():
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        named[".".join(("vastmax", *parts)).removesuffix(".__init__")] = path
    return named


def _modules_imported(path: Path) -> Iterator[str]:
    """The files that a file imports; the room itself where a name of its `__init__` is meant."""
    modules = _modules()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in modules)
        elif isinstance(node, ast.ImportFrom):
            names = (f"{node.module}.{alias.name}" for alias in node.names)
            yield from (name if name in modules else str(node.module) for name in names)


def _circles(imports: Mapping[str, set[str]]) -> list[list[str]]:
    """One circle after another; a module of each is taken away before the next is looked for."""
    sorter = TopologicalSorter(imports)
    try:
        sorter.prepare()
    except CycleError as error:
        circle: list[str] = error.args[1]
        rest = {module: others - {circle[0]} for module, others in imports.items() if module != circle[0]}
        return [circle, *_circles(rest)]
    return []


def _rooms_imported(path: Path) -> Iterator[str]:
    for name in _names_imported(path):
        parts = name.split(".")
        if parts[0] == "vastmax" and len(parts) > 1 and not parts[1].startswith("__"):
            yield _room_of(parts[1:])


def _room_of(parts: Sequence[str]) -> str:
    """The room that a path or a dotted name below the package leads to."""
    within = ".".join(parts[:2])
    return within if within in _SUB_ROOMS else parts[0]


def _names_imported(path: Path) -> Iterator[str]:
    """Dotted names of everything imported anywhere in a file, also inside functions and for type checking.

    Relative imports stay inside their room, for they are only used with one dot here.
    """
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level <= 1, f"{path}: write `from vastmax…` in place of dots"
            if node.level == 0 and node.module == "vastmax":
                yield from (f"vastmax.{alias.name}" for alias in node.names)
            elif node.level == 0 and node.module is not None:
                yield node.module

"""What pyproject.toml declares is what the code imports; what is optional stays so, and says what brings it."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest

import vastmax
from vastmax import extras

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

# Where the name of a distribution is not that of what is imported.
DISTRIBUTION = {"faiss": "faiss-cpu", "sklearn": "scikit-learn", "griffe": "mkdocstrings", "mkdocs": "mkdocs-material"}
# Run as programs, or loaded by one.
PROGRAMS = {
    "clang-format",
    "clang-tidy",
    "mkdocs-material",
    "mypy",
    "pytest-timeout",
    "pytest-xdist",
    "ruff",
    "pre-commit",
}
# Asked where they happen to be installed; no extra brings them.
ORACLES = {"fasttext", "onnx"}
OUR_FOLDERS = ("tests", "tools", "benchmarks", "examples")


def test_every_import_of_the_library_is_declared_and_every_dependency_is_imported() -> None:
    imported = {DISTRIBUTION.get(name, name) for name in _imported("src")}
    declared = set(_required(*PROJECT["project"]["optional-dependencies"].keys() - {"dev", "docs"}))
    assert imported == declared, "left: imported; right: declared in dependencies or an extra"


def test_what_the_errors_name_is_what_the_extra_brings() -> None:
    for module, (extra, _) in extras._EXTRAS.items():
        assert DISTRIBUTION.get(module, module) in _names(PROJECT["project"]["optional-dependencies"][extra])
        assert DISTRIBUTION.get(module, module) not in _names(PROJECT["project"]["dependencies"])


def test_everything_is_in_the_extra_all() -> None:
    named = set(PROJECT["project"]["optional-dependencies"]) - {"all", "dev", "docs"}
    assert PROJECT["project"]["optional-dependencies"]["all"] == [f"vastmax[{','.join(sorted(named))}]"]


def test_tests_and_tools_import_what_the_developers_extra_brings() -> None:
    imported = {DISTRIBUTION.get(name, name) for folder in ("tests", "tools") for name in _imported(folder)}
    declared = set(_required(*PROJECT["project"]["optional-dependencies"].keys() - {"all"}))
    assert imported - ORACLES <= declared, imported - ORACLES - declared
    only_theirs = _names(PROJECT["project"]["optional-dependencies"]["dev"])
    only_theirs |= _names(PROJECT["project"]["optional-dependencies"]["docs"])
    assert only_theirs - imported - PROGRAMS - set(_imported_by_name("tests")) <= {"vastmax", "gensim"}


def test_the_version_stands_in_one_place() -> None:
    assert "version" in PROJECT["project"]["dynamic"]
    assert version("vastmax") == vastmax.__version__, "installed before the version changed: install it again"
    spelled = re.compile(rf"[\"']{re.escape(vastmax.__version__)}[\"']")
    homes = [path for path in (ROOT / "src").rglob("*.py") if spelled.search(path.read_text(encoding="utf-8"))]
    assert homes == [ROOT / "src" / "vastmax" / "__init__.py"]


def test_the_oldest_pytorch_named_is_the_one_that_the_tests_run_with() -> None:
    (floor,) = re.findall(r"torch>=([\d.]+)", PROJECT["project"]["optional-dependencies"]["torch"][0])
    constraints = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    assert re.search(rf"^torch=={re.escape(floor)}(\.\d+)?$", constraints, re.MULTILINE)
    assert f"PyTorch {floor} or newer" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_nothing_tells_to_install_from_an_index_what_is_not_there_yet() -> None:
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
    sources = [*(ROOT / "src").rglob("*.py"), *(ROOT / "tools").rglob("*.py")]
    for path in [*pages, *sources]:
        for command in re.findall(r"pip install[^\n`\"]*", path.read_text(encoding="utf-8")):
            assert "vastmax" not in command or "-e" in command, f"{path.relative_to(ROOT)}: {command}"


def test_vectors_need_none_of_the_extras(tmp_path: Path) -> None:
    pairs = tmp_path / "pairs.tsv"
    pairs.write_text("".join(f"w{i}\tw{i + 1}\t{i}\n" for i in range(5)))
    program = f"""
import sys
from importlib.machinery import PathFinder

class Without:
    def find_spec(name, path=None, target=None):
        barred = name.partition(".")[0] in {[*extras._EXTRAS, "threadpoolctl"]!r}
        return None if barred else PathFinder.find_spec(name, path, target)

sys.meta_path = [Without if finder is PathFinder else finder for finder in sys.meta_path]
import vastmax
from vastmax.embedding import draw_map
vectors = vastmax.train_embeddings([[f"w{{i}}" for i in range(9)]] * 9, min_count=1, vector_size=8)
vectors.save({str(tmp_path / "v.safetensors")!r})
print(vectors.evaluate_pairs({str(pairs)!r}).used)
draw_map(vectors, {str(tmp_path / "map.html")!r})
for ask in (
    lambda: vastmax.Head,
    lambda: draw_map(vectors, {str(tmp_path / "map.png")!r}),
    lambda: draw_map(vectors, {str(tmp_path / "map.html")!r}, method="tsne"),
    lambda: vastmax.Corpus("table.parquet").vocabulary,
    lambda: vectors.to_gensim(),
):
    try:
        ask()
    except vastmax.extras.MissingExtraError as error:
        print(error)
"""
    (tmp_path / "table.parquet").write_bytes(b"PAR1 and a table PAR1")
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    used, *said = done.stdout.splitlines()
    assert used == "5"
    asked = [
        re.search(r"needs (.*), which is not installed; in the source tree of vastmax, type: (.*)", x) for x in said
    ]
    assert [found and found.groups() for found in asked] == [
        ("PyTorch", "pip install '.[torch]'"),
        ("matplotlib", "pip install '.[plot]'"),
        ("scikit-learn", "pip install '.[tsne]'"),
        ("pyarrow", "pip install '.[arrow]'"),
        ("gensim", "pip install '.[gensim]'"),
    ]


@pytest.mark.parametrize("name", ["ci", "wheels", "release"])
def test_workflows_call_what_is_there(name: str) -> None:
    workflow = (ROOT / ".github" / "workflows" / f"{name}.yml").read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"run: make (\S+)", workflow):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"make {target}"
    for script in re.findall(r"\b(?:tools|\.github/workflows)/[\w.]+", workflow):
        assert (ROOT / script).exists(), script


def _imported(folder: str) -> Iterator[str]:
    """Top-level names of what is neither ours nor Python's, imported anywhere in the files of a folder."""
    ours = {"vastmax", *OUR_FOLDERS, *(path.stem for top in OUR_FOLDERS for path in (ROOT / top).rglob("*.py"))}
    ours |= {path.name for path in (ROOT / "tools").iterdir() if path.is_dir()}
    for path in sorted((ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module is not None:
                names = [node.module]
            for name in (name.split(".")[0] for name in names):
                if name not in ours and name not in sys.stdlib_module_names:
                    yield name
    yield from _imported_by_name(folder)


def _imported_by_name(folder: str) -> Iterator[str]:
    """What is imported by `importorskip("…")`, or wanted by `extras.require(…, "…")`."""
    for path in sorted((ROOT / folder).rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        for module in re.findall(r"(?:importorskip\(|extras\.require\([^()]*(?:\([^()]*\))?[^()]*, )\"(\w+)", text):
            yield DISTRIBUTION.get(module, module)


def _names(requirements: list[str]) -> set[str]:
    return {re.split(r"[\[<>=!~; ]", requirement)[0] for requirement in requirements}


def _required(*named: str) -> Iterator[str]:
    """Names of what the package and these extras require, apart from itself."""
    optional = PROJECT["project"]["optional-dependencies"]
    for requirements in (PROJECT["project"]["dependencies"], *(optional[name] for name in named)):
        yield from _names(requirements) - {"vastmax"}

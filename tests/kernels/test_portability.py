"""The compiled core on other processors and compilers, where a compiler for them is at hand."""

from __future__ import annotations

import platform
import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.compiled_once

NATIVE = Path(__file__).parents[2] / "src" / "vastmax" / "kernels" / "native"
# What holds no Python: the bindings need headers of the other system's Python.
PYTHON = ("nanobind", '"bindings.hpp"')
SOURCES = sorted(p for p in NATIVE.glob("*.cpp") if not any(mark in p.read_text() for mark in PYTHON))


def compile_only(compiler: str, *options: str) -> None:
    path = shutil.which(compiler)
    if path is None:
        pytest.skip(f"no {compiler} here")
    for source in SOURCES:
        command = [path, "-std=gnu++17", "-O1", "-Wall", "-Wextra", "-Werror", "-Wno-psabi", "-fsyntax-only", *options]
        done = subprocess.run([*command, str(source)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{source.name}: {done.stderr}"


def test_there_are_sources_to_compile():
    assert {"skipgram.cpp", "text_encoder.cpp"} <= {source.name for source in SOURCES}


@pytest.mark.slow
def test_compiles_for_64_bit_arm():
    compile_only("aarch64-linux-gnu-g++")


@pytest.mark.slow
@pytest.mark.parametrize("level", ["x86-64", "x86-64-v3", "x86-64-v4"])
def test_compiles_with_clang(level):
    compile_only("clang++", f"-march={level}", "-Wno-unused-command-line-argument")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["skipgram", "cbow", "hierarchical_binary"])
def test_prefetches_are_in_the_compiled_code(name):
    """Where a function only prefetches, GCC may take it for one without effect and drop its calls."""
    compiler = shutil.which("g++")
    if compiler is None or platform.machine() not in ("x86_64", "AMD64"):
        pytest.skip("no g++ for x86-64 here")
    command = [compiler, "-std=gnu++17", "-O2", "-Wno-psabi", "-S", "-o", "-", str(NATIVE / f"{name}.cpp")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "prefetch" in done.stdout


def test_no_intrinsics_and_no_fast_math():
    """The algorithms are written in vector extensions; -ffast-math would change the process's floating-point mode.

    int_products.hpp alone has intrinsics, beside a plain form: no extension multiplies 16-bit numbers into 32-bit sums.
    """
    for source in [*SOURCES, *NATIVE.glob("*.hpp")]:
        if source.name == "int_products.hpp":
            continue
        assert "immintrin.h" not in source.read_text(), source.name
    build = (NATIVE.parents[3] / "CMakeLists.txt").read_text()
    assert not any(
        line.strip().startswith("target_compile_options") and "fast-math" in line for line in build.splitlines()
    )

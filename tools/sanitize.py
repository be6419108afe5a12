"""Build the native part with address and undefined-behavior sanitizers, and run the tests that use the kernels.

Everything lies in build/sanitize: a virtual environment whose vastmax is that build, on the sources of the working
tree, and which borrows all other packages from the interpreter that runs this. The first report ends the process that
made it, and so fails the test or the configuration.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import sysconfig
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "build" / "sanitize"
PYTHON = FOLDER / "venv" / "bin" / "python"
REPORTS = FOLDER / "report"
"""A report is the file of this name and the number of the process that it ended."""
ALL_TARGETS = ("avx512", "avx2", "baseline")

KERNEL_TESTS = ["tests/kernels"]
"""Tests that run on every instruction set themselves."""

OTHER_TESTS = [
    "tests/characters/test_native_fit.py",
    "tests/embedding/test_train.py",
    "tests/embedding/test_train_objectives.py",
    "tests/optim",
    "tests/output/test_hierarchical.py",
    "tests/output/linear/test_native.py",
    "tests/proposal/test_ngram_proposals.py",
]
"""They run kernels too, by what calls them: once for each instruction set."""

NOT_HERE = "not slow"
"""Selects the tests that take long in an ordinary build."""


def borrowed_paths() -> list[Path]:
    """Return where this interpreter finds packages.

    In a .pth file such a path is searched, but the .pth files in it are not read: not that of the ordinary vastmax.
    """
    standard = Path(sysconfig.get_path("stdlib"))
    own = {ROOT / "tools", ROOT / "src"}
    paths = [path for path in map(Path, sys.path) if path.is_dir() and path not in own]
    return [p for p in paths if p.name in ("site-packages", "dist-packages") or standard not in (p, p.parent)]


def build() -> None:
    """Bring the build up to date."""
    if not PYTHON.exists():
        venv.EnvBuilder(with_pip=False).create(FOLDER / "venv")
    own = {"base": str(FOLDER / "venv"), "platbase": str(FOLDER / "venv")}
    lend = Path(sysconfig.get_path("purelib", vars=own)) / "borrowed.pth"
    lend.write_text("".join(f"{path}\n" for path in borrowed_paths()), encoding="utf-8")
    command = [str(PYTHON), "-m", "pip", "--quiet", "--disable-pip-version-check", "install", "--no-deps"]
    command += ["--ignore-installed", "--editable", str(ROOT), "--config-settings", f"build-dir={FOLDER / 'cmake'}"]
    command += ["--config-settings", "cmake.define.VASTMAX_SANITIZE=ON", "--config-settings", "cmake.build-type=Debug"]
    subprocess.run(command, check=True)


def library(name: str) -> str:
    """Return the path of a library of the compiler."""
    compiler = os.environ.get("CXX", "c++")
    found = subprocess.run([compiler, f"-print-file-name={name}"], capture_output=True, text=True, check=True).stdout
    if not Path(found.strip()).is_absolute():
        sys.exit(f"{compiler} has no {name}: make sanitize wants GCC with its sanitizers (Debian: libgcc-12-dev)")
    return found.strip()


def environment() -> dict[str, str]:
    """Return the environment of a process with sanitizers."""
    return {
        **os.environ,
        # Before everything else, and the C++ library with it, or exceptions find no handler.
        "LD_PRELOAD": f"{library('libasan.so')} {library('libstdc++.so')}",
        # The interpreter leaks on purpose.
        # Reports go to files: what a test's process says at its death is lost.
        "ASAN_OPTIONS": f"detect_leaks=0:allocator_may_return_null=1:handle_abort=1:log_path={REPORTS}",
        "UBSAN_OPTIONS": f"print_stacktrace=1:log_path={REPORTS}",
        "PYTHONMALLOC": "malloc",  # small objects, too, end where they end
    }


def step(title: str, command: list[str], target: str | None = None) -> bool:
    """Run a command in the build, and report its result and duration."""
    print(f"== {title}", flush=True)
    env = environment() if target is None else {**environment(), "VASTMAX_KERNEL": target}
    start = time.monotonic()
    passed = subprocess.run([str(PYTHON), *command], cwd=ROOT, env=env, check=False).returncode == 0
    for report in sorted(FOLDER.glob(f"{REPORTS.name}.*")):
        print(report.read_text(encoding="utf-8", errors="replace"))
        report.unlink()
        passed = False
    print(f"== {title}: {'passed' if passed else 'FAILED'}, {time.monotonic() - start:.0f} s", flush=True)
    return passed


def targets_here() -> list[str]:
    """Return the instruction sets that are tried; prints those that this machine cannot run."""
    ask = "from vastmax.kernels.machine import available_targets; print(*available_targets())"
    found = subprocess.run([str(PYTHON), "-c", ask], env=environment(), capture_output=True, text=True, check=False)
    if found.returncode:
        sys.exit(f"the build with sanitizers cannot be imported:\n{found.stderr}")
    here = found.stdout.split()
    for name in ALL_TARGETS:
        if name not in here:
            print(f"{name} is left out: this machine cannot run it")
    return here


def main() -> int:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60, help="of random configurations, for each instruction set")
    parser.add_argument("--seed", type=int, default=0, help="of the random configurations")
    parser.add_argument("--jobs", default="logical", help="processes that run tests; logical: one per core")
    parser.add_argument(
        "--again", nargs=3, metavar=("TARGET", "KERNEL", "NUMBER"), help="run one configuration of --seed alone"
    )
    options = parser.parse_args()
    build()
    for old in FOLDER.glob(f"{REPORTS.name}.*"):
        old.unlink()
    if options.again:
        target, *which = options.again
        only = ["-m", "tools.kernel_fuzz", "--only", *which, "--seed", str(options.seed)]
        return 0 if step(" ".join(options.again), only, target) else 1
    targets = targets_here()
    pytest = [
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:faulthandler",
        "-m",
        NOT_HERE,
        "--timeout",
        "900",
        "-n",
        options.jobs,
    ]
    passed = [step("kernel tests", [*pytest, *KERNEL_TESTS])]
    for target in targets:
        passed.append(step(f"other native tests, {target}", [*pytest, *OTHER_TESTS], target))
    fuzz = ["-m", "tools.kernel_fuzz", "--seconds", str(options.seconds), "--seed", str(options.seed)]
    passed.append(step("random configurations", fuzz))
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())

"""Kill runs with `kill -9` at random instants and resume them: no file may be partial, no work lost, no bit changed.

Runs of `embed`, `lm train`, `compare` and `vocab` on small texts, with one thread and very frequent checkpoints, so
that many kills happen while one is written. A kill comes at a random time after the start of the process: while it
reads the text or the checkpoint, trains, or writes. Processes started by a comparison are killed with it or left alone,
at random. After each kill, every file must be complete; a finished run is compared with an undisturbed one, and another
is started.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NoReturn, Self

from harness import RECORDS, machine
from kill_cases import CASES, Case
from vastmax.cli.main import run
from vastmax.kernels.machine import choose_target

QUESTION = "Does kill -9 at random instants lose or spoil anything, and do resumed runs end with the same bits?"


@dataclass
class Tally:
    """The results of the kills of one kind of run."""

    kills: int = 0
    while_writing: int = 0  # a temporary file was left
    before_anything_was_saved: int = 0
    half_written: int = 0
    runs_finished: int = 0
    equal_to_the_bit: int = 0
    left_behind: int = 0  # files, by runs that finished

    @property
    def sound(self) -> bool:
        """Whether nothing went wrong."""
        return not (self.half_written or self.left_behind) and 0 < self.runs_finished == self.equal_to_the_bit

    def add(self, other: dict[str, int]) -> None:
        """Count in what another part of the study found."""
        for name in asdict(self):
            setattr(self, name, getattr(self, name) + other[name])


class Command:
    """A command line in a process of its own, forked off this one, so that it need not load what is loaded here."""

    def __init__(self, arguments: list[str]) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed by __exit__
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid == 0:
            self._run(arguments)
        self._over = False

    def _run(self, arguments: list[str]) -> NoReturn:
        code: object = 1
        try:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            os.dup2(self._errors.fileno(), 2)
            sys.argv = ["vastmax", *arguments]
            run(arguments)
        except SystemExit as over:
            code = over.code
            sys.stderr.flush()
        except BaseException:
            traceback.print_exc()
            sys.stderr.flush()
        finally:
            os._exit(code if isinstance(code, int) else 0)

    def finish(self) -> bool:
        """Wait for the end; whether it was a kill. Another failure than that is raised."""
        code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        self._over = True
        self._errors.seek(0)
        if code not in (0, -signal.SIGKILL):
            raise RuntimeError(f"a run failed with {code}:\n{self._errors.read().decode()}")
        return code != 0

    def kill(self, *, with_children: bool) -> None:
        """Kill it and, if told so, all that it has started."""
        children = []
        if with_children:
            listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(self.pid)], capture_output=True, text=True)
            children = [int(number) for number in listed.stdout.split()]
        for number in (self.pid, *children):
            with suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """See to it that it is over, also where the study itself is stopped."""
        self._errors.close()
        if not self._over:
            self.kill(with_children=True)
            os.waitpid(self.pid, 0)


def temporaries(folder: Path) -> list[Path]:
    """Return the temporary files in a folder and those below it."""
    return list(folder.rglob(".vastmax-*.tmp"))


def strangers(folder: Path) -> list[Path]:
    """Return locks and temporary files, which no run that ended may leave."""
    return [*temporaries(folder), *folder.rglob("*vastmax-lock")]


def study(case: Case, kills: int, moments: random.Random) -> Tally:
    """Kill runs until there were so many kills, then let the last run end."""
    began = time.monotonic()
    with Command(case.command("whole")) as command:
        command.finish()
    longest = time.monotonic() - began
    whole, tally, name = case.result("whole"), Tally(), "killed"
    while True:
        with Command(case.resumed(name)) as process:
            if tally.kills < kills:
                time.sleep(moments.uniform(0.0, 1.1 * longest))
                process.kill(with_children=moments.random() < 0.5)
            killed = process.finish()
        if killed:
            tally.kills += 1
            tally.while_writing += bool(temporaries(case.folder))
            tally.before_anything_was_saved += not case.saved(name)
            try:
                case.check(name)
            except Exception as error:
                tally.half_written += 1
                print(f"half-written: {error!r}", file=sys.stderr, flush=True)
            continue
        tally.runs_finished += 1
        tally.equal_to_the_bit += case.result(name) == whole
        left = strangers(case.folder)
        tally.left_behind += len(left)
        if left:
            print(f"left behind: {left}", file=sys.stderr, flush=True)
        if tally.kills >= kills:
            return tally
        for path in case.folder.glob(f"{name}*"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def show(tallies: dict[str, Tally]) -> None:
    """Print a table."""
    names = [name.replace("_", " ") for name in asdict(Tally())]
    print("  ".join(f"{cell:>{max(len(cell), 7)}}" for cell in ["run", *names]))
    for kind, tally in tallies.items():
        values = [f"{value:>{len(name)}}" for name, value in zip(names, asdict(tally).values(), strict=True)]
        print("  ".join([f"{kind:>7}", *(f"{value:>7}" for value in values)]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for kind, kills in (("embed", 100), ("lm", 60), ("compare", 20), ("vocab", 20)):
        parser.add_argument(f"--{kind}", type=int, default=kills, metavar="KILLS")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--record", type=Path, default=RECORDS / "kill_runs.json")
    parser.add_argument("--add", type=Path, nargs="*", default=[], help="records of other parts, to be counted in")
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"  # nothing here may start threads, which a fork would lose
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    parts = [json.loads(path.read_text()) for path in options.add]
    tallies = {}
    for kind in CASES:
        tally, kills = Tally(), getattr(options, kind)
        if kills:
            with tempfile.TemporaryDirectory(prefix="kill-runs-") as folder:
                os.environ["VASTMAX_CACHE"] = str(Path(folder, "cache"))
                place = Path(folder, kind)
                place.mkdir()
                tally = study(CASES[kind](place), kills, random.Random(f"{kind} {options.seed}"))
        for part in parts:
            tally.add(part["kinds"].get(kind, asdict(Tally())))
        if tally.kills:
            tallies[kind] = tally
    show(tallies)
    record = {
        "question": QUESTION,
        "machine": {**machine(), "instruction_set": choose_target()},
        "seeds": sorted({options.seed, *(seed for part in parts for seed in part["seeds"])}),
        "kinds": {kind: asdict(tally) for kind, tally in tallies.items()},
    }
    beside = options.record.with_suffix(".part")
    beside.write_text(json.dumps(record, indent=1) + "\n")
    beside.rename(options.record)
    print(f"wrote {options.record}")
    if not all(tally.sound for tally in tallies.values()):
        sys.exit("something was partial, differs, or was left behind")


if __name__ == "__main__":
    main()

"""Kill -9 at fifty random instants, each resumed: does training end with the bits of a run that was never stopped?

One thread; checkpoints far more often than anybody would ask for, so that many kills fall into the writing of one. A
kill comes at a random time after the process began, which is before it reads the checkpoint, or while it reads it,
trains or writes. A run that ends before its kill is compared, and another one begun.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from harness import SCRATCH, unpacked, write_record
from vastmax import WordVectors

COMMAND = [sys.executable, "-c", "from vastmax.cli.entry import main; main()"]


def arguments_of(text: Path, output: Path, epochs: int) -> list[str]:
    options = ["--threads", "1", "--epochs", str(epochs), "--checkpoint-minutes", "0.001", "--vector-size", "200"]
    return ["embed", str(text), "-o", str(output), *options]


def same_bits(one: Path, other: Path) -> bool:
    a, b = WordVectors.load(one), WordVectors.load(other)
    assert a.output_vectors is not None
    assert b.output_vectors is not None
    return bool(
        np.array_equal(a.vectors, b.vectors)
        and np.array_equal(a.output_vectors, b.output_vectors)
        and a.training["losses"] == b.training["losses"]
        and a.training["predictions"] == b.training["predictions"]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--bytes", type=int, default=4_000_000, help="of wiki8")
    parser.add_argument("--longest", type=float, default=4.0, help="seconds to the kill, at most")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    folder = SCRATCH / "kill_and_resume"
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        path.unlink()
    text, whole, output = folder / "text.txt", folder / "whole.safetensors", folder / "killed.safetensors"
    with unpacked("wiki8.txt").open("rb") as file:
        text.write_bytes(file.read(options.bytes))
    environment = {**os.environ, "VASTMAX_CACHE": str(SCRATCH / "cache")}

    def begin(target: Path, *more: str) -> subprocess.Popen[bytes]:
        command = [*COMMAND, *arguments_of(text, target, options.epochs), *more]
        return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def finish(process: subprocess.Popen[bytes]) -> None:
        err = process.communicate()[1]
        if process.returncode != 0:
            raise RuntimeError(f"a run failed with {process.returncode}:\n{err.decode()}")

    finish(begin(whole, "--no-checkpoint"))
    checkpoint = Path(f"{output}.checkpoint")
    part = Path(f"{checkpoint}.part")
    moments = random.Random(options.seed)
    kills = writing = before_the_first = 0
    finished = equal = 0
    while kills < options.kills or checkpoint.exists():
        process = begin(output, *["--resume"] * checkpoint.exists())
        if kills < options.kills:
            time.sleep(moments.uniform(0.0, options.longest))
            process.kill()
        err = process.communicate()[1]
        if process.returncode == 0:
            finished += 1
            equal += same_bits(whole, output)
            assert not checkpoint.exists()
            assert not part.exists()
        elif process.returncode == -9:
            kills += 1
            writing += part.exists()
            before_the_first += not checkpoint.exists()
            print(f"kill {kills}: {'while writing' if part.exists() else 'otherwise'}", flush=True)
        else:
            raise RuntimeError(f"a resumed run failed with {process.returncode}:\n{err.decode()}")
    left = sorted(path.name for path in folder.iterdir() if path not in (text, whole, output))
    write_record(
        "kill_and_resume",
        "Does a run killed with SIGKILL at random instants, and resumed each time, end with the bits of an "
        "uninterrupted one?",
        {
            "settings": {
                "corpus": f"the first {options.bytes} bytes of wiki8",
                "threads": 1,
                "vector_size": 200,
                "epochs": options.epochs,
            },
            "kills": kills,
            "of_them_while_a_checkpoint_was_written": writing,
            "of_them_before_the_first_checkpoint": before_the_first,
            "runs_finished": finished,
            "of_them_equal_to_the_bit": equal,
            "files_left_behind": left,
        },
    )
    if finished == 0 or equal != finished or left:
        sys.exit("a resumed run differs, none was finished, or files were left behind")


if __name__ == "__main__":
    main()

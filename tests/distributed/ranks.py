"""A pool of processes in which checks run, all of them in one group of gloo's: `python ranks.py SIZE CHECK…`.

One process imports PyTorch, which takes longer than most checks, and forks the ranks before any thread is started. A
check is a function `check_…(ranks: Ranks)` of a module in this folder, and is called by every rank. The first that
fails ends the run, since the others would wait for it.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
import traceback
from datetime import timedelta
from importlib import import_module
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
import torch._dynamo  # seconds that would be spent in each rank, when DTensor first asks for it
import torch.distributed as dist
from torch.distributed.device_mesh import DeviceMesh

SECONDS = 240
"""After which a run is ended, whatever it waits for."""


class Ranks:
    """What a check knows of the group.

    Attributes:
        rank: of this process.
        size: how many there are.
        folder: that all share; empty at the beginning.
    """

    def __init__(self, rank: int, size: int, folder: Path) -> None:
        self.rank, self.size, self.folder = rank, size, folder
        self._meshes: dict[tuple[int, ...], DeviceMesh] = {}

    def mesh(self, *shape: int) -> DeviceMesh | None:
        """Return a mesh of the first processes; None where this process is not in it. All of them must ask."""
        if shape not in self._meshes:
            number = int(torch.tensor(shape).prod())
            names = ("words",) if len(shape) == 1 else ("data", "words")
            self._meshes[shape] = DeviceMesh("cpu", torch.arange(number).view(shape), mesh_dim_names=names)
        return self._meshes[shape] if self._meshes[shape].get_coordinate() is not None else None


def _run(rank: int, size: int, folder: Path, checks: list[str]) -> None:
    torch.set_num_threads(1)
    meeting = f"file://{folder}/meeting"
    dist.init_process_group("gloo", init_method=meeting, rank=rank, world_size=size, timeout=timedelta(seconds=SECONDS))
    ranks = Ranks(rank, size, folder / "shared")
    for name in checks:
        module, _, function = name.partition(".")
        began = time.perf_counter()
        getattr(import_module(module), function)(ranks)
        dist.barrier()
        if rank == 0:
            print(f"{name}: {time.perf_counter() - began:.2f} s", flush=True)
    dist.destroy_process_group()


def _rank(rank: int, size: int, folder: Path, checks: list[str]) -> int:
    """Fork a rank; return its process id."""
    process_id = os.fork()
    if process_id:
        return process_id
    code = 1
    try:
        _run(rank, size, folder, checks)
        code = 0
    except BaseException:
        sys.stderr.write(f"rank {rank}: {traceback.format_exc()}\n")
        sys.stderr.flush()
    finally:
        os._exit(code)  # a thread of gloo's that is at work while the interpreter shuts down would abort the process


def main(size: int, checks: list[str]) -> int:
    for module in {name.partition(".")[0] for name in checks}:
        import_module(module)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "shared").mkdir()
        running = {_rank(rank, size, Path(folder), checks) for rank in range(size)}
        deadline = time.monotonic() + SECONDS
        failed = False
        while running and not failed:
            process_id, status = os.waitpid(-1, os.WNOHANG)
            if process_id:
                running.discard(process_id)
                failed = status != 0
            elif time.monotonic() > deadline:
                sys.stderr.write(f"not done after {SECONDS} s\n")
                failed = True
            else:
                time.sleep(0.02)
        for process_id in running:
            os.kill(process_id, signal.SIGKILL)
            os.waitpid(process_id, 0)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))

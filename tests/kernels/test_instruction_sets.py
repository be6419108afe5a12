"""The compiled module keeps instruction sets apart: nothing that an old processor runs holds newer instructions.

Each kernel is compiled for several sets, and the linker merges inline functions that they share, such as std::vector's.
Which copy it keeps decides whether the module runs on a processor without AVX.
"""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest

from vastmax.kernels import _native, machine

PLAIN, AVX2, AVX512 = range(3)
# From x86-64-v2 and v3, and encoded otherwise than AVX. (tzcnt is left out: `rep bsf` reads so.)
NEWER = {"andn", "bextr", "blsi", "blsmsk", "blsr", "bzhi", "lzcnt", "movbe", "mulx", "pdep", "pext", "popcnt", "rorx"}
NEWER |= {"sarx", "shlx", "shrx"}
ONLY_AVX512 = re.compile(r"%zmm|%k[0-7]\b|%[xy]mm(1[6-9]|2\d|3[01])\b")
MENTION = re.compile(r"<([^+@>]+)[^>]*>$")  # without @plt, the way round by the table of linkage


def level_of(instruction: str) -> int:
    """The set that an instruction, as objdump prints it, belongs to."""
    mnemonic = instruction.split(maxsplit=1)[0]
    if mnemonic[0] in "vk" and mnemonic not in ("verr", "verw"):
        return AVX512 if ONLY_AVX512.search(instruction) else AVX2
    return AVX2 if mnemonic in NEWER else PLAIN


def runs_from(function: str) -> int:
    """The set that a processor has for certain when it gets to this function, by its mangled name."""
    return AVX512 if "6avx512" in function else AVX2 if "4avx2" in function else PLAIN


def disassemble(module: Path) -> tuple[dict[str, int], dict[str, set[str]]]:
    """({function: the newest set in it}, {function: functions that mention it})."""
    listing = subprocess.run(
        ["objdump", "-d", "--no-show-raw-insn", str(module)], capture_output=True, text=True, check=True
    ).stdout
    level: dict[str, int] = {}
    callers = defaultdict(set)
    function = ""
    for line in listing.splitlines():
        if line.endswith(">:"):
            function = line.split("<")[1][:-2].partition("@")[0]
            level.setdefault(function, PLAIN)
        elif instruction := line.partition("\t")[2]:
            if level[function] < AVX512:
                level[function] = max(level[function], level_of(instruction))
            if line.endswith(">") and (mentioned := MENTION.search(instruction)):
                callers[mentioned[1]].add(function)
    return level, callers


def out_of_reach(level: dict[str, int], callers: dict[str, set[str]]) -> list[str]:
    """Functions that hold instructions which a processor that gets there may lack."""
    found = []
    for function, newest in level.items():
        outside = callers.get(function, set()) - {function}
        if newest > runs_from(function) and not (outside and all(runs_from(caller) >= newest for caller in outside)):
            found.append(f"{function}, called from {sorted(outside)[:3]}")
    return found


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="one instruction set on this processor")
@pytest.mark.skipif(shutil.which("objdump") is None, reason="no objdump here (package binutils)")
def test_an_old_processor_meets_no_new_instruction() -> None:
    level, callers = disassemble(Path(_native.__file__))
    for name, newest in (("8baseline", PLAIN), ("4avx2", AVX2), ("6avx512", AVX512)):
        found = [level[function] for function in level if name in function]
        assert len(found) > 10, f"no names of {name} in the module: was it stripped?"
        assert max(found) == newest
    assert out_of_reach(level, callers) == []


def test_a_function_merged_from_a_newer_set_is_noticed() -> None:
    kernel, plain, shared = "_ZN7vastmax6avx5125trainEv", "_ZN7vastmax8baseline5trainEv", "_ZNSt6vectorIfE6resizeEm"
    level = {kernel: AVX512, plain: PLAIN, shared: AVX512}
    assert out_of_reach(level, {shared: {kernel}}) == []
    assert out_of_reach(level, {shared: {shared}}) == [f"{shared}, called from []"]
    assert out_of_reach(level, {shared: {kernel, plain}}) == [f"{shared}, called from {[kernel, plain]}"]
    assert (
        level_of("vmovups (%rdi),%zmm0")
        == level_of("kmovw  %k1,%eax")
        == level_of("vaddps %xmm17,%xmm1,%xmm2")
        == AVX512
    )
    assert level_of("vxorps %xmm0,%xmm0,%xmm0") == level_of("shlx   %rax,%rbx,%rcx") == AVX2
    assert level_of("movaps %xmm1,(%rdi)") == level_of("mov    %rax,%rbx") == PLAIN


def test_the_sets_are_in_the_order_of_their_speed() -> None:
    names = machine.available_targets()
    assert names == [name for name in ("avx512", "avx2", "baseline") if name in names]
    assert names[-1] == "baseline"

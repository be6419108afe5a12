"""A method costs one file: put there, every surface knows it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

TOY = '''
"""A toy: the plain softmax under another name."""
from vastmax.methods.method import Method, Published, WhenToTake
from vastmax.methods.parts import softmax_work
from vastmax.methods.softmax import softmax


def toy(hidden_size, vocabulary, *, flavor: int = 3):
    return softmax(hidden_size, vocabulary)


METHOD = Method(
    name="toy-softmax", title="toy softmax", summary="a toy that a test adds", source="Nobody 2026",
    family="all words", family_rank=7, build=toy, work=softmax_work, complexity=5, dense=True, in_default_race=True,
    published=Published(quality="played with", speed_up_chen="7×"),
    take=WhenToTake(rank={"train": (None, None, 9)}, avoid=lambda case: "it is a toy"),
)
'''

TOOLS = Path(__file__).resolve().parents[2] / "tools"

# The room is loaded with one more folder in its path, as if the file lay there.
PROGRAM = """
import importlib.util, json, sys
more, tools, counts = sys.argv[1:]
spec = importlib.util.find_spec("vastmax.methods")
spec.submodule_search_locations.append(more)
room = importlib.util.module_from_spec(spec)
sys.modules["vastmax.methods"] = room
spec.loader.exec_module(room)

from typer.testing import CliRunner
from vastmax.cli.main import app
from vastmax.compare import RaceSettings, advise
from vastmax.compare.report.families import looks_of
from vastmax.language_model.config import ModelConfig
from vastmax.language_model.options import parsed_options
from vastmax.word_model.settings import trainable_recipes
sys.path.insert(0, tools)
import method_tables

name = "toy-softmax"
method = room.RECIPES[name]
advice = advise([1000 // rank for rank in range(1, 500)], hidden_size=8)
printed = CliRunner().invoke(app, ["advise", counts, "--hidden-size", "8", "--json"])
print(json.dumps({
    "built": type(method(4, [3, 2, 1]).output).__name__,
    "language model": ModelConfig("lstm", name, 8).method,
    "option": parsed_options(method.build, ["flavor=5"], of=name),
    "word vectors": name in trainable_recipes(),
    "race": name in RaceSettings().methods,
    "look": list(looks_of([name])[name].dash),
    "cost": advice.cost(name).gain,
    "avoid": [each.why for each in advice.choice.avoid if each.method == name],
    "published": next(each["published"] for each in advice.to_json()["costs"] if each["method"] == name),
    "command": [each["method"] for each in json.loads(printed.stdout)["costs"]],
    "docs": [line for line in method_tables.recipes_table().splitlines() if name in line],
}))
"""


def test_a_method_costs_one_file(tmp_path: Path) -> None:
    (tmp_path / "toy.py").write_text(TOY, encoding="utf-8")
    counts = tmp_path / "counts.txt"
    counts.write_text("".join(f"w{rank}\t{1000 // rank}\n" for rank in range(1, 100)), encoding="utf-8")
    command = [sys.executable, "-c", PROGRAM, tmp_path, TOOLS, counts]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    says = json.loads(done.stdout)
    assert says["built"] == "Dense"
    assert says["language model"] == "toy-softmax"
    assert says["option"] == {"flavor": 5}
    assert says["word vectors"]
    assert says["race"]
    assert says["look"] != []  # a stroke of its own, for the softmax has the solid one
    assert says["cost"] == 1
    assert says["avoid"] == ["it is a toy"]
    assert says["published"] == {"quality": "played with", "perplexities": None, "speed": "7×, Chen et al. 2015"}
    assert "toy-softmax" in says["command"]
    (row,) = says["docs"]
    assert "a toy that a test adds" in row

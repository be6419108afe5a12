"""Every option is declared once: help, reference page, parser, checks and the library say the same of it."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import odd_values
import vastmax
from vastmax.arguments import Number, Whole
from vastmax.cli.command import flags, help_of
from vastmax.cli.hints import COMMANDS, OPTIONS
from vastmax.cli.main import app
from vastmax.cli.map import MapOptions
from vastmax.cli.phrases import PhrasesOptions
from vastmax.compare import RaceSettings, advise
from vastmax.embedding import draw_map
from vastmax.embedding.settings import TrainingSettings
from vastmax.language_model import LanguageModelSettings, ModelConfig, training_text
from vastmax.options import Declared, declared
from vastmax.text import find_phrases

Invoke = Callable[..., Any]  # the fixtures of conftest.py
PAGES = Path(__file__).resolve().parents[2] / "docs" / "reference" / "cli"
COMMAND_LINES: dict[str, Any] = {name: line for name, line in odd_values.commands().items() if name != "help"}
EACH = [(name, each) for name, line in COMMAND_LINES.items() for each in line.options.values()]


def entry(command: str, each: Declared) -> str:
    """What the reference page says of one option, in one line."""
    name = "index-command" if command == "index" else command.replace(" ", "-")  # index.md names all commands
    lines = (PAGES / f"{name}.md").read_text(encoding="utf-8").splitlines()
    named = each.option.metavar or each.name.upper()
    typed = ", ".join(sorted(flags(each), key=len)).replace("/", " / ")
    start = f"  {named if each.option.positional else typed}"
    first = next(number for number, line in enumerate(lines) if re.match(rf"{re.escape(start)}(?!\S)", line + " "))
    after = next((n for n, line in enumerate(lines[first + 1 :]) if not line.startswith("    ")), None)
    return " ".join(" ".join(lines[first : first + 1 + (after or 0)]).split())


@pytest.mark.parametrize(("command", "each"), EACH, ids=lambda part: getattr(part, "name", part))
def test_the_reference_page_says_what_is_declared(command: str, each: Declared) -> None:
    said = entry(command, each).replace("- ", "-")  # help breaks lines at hyphens, too
    told = re.search(r"\[([^\[\]]*)\]$", said)
    assert " ".join(each.option.help.split()).replace("- ", "-") in said
    shown = told[1] if told else ""
    if each.required:
        assert shown == "required"
    elif each.option.default_text:
        assert f"default: {each.option.default_text}".replace("- ", "-") in shown
    elif not isinstance(each.default, bool) and each.default not in (None, (), ""):
        value = f"{each.default:g}" if isinstance(each.default, float) else str(each.default)
        assert re.search(rf"default: {re.escape(value)}(;|$)", shown), said
    if each.option.bound is not None:
        assert each.option.bound.shown in shown
    for choice in each.option.choices:
        assert choice in said


@pytest.mark.parametrize(("command", "each"), EACH, ids=lambda part: getattr(part, "name", part))
def test_the_parser_has_the_declared_default(command: str, each: Declared) -> None:
    parameter = next(p for p in COMMAND_LINES[command].params if p.name == each.name)
    assert parameter.help == help_of(each)
    if not each.required:
        assert (parameter.default or None) == (each.default or None)


@pytest.mark.parametrize(
    ("settings", "door", "otherwise"),
    [
        (TrainingSettings, vastmax.train_embeddings, {}),
        (MapOptions, draw_map, {}),
        (PhrasesOptions, find_phrases, {}),
        (COMMAND_LINES["advise"], advise, {"batch": "batch_size"}),
        (COMMAND_LINES["lm train"], training_text, {"max_final_vocab": "max_size"}),
    ],
    ids=["embed", "map", "phrases", "advise", "lm train"],
)
def test_functions_have_the_declared_defaults(settings: Any, door: Any, otherwise: dict[str, str]) -> None:
    options = settings.options.values() if hasattr(settings, "options") else declared(settings)
    signature = inspect.signature(door).parameters
    compared = 0
    for each in options:
        parameter = signature.get(otherwise.get(each.name, each.name))
        if parameter is not None and parameter.default is not parameter.empty:
            assert parameter.default == (each.default or parameter.default), each.name
            compared += 1
    assert compared >= 3


@pytest.mark.parametrize("settings", [TrainingSettings, LanguageModelSettings, ModelConfig, RaceSettings])
def test_bounds_are_the_checks(settings: Any) -> None:
    """A value just outside is refused, the bound itself taken, by the library as by the command line."""
    tried = 0
    for each in declared(settings):
        bound = each.option.bound
        if bound is None or bound.least == float("-inf"):
            continue
        tried += 1
        below = bound.least - 1 if isinstance(bound, Whole) else bound.least - (0.0 if bound.above else 1e-3)
        with pytest.raises(vastmax.errors.InputError, match=f"{each.name} is {re.escape(f'{below:g}')}"):
            bound.checked(each.name, below)
        if settings is not TrainingSettings:  # which is checked with all that it leaves open
            with pytest.raises(vastmax.errors.InputError, match=each.name) as refused:
                settings(**{each.name: below})
            assert refused.value.argument == each.name
        if not (isinstance(bound, Number) and bound.above):
            assert bound.checked(each.name, bound.least) == bound.least
    assert tried > 1


def test_every_command_is_made_of_a_frozen_dataclass() -> None:
    for name, line in COMMAND_LINES.items():
        assert {p.name for p in line.params} - {"help"} == set(line.options), name
    assert dataclasses.fields(TrainingSettings)


def test_renamed_options_are_understood_and_told(invoke: Invoke, corpus_file: Path, tmp_path: Path) -> None:
    for old, new in [("--stretch", "--bptt"), ("--table-rate=0.2", "--embedding-lr"), ("--dense-rate", "--dense-lr")]:
        value = () if "=" in old else ("0",)
        ran = invoke("lm", "train", corpus_file, "-o", tmp_path / "run", old, *value, "--hidden-size", 0)
        assert f"vastmax: warning: {old.split('=')[0]} is called {new} now\n" in ran.err
        assert "--hidden-size is 0" in ran.refused()


def test_names_of_other_tools_get_a_hint(invoke: Invoke, corpus_file: Path) -> None:
    assert invoke("nn").refused() == "vastmax: No such command 'nn': that is vastmax neighbours; see vastmax --help"
    assert "vastmax lm train" in invoke("train").refused()
    said = invoke("embed", corpus_file, "-o", "v.bin", "--workers", 3).refused()
    assert said == "vastmax: No such option: --workers: threads are set by --threads; see vastmax embed --help"
    own = {option for line in COMMAND_LINES.values() for p in line.params for option in p.opts}
    named = {word for hint in OPTIONS.values() for word in re.findall(r"--[a-z-]+", hint)}
    assert named <= own
    assert not COMMANDS.keys() & app_commands()


def app_commands() -> set[str]:
    import typer.main

    group: Any = typer.main.get_command(app)
    return set(group.commands)


def test_help_as_a_command(invoke: Invoke) -> None:
    assert invoke("help").out == invoke("--help").out
    assert invoke("help", "lm", "train").out == invoke("lm", "train", "--help").out
    assert "No such command 'lmm'" in invoke("help", "lmm").refused()
    assert "vastmax embed train is not a command" in invoke("help", "embed", "train").refused()


def test_help_is_in_groups(invoke: Invoke) -> None:
    titles = re.findall(r"^(\w+):$", invoke("embed", "--help").out, re.MULTILINE)
    assert titles == ["Arguments", "Options", "Training", "Data", "Output"]


def test_a_shell_can_complete_choices(shell: Invoke) -> None:
    ran = shell("_VASTMAX_COMPLETE=complete_bash COMP_WORDS='vastmax analogy --method ' COMP_CWORD=3 vastmax")
    assert ran.out.split() == ["3cosadd", "3cosmul"]


@pytest.fixture
def config(tmp_path: Path) -> Callable[[str], Path]:
    def write(content: str) -> Path:
        (tmp_path / "c.toml").write_text(content)
        return tmp_path / "c.toml"

    return write


def test_a_configuration_file_may_have_old_names(
    invoke: Invoke, corpus_file: Path, tmp_path: Path, config: Any
) -> None:
    """It reaches the check of the option, by its new name."""
    command = ("lm", "train", corpus_file, "-o", tmp_path / "run", "--config", config("table-rate = -1.0"))
    assert "--embedding-lr is -1" in invoke(*command).refused()


def test_a_configuration_file_gives_options(invoke: Invoke, corpus_file: Path, tmp_path: Path, config: Any) -> None:
    path = config('vector-size = 4\nmin_count = 1\nepochs = 2\nlowercase = true\nthreads = 1\nobjective = "nce"\n'
                  'objective-option = ["num_samples=4"]\n')  # fmt: skip
    command = ("embed", corpus_file, "-o", tmp_path / "v.bin", "--config", path, "--json")
    training = invoke(*command, "--epochs", 1).json["training"]
    assert (training["vector_size"], training["epochs"], training["objective"]) == (4, 1, "nce")
    assert training["objective_options"] == {"num_samples": 4}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("epoch = 3", "has 'epoch', which is not an option of this command"),
        ("epochs = 'three'", "c.toml: epochs is 'three'; expected a whole number"),
        ("lowercase = 1", "lowercase is 1; expected true or false"),
        ("objective-option = 'a=1'", "objective-option is 'a=1'; expected a list"),
        ("epochs = 0", "--epochs is 0; expected"),
        ("epochs = ", "is not TOML"),
        (None, "No such file"),
    ],
)
def test_what_is_wrong_with_a_configuration_file(
    invoke: Invoke, corpus_file: Path, tmp_path: Path, config: Any, content: str | None, says: str
) -> None:
    path = tmp_path / "c.toml" if content is None else config(content)
    assert says in invoke("embed", corpus_file, "-o", tmp_path / "v.bin", "--config", path).refused()

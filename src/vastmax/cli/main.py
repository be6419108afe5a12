"""`vastmax`: all commands."""

from __future__ import annotations

import os
import platform
import signal
import sys
import threading
from collections.abc import Sequence
from typing import Annotated, Any, NoReturn

import typer

from vastmax import __version__
from vastmax.cli.advise import advise
from vastmax.cli.analogy import analogy
from vastmax.cli.command import Group, add_command
from vastmax.cli.compare import compare
from vastmax.cli.convert import convert
from vastmax.cli.demo import demo
from vastmax.cli.embed import embed
from vastmax.cli.evaluate import evaluate
from vastmax.cli.failure import EXIT_INTERRUPTED, exit_code_of
from vastmax.cli.index import index
from vastmax.cli.lm import lm
from vastmax.cli.map import map_
from vastmax.cli.neighbours import neighbours
from vastmax.cli.output import prepare_streams
from vastmax.cli.phrases import phrases
from vastmax.cli.shared_options import require_torch
from vastmax.cli.tree import tree
from vastmax.cli.vocab import vocab
from vastmax.errors import InputError
from vastmax.files.checksum import VERIFY

app = typer.Typer(
    name="vastmax",
    cls=Group,
    rich_markup_mode=None,  # plain help: fast, and the same on a terminal, in a pipe and in the documentation
    pretty_exceptions_enable=False,
    context_settings={"max_content_width": 100, "help_option_names": ["-h", "--help"]},
)
for _command in (demo, embed, neighbours, analogy, evaluate, convert, vocab, phrases, tree, advise):
    add_command(app, _command.__name__, _command)
add_command(app, "index", index, before=require_torch)
add_command(app, "compare", compare, before=require_torch)
add_command(app, "map", map_)  # a function of that name would hide Python's own
app.add_typer(lm)


@app.command("help")
def help_(
    context: typer.Context,
    command: Annotated[
        list[str] | None, typer.Argument(metavar="COMMAND", help="Such as embed, or lm train.", show_default=False)
    ] = None,
) -> None:
    """Show the help of a command.

    \b
    Examples:
      vastmax help
      vastmax help embed
      vastmax help lm train
    """
    found: Any = context.find_root()
    for name in command or ():
        group = found.command
        try:
            _, below, _ = group.resolve_command(found, [name])
        except AttributeError:
            raise InputError(f"vastmax {' '.join(command or ())} is not a command; see vastmax help") from None
        found = below.make_context(name, [], parent=found, resilient_parsing=True)
    print(found.get_help())


@app.callback(invoke_without_command=True)
def vastmax(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and the instruction set in use, and exit.")
    ] = False,
    debug: Annotated[
        bool,
        typer.Option("--debug", envvar="VASTMAX_DEBUG", help="Show the traceback when a command fails."),
    ] = False,
    no_verify: Annotated[
        bool,
        typer.Option("--no-verify", help="Do not check the checksums of files: faster, but damage is not detected."),
    ] = False,
) -> None:
    """Word vectors from text, and language models with vast vocabularies.

    \b
    Examples:
      vastmax demo
      vastmax embed corpus.txt -o vectors.safetensors
      vastmax neighbours vectors.safetensors coffee
      vastmax analogy vectors.safetensors man king woman
      vastmax map vectors.safetensors -o map.html
      vastmax vocab corpus.txt.gz
    """
    if debug:
        os.environ["VASTMAX_DEBUG"] = "1"
    if no_verify:
        os.environ[VERIFY] = "0"  # for child processes, too
    if version:
        print(_versions())
        raise typer.Exit
    if context.invoked_subcommand is None:
        print(context.get_help())


def _versions() -> str:
    from vastmax.kernels.machine import available_targets, choose_target

    chosen, others = choose_target(), ", ".join(available_targets())
    return (
        f"vastmax {__version__}\n"
        f"instruction set: {chosen} (this machine can run {others}; VASTMAX_KERNEL chooses)\n"
        f"Python {platform.python_version()}, {platform.machine()}, {platform.system()}"
    )


def run(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run one command line (`sys.argv` if None) and exit.

    Exit codes: 0: done; 2: bad input; 130: interrupted; 143: terminated; 1: a bug in vastmax.
    """
    prepare_streams()
    _tidy_up_when_terminated()
    code = exit_code_of(lambda: _invoke(arguments), debug=lambda: os.environ.get("VASTMAX_DEBUG", "") not in ("", "0"))
    if "TORCHELASTIC_RUN_ID" in os.environ:
        _leave_at_once(code)
    sys.exit(code)


def _leave_at_once(code: int) -> NoReturn:
    """End a process of torchrun without Python's shutdown.

    DistributedDataParallel keeps the threads of gloo alive. If one is still releasing its last message during shutdown,
    the process aborts, and finished training would be reported as failed.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _tidy_up_when_terminated() -> None:
    """Remove temporary files on SIGTERM, which batch systems send; the exit code is the usual one."""

    def leave(number: int, _: object) -> NoReturn:
        sys.exit(128 + number)

    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, leave)


def _invoke(arguments: Sequence[str] | None) -> int | None:
    try:
        code = app(
            args=None if arguments is None else list(arguments),
            prog_name="vastmax",
            standalone_mode=False,
            obj=sys.argv[1:] if arguments is None else list(arguments),  # for commands that print how to resume
        )
    except typer.Abort:  # an older typer's KeyboardInterrupt
        raise KeyboardInterrupt from None
    except SystemExit as stopped:  # typer's reaction to a closed pipe
        if isinstance(stopped.__context__, BrokenPipeError):
            raise stopped.__context__ from None
        raise
    if code == EXIT_INTERRUPTED:  # a newer typer's
        raise KeyboardInterrupt
    return code if isinstance(code, int) else None

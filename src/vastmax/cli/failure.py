"""The end of a command that fails: one line on stderr and an exit code."""

from __future__ import annotations

import os
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer

from vastmax.errors import InputError
from vastmax.printable import printable

EXIT_BAD_INPUT = 2
EXIT_INTERRUPTED = 130  # 128 + SIGINT, as shells have it
EXIT_BROKEN_PIPE = 141  # 128 + SIGPIPE
EXIT_TERMINATED = 143  # 128 + SIGTERM

# click's UsageError. typer used to depend on click and now carries a copy of its own; this finds either.
_UsageError: type[BaseException] = typer.BadParameter.__bases__[0]


class StoppedError(Exception):
    """Ctrl-C, or a signal to leave, with a message that says what was kept."""

    def __init__(self, message: str, code: int = EXIT_INTERRUPTED) -> None:
        super().__init__(message)
        self.code = code


def stopped_at_once(told: KeyboardInterrupt | SystemExit, kept: str) -> StoppedError:
    """The error for a second signal, which does not wait until the state is saved; `kept` says what there is."""
    if isinstance(told, SystemExit) and told.code == EXIT_TERMINATED:
        return StoppedError(f"terminated at once; {kept}", EXIT_TERMINATED)
    return StoppedError(f"interrupted at once; {kept}")


def exit_code_of(command: Callable[[], int | None], *, debug: Callable[[], bool]) -> int:
    """Run `command`; a failure that the user can mend becomes one line on stderr, and a traceback before it in debug.

    Warnings are one line each, too. Anything else is a bug of ours and is raised.
    """
    try:
        with _warnings_in_one_line():
            code = command()
        sys.stdout.flush()  # so that a full disk or a closed pipe is met here
    except BrokenPipeError:
        _forget_stdout()  # the reader has what it wanted: nothing to say
        return EXIT_BROKEN_PIPE
    except SystemExit as told:
        if told.code == EXIT_TERMINATED:
            complain("terminated; nothing was written")
        raise
    except (KeyboardInterrupt, StoppedError, _UsageError, InputError, MemoryError, OSError) as error:
        if isinstance(error, OSError) and error.filename is None:
            _forget_stdout()  # it may be stdout that cannot be written, and Python would complain once more at its exit
        code = _told(error, debug())
    except RuntimeError as error:
        if "allocate memory" not in str(error) and "out of memory" not in str(error).lower():
            raise
        code = _told(MemoryError(str(error).partition("\n")[0]), debug())  # as PyTorch says it
    return code or 0


def _told(error: BaseException, debug: bool) -> int:
    if debug:
        traceback.print_exc()
    message, code = _explain(error)
    complain(message)
    return code


def complain(message: str) -> None:
    """One line on stderr, whatever the message holds."""
    print(f"vastmax: {printable(' '.join(message.split()))}", file=sys.stderr)


@contextmanager
def _warnings_in_one_line() -> Iterator[None]:
    """Show what the library warns of like everything else that is said here, without its place in our sources."""

    def show(message: Warning | str, *_: object, **__: object) -> None:
        complain(f"warning: {message}")

    with warnings.catch_warnings():
        warnings.simplefilter("default", UserWarning)
        warnings.showwarning = show
        yield


def _explain(error: BaseException) -> tuple[str, int]:
    match error:
        case StoppedError():
            return str(error), error.code
        case KeyboardInterrupt():
            return "interrupted; nothing was written", EXIT_INTERRUPTED
        case InputError():
            return str(error), EXIT_BAD_INPUT
        case MemoryError():
            return f"out of memory ({error}); try smaller vectors, or fewer words by --max-final-vocab", EXIT_BAD_INPUT
        case OSError():
            where = f"{error.filename}: " if error.filename is not None else ""
            return f"{where}{error.strerror or error}", EXIT_BAD_INPUT
    context = getattr(error, "ctx", None)
    message = error.format_message() if hasattr(error, "format_message") else str(error)
    return f"{message.rstrip('.')}; see {context.command_path if context else 'vastmax'} --help", EXIT_BAD_INPUT


def _forget_stdout() -> None:
    """Point stdout at the null device: what it still holds cannot be written, and Python's exit must not try again."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):  # stdout has no descriptor (a test has replaced it): then there is nothing to flush
        return

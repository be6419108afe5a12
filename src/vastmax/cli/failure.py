"""Failed commands: one line on stderr and an exit code."""

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
EXIT_INTERRUPTED = 130  # 128 + SIGINT, as in shells
EXIT_BROKEN_PIPE = 141  # 128 + SIGPIPE
EXIT_TERMINATED = 143  # 128 + SIGTERM

# click's UsageError; older versions of typer depend on click, newer ones contain a copy.
_UsageError: type[BaseException] = typer.BadParameter.__bases__[0]


class StoppedError(Exception):
    """Ctrl-C or SIGTERM, with a message about what was kept."""

    def __init__(self, message: str, code: int = EXIT_INTERRUPTED) -> None:
        super().__init__(message)
        self.code = code


def stopped(code: int, kept: str) -> StoppedError:
    """Return the error for a signal, by the exit code that it asks for; `kept` tells what was saved."""
    return StoppedError(f"{'terminated' if code == EXIT_TERMINATED else 'interrupted'}; {kept}", code)


def stopped_at_once(told: KeyboardInterrupt | SystemExit, kept: str) -> StoppedError:
    """Return the error for a second signal, which does not wait for saving; `kept` tells what was saved before."""
    if isinstance(told, SystemExit) and told.code == EXIT_TERMINATED:
        return StoppedError(f"terminated at once; {kept}", EXIT_TERMINATED)
    return StoppedError(f"interrupted at once; {kept}")


def exit_code_of(command: Callable[[], int | None], *, debug: Callable[[], bool]) -> int:
    """Run `command`; for errors that users can fix, print one line to stderr, after the traceback if debugging.

    Warnings are one line each, too. Other errors are bugs in vastmax and are raised.
    """
    try:
        with _warnings_in_one_line():
            code = command()
        sys.stdout.flush()  # so that a full disk or a closed pipe is noticed here
    except BrokenPipeError:
        _forget_stdout()  # the reader has all it wanted
        return EXIT_BROKEN_PIPE
    except SystemExit as told:
        if told.code == EXIT_TERMINATED:
            complain("terminated; nothing was written")
        raise
    except (KeyboardInterrupt, StoppedError, _UsageError, InputError, MemoryError, OSError) as error:
        if isinstance(error, OSError) and error.filename is None:
            _forget_stdout()  # stdout may be unwritable, and Python would report it again at exit
        code = _told(error, debug())
    except RuntimeError as error:
        if "allocate memory" not in str(error) and "out of memory" not in str(error).lower():
            raise
        code = _told(MemoryError(str(error).partition("\n")[0]), debug())  # PyTorch's message
    return code or 0


def _told(error: BaseException, debug: bool) -> int:
    if debug:
        traceback.print_exc()
    message, code = _explain(error)
    complain(message)
    return code


def complain(message: str) -> None:
    """Print one line to stderr, whatever the message contains."""
    print(f"vastmax: {printable(' '.join(message.split()))}", file=sys.stderr)


@contextmanager
def _warnings_in_one_line() -> Iterator[None]:
    """Print warnings of the library like other messages, without their place in the sources."""

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
    """Redirect stdout to the null device, so Python does not try again at exit to write what is buffered."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):  # stdout has no descriptor (a test has replaced it), so there is nothing to flush
        return

"""How every command is called, and how it ends: one line and a status, never a traceback."""

from __future__ import annotations

import errno
import gc
import io
import os
import shlex
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import FrameType
from typing import NoReturn

from headrace.pipeline.errors import FailedError, HeadraceError, Interrupted
from headrace.pipeline.interrupts import HANGUP, TO_END, interruption, let_go_of_gone_terminal
from headrace.pipeline.quiet import asks, is_quiet, silence, without_flag
from headrace.pipeline.unwritable import unwritable, was_writing
from headrace.pipeline.user_paths import tell_home
from headrace.pipeline.wording import one_line, reason_of, shown

DEBUG = "HEADRACE_DEBUG"
_NO_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 128 + signal.SIGTERM
EXIT_HUNG_UP = 129
SCRIPTS = {
    "pack": "tools/pack.py",
    "info": "tools/info.py",
    "preview": "tools/preview.py",
    "sample": "tools/sample.py",
    "summary": "tools/summary.py",
    "train": "train/run.py",
    "probe": "train/probe.py",
    "generate": "train/generate.py",
    "evaluate": "train/evaluate.py",
    "predict": "train/predict.py",
    "suspects": "tools/suspects.py",
    "report": "tools/report.py",
    "export": "tools/export.py",
    "bench throughput": "bench/throughput.py",
    "bench augmentation": "bench/augmentation.py",
    "bench packing": "bench/packing.py",
    "bench scaling": "bench/scaling.py",
    "bench max-side": "bench/max_side.py",
    "bench gpu": "bench/gpu.py",
    "bench training": "bench/training.py",
    "bench transfer": "bench/transfer.py",
    "bench distillation": "bench/distillation.py",
    "bench generative": "bench/generative.py",
    "bench accuracy": "bench/accuracy.py",
    "bench levels": "bench/levels.py",
    "bench device-model": "bench/device_model.py",
}
"""Words after `headrace`, and the script of a checkout that does the same."""


def called(word: str, *words: object) -> str:
    """A command as this process' user calls it, for messages that tell what to run.

    Args:
        word: a key of SCRIPTS.
        words: what stands behind it, quoted for a shell where that is needed.

    Returns:
        `tools/pack.py` where a script of a checkout is running, else `headrace pack`.
    """
    script = Path(sys.argv[0] if sys.argv else "").absolute()
    by_path = any(script.match(path) for path in SCRIPTS.values())
    command = SCRIPTS[word] if by_path else f"headrace {word}"
    texts = [f"./{each}" if _is_like_a_flag(each) else str(each) for each in words]
    return " ".join([command, *map(shlex.quote, texts)])


def _is_like_a_flag(word: object) -> bool:
    """Whether a path would be read as a flag."""
    return isinstance(word, Path) and str(word).startswith("-")


def escape_unprintable() -> None:
    """Shows names that are no text in the terminal's encoding with escapes, instead of failing; a
    process without streams gets some that lead nowhere."""
    if sys.stdout is None or sys.stderr is None:  # closed by whoever started this process
        nowhere = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
        sys.stdout, sys.stderr = sys.stdout or nowhere, sys.stderr or nowhere
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def run_command(main: Callable[[], int | None]) -> NoReturn:
    """Runs a command's main function and leaves the process with its status.

    A HeadraceError is the user's to mend: status 2. What failed though all was asked rightly
    (FailedError, disk full, no permission, no memory) is status 1, and so is an error that nobody
    has thought of; Ctrl-C is 130, and so is whatever has saved itself when it was asked to end;
    SIGTERM else is 143, SIGHUP 129. After each what is half written is cleared away, and who was to
    say what is left to do has put it into the exception that they raise. With HEADRACE_DEBUG=1 in
    the environment where it came from is shown, too; --quiet is taken here.
    """
    escape_unprintable()
    tell_home()
    sys.argv[1:] = without_flag(sys.argv[1:])
    hushed = is_quiet() and not asks(sys.argv[1:])
    status, line = 0, ""
    try:
        try:
            _check_current_folder()
            with _ends_are_raised(), silence() if hushed else nullcontext():
                status = main() or 0
                if isinstance(sys.stdout, io.TextIOWrapper):
                    sys.stdout.flush()  # a full disk is told here, not by the interpreter's end
        except Exception:
            if os.environ.get(DEBUG) == "1":
                traceback.print_exc()
            raise
    except Interrupted as stop:
        status, line = EXIT_INTERRUPTED, f"interrupted: {stop}"
    except KeyboardInterrupt as stop:
        status, line = _of_interruption(stop)
    except FailedError as error:
        status, line = EXIT_FAILED, f"error: {error}"
    except HeadraceError as error:
        status, line = EXIT_USAGE, f"error: {error}"
    except BrokenPipeError:  # the reader of our output has gone, as with `| head`
        sys.stderr.close()
        sys.exit(EXIT_FAILED)
    except OSError as error:
        status, line = EXIT_FAILED, f"error: {_of_the_system(error)}"
    except Exception as error:
        if said := interruption(error):
            status, line = _of_interruption(said)
        else:
            status, line = EXIT_FAILED, f"error: {_unforeseen(error)}"
    # Not among the handlers: an error's frames hold what the run was made of, down to the threads
    # of its process group, and must be gone before the interpreter ends; some are in circles.
    if line:
        gc.collect()
        let_go_of_gone_terminal()
        print(shown(one_line(line)), file=sys.stderr)
    sys.exit(status)


def _check_current_folder() -> None:
    """Libraries that look for files of theirs end the process without one.

    Raises:
        FailedError: if somebody has deleted it.
    """
    try:
        Path.cwd()
    except FileNotFoundError:
        raise FailedError("the current folder is gone; change to one that is there") from None


def _of_interruption(stop: KeyboardInterrupt) -> tuple[int, str]:
    """The status and what to say of Ctrl-C, SIGTERM or SIGHUP."""
    status, word = EXIT_INTERRUPTED, "interrupted"
    if isinstance(stop, _Terminated):
        status, word = EXIT_TERMINATED, "terminated"
    elif isinstance(stop, _HungUp):
        status, word = EXIT_HUNG_UP, "the terminal has gone"
    return status, f"{word}: {stop}" if str(stop) else f"error: {word}"


def _of_the_system(error: OSError) -> str:
    """What to say of what the system refused: of which file, and in its own words."""
    if was_writing(error):
        return str(unwritable(error.filename or "the output", error))
    if error.errno == errno.ENOMEM:
        return _no_memory(error)
    given = (error.filename, error.filename2)
    names = [os.fsdecode(name) for name in given if isinstance(name, str | bytes) and name]
    return ": ".join(filter(None, (" -> ".join(names), reason_of(error)))) or type(error).__name__


def _no_memory(error: Exception) -> str:
    said = reason_of(error)[:160]
    what = f"out of memory ({said})" if said else "out of memory"
    return (
        f"{what}; take a smaller --batch-size (if this command has one), or end what else uses the "
        "memory"
    )


def _unforeseen(error: Exception) -> str:
    """What to say of an error that is no complaint of ours: a library's, or a fault here."""
    said = str(error)
    no_memory = isinstance(error, RuntimeError) and any(words in said for words in _NO_MEMORY)
    if no_memory or isinstance(error, MemoryError):
        return _no_memory(error)
    module = (error.name or "").partition(".")[0] if isinstance(error, ModuleNotFoundError) else ""
    if module not in ("", "headrace"):
        return (
            f"the Python package {module} is not installed, and Headrace needs it: install "
            "Headrace again with what it needs, by pip install headrace, or -e . in a checkout"
        )
    where = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{Path(where.filename).name}, line {where.lineno}"
    return (
        f"{type(error).__name__} in {place}: {said[:300] or 'without a word'}; this is a fault of "
        f"Headrace, or of what it calls: please report it with what {DEBUG}=1 in front of the "
        "command shows"
    )


class _Terminated(KeyboardInterrupt):
    """SIGTERM, taken where Ctrl-C is."""


class _HungUp(KeyboardInterrupt):
    """SIGHUP, likewise."""


@contextmanager
def _ends_are_raised() -> Iterator[None]:
    """Lets SIGTERM and SIGHUP clear away what is half written, as Ctrl-C does.

    Not for one process of several: it may be waiting for the others inside a library, where no
    exception reaches it, and has to end all the same. What is ignored, as by nohup, stays so.
    """
    here = threading.current_thread() is threading.main_thread() and "RANK" not in os.environ
    numbers = [
        number
        for number in TO_END
        if here and number != signal.SIGINT and signal.getsignal(number) == signal.SIG_DFL
    ]
    process = os.getpid()

    def end(number: int, frame: FrameType | None) -> None:
        if os.getpid() != process:  # a forked child has nothing to clear away
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            return
        if number == HANGUP:  # shell and system both send it: clearing away goes on
            signal.signal(number, signal.SIG_IGN)
            let_go_of_gone_terminal()
            raise _HungUp
        raise _Terminated

    for number in numbers:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)

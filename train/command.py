"""How the training commands parse flags and end: one line on stderr, and a fitting exit status."""

from __future__ import annotations

import contextlib
import io
import re
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn, TypeVar

import tyro

from pipeline.errors import ConfigError, HeadraceError
from train.loop import Diverged
from train.stop import Interrupted

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130
Settings = TypeVar("Settings")


def parse(
    kind: type[Settings], default: Settings | None, prog: str, args: Sequence[str] | None
) -> Settings:
    """Reads flags into a dataclass; nested ones share one flat set of flags.

    Raises:
        ConfigError: for an unknown flag or an impossible value, in one line.
    """
    options: dict[str, Any] = {} if default is None else {"default": default}
    screen = io.StringIO()
    try:
        with contextlib.redirect_stderr(screen):
            return tyro.cli(
                kind, prog=prog, args=args, config=(tyro.conf.OmitArgPrefixes,), **options
            )
    except SystemExit as end:
        if not end.code:
            raise  # --help
        raise ConfigError(f"{_plain(screen.getvalue())} (see {prog} --help)") from None


def _plain(box: str) -> str:
    """The message out of the box that the parser draws: what stands above its first rule."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", box)
    inside = [line.strip("│ ").strip() for line in text.splitlines()]
    kept: list[str] = []
    for line in inside[1:]:
        if not line.strip("─╰╯ "):
            break
        kept.append(line)
    message = re.sub(r"Error parsing [\w.]+: (?=--)", "", " ".join(kept))
    return " ".join(message.split()).rstrip(".") or "the flags make no sense"


def run_command(main: Callable[[], None]) -> NoReturn:
    """Runs a command's main function and leaves the process with its status."""
    for stream in (sys.stdout, sys.stderr):
        # A name that is no text in the terminal's encoding is shown with escapes, not an error.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    status, line = 0, ""
    try:
        main()
    except (Interrupted, KeyboardInterrupt) as stop:
        status, line = EXIT_INTERRUPTED, f"interrupted{stop and f': {stop}'}"
    except Diverged as error:
        status, line = EXIT_FAILED, f"error: {error}"
    except HeadraceError as error:
        status, line = EXIT_USAGE, f"error: {error}"
    except BrokenPipeError:  # the reader of our output has gone, as with `| head`
        sys.stderr.close()
        sys.exit(EXIT_FAILED)
    except (OSError, MemoryError) as error:
        status, line = EXIT_FAILED, f"error: {error or type(error).__name__}"
    except RuntimeError as error:
        if "out of memory" not in str(error):
            raise
        line = "error: the device is out of memory; take a smaller --batch-size"
        status = EXIT_FAILED
    # Not among the handlers: an error's frames hold what the run was made of, down to the threads
    # of its process group, and must be gone before the interpreter ends.
    if line:
        print(" ".join(line.split()), file=sys.stderr)
    sys.exit(status)

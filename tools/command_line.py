"""How every command ends: one line on stderr instead of a traceback, and a fitting exit status."""

import argparse
import io
import sys
from collections.abc import Callable
from typing import NoReturn

from pipeline.errors import HeadraceError

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(EXIT_USAGE, f"error: {message} (see {self.prog} --help)\n")


def run_command(main: Callable[[], int]) -> NoReturn:
    """Run a command's main function and leave the process with its status.

    A HeadraceError is the user's to mend: status 2. A failure of the system (disk full, no
    permission) is status 1, Ctrl-C 130.
    """
    escape_unprintable()
    try:
        status = main()
    except HeadraceError as error:
        status = _say(error, EXIT_USAGE)
    except KeyboardInterrupt:
        status = _say("interrupted", EXIT_INTERRUPTED)
    except BrokenPipeError:  # the reader of our output has gone, as with `| head`
        sys.stderr.close()
        status = EXIT_FAILED
    except (OSError, MemoryError) as error:
        status = _say(error or type(error).__name__, EXIT_FAILED)
    sys.exit(status)


def escape_unprintable() -> None:
    """Lets stdout and stderr print every text, with an escape for what they cannot encode.

    A file name may be any bytes, and Python's own streams refuse those that are not UTF-8
    (os.fsdecode makes lone surrogates of them): an hour's work would end in a traceback.
    """
    for stream in (sys.stdout, sys.stderr):
        # A notebook's stream, or none at all, has no such setting.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _say(message: object, status: int) -> int:
    line = " ".join(str(message).split())
    print(f"error: {line}", file=sys.stderr)
    return status

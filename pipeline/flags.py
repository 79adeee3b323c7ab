"""How every command reads its flags into a frozen dataclass, and what it says of wrong ones."""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
import io
import os
import shutil
import sys
import textwrap
import threading
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, NoReturn, TypeVar, get_args

import tyro
from tyro.conf import DisallowNone
from tyro.constructors import PrimitiveConstructorSpec

from headrace.pipeline.errors import ConfigError
from headrace.pipeline.flag_complaints import as_flags, said_by_parser, said_by_settings, set_by
from headrace.pipeline.flat_settings import flag_of, walk
from headrace.pipeline.limits import check_limits, limits_line
from headrace.pipeline.quiet import ABOUT
from headrace.pipeline.short_help import ALL, short_form, whole_form

Settings = TypeVar("Settings")
Flag = Annotated[bool, tyro.conf.arg(help_behavior_hint="")]
"""Type of a field that is true where its flag is given; that it is false otherwise goes unsaid."""

_one_at_a_time = threading.Lock()  # stderr and COLUMNS are the whole process'
_REVOCABLE = (tyro.conf.OmitArgPrefixes,)
_PLAIN = (*_REVOCABLE, tyro.conf.FlagCreatePairsOff, tyro.conf.DisallowNone)
_TAKEN_BACK = (
    "What a preset, a file or a run has set is taken back by None, if it is chosen by default, by "
    "--no-... if it is a switch, and by its flag without a value if it takes several."
)


def one_of(names: Sequence[str]) -> PrimitiveConstructorSpec[str]:
    """For `Annotated[str, one_of(NAMES)]`: a field that takes one of names known at run time."""
    return PrimitiveConstructorSpec(
        nargs=1,
        metavar=f"{{{','.join(names)}}}",
        instance_from_str=lambda words: words[0],
        is_instance=lambda value: value in names,
        str_from_instance=lambda value: [value],
        choices=tuple(names),
    )


def check_least(settings: object, least: float, *names: str) -> None:
    """Refuses fields that are below a number; of several values there must be at least one.

    Args:
        settings: the dataclass.
        least: smallest number that can work.
        names: fields that hold a number, a tuple of numbers, or None.

    Raises:
        ConfigError: naming the flag.
    """
    check_given(settings, *names)
    for name in names:
        value = getattr(settings, name)
        for number in value if isinstance(value, tuple) else (value,):
            if number is not None and not number >= least:
                raise ConfigError(f"{flag_of(name)} {number}: expected {least} or more")


def check_given(settings: object, *names: str) -> None:
    """Refuses flags of several values that were given without one, as with an empty variable.

    Raises:
        ConfigError: naming the flag.
    """
    for name in names:
        if getattr(settings, name) == ():
            raise ConfigError(f"{flag_of(name)}: expected at least one value")


def check_idle(settings: Any, why: str, *names: str, remedy: str = "leave it out") -> None:
    """Refuses flags that would do nothing beside the others; at its default a field is not given.

    Args:
        settings: the dataclass.
        why: behind "does nothing": "without --reach".
        names: the fields.
        remedy: what to do.

    Raises:
        ConfigError: naming the flag.
    """
    fields = {field.name: field for field in dataclasses.fields(settings)}
    for field in map(fields.__getitem__, names):
        default = field.default
        if default is dataclasses.MISSING and field.default_factory is not dataclasses.MISSING:
            default = field.default_factory()
        value = getattr(settings, field.name)
        if value != default:
            words = " ".join(map(str, value if isinstance(value, tuple) else (value,)))
            raise ConfigError(f"{flag_of(field.name)} {words} does nothing {why}; {remedy}")


def parse(
    kind: type[Settings],
    prog: str,
    args: Sequence[str] | None = None,
    default: Settings | None = None,
    everyday: Sequence[str] = (),
    origin: str = "",
) -> Settings:
    """Reads flags into a dataclass; nested ones share one flat set of flags.

    A field's docstring is the help of its flag, the class' that of the command.

    Args:
        kind: the dataclass.
        prog: how the user calls the command, as `called` says it.
        args: words of the command line; the process' own by default.
        default: settings to start from. What a file may have set can be taken back, so every
            switch then has its `--no-...`, and None may be given.
        everyday: settings of `default` that --help shows, where it is not to show all; --help-all
            does.
        origin: the flag that `default` comes from, as it was given.

    Raises:
        ConfigError: for an unknown flag or an impossible value, in one line.
    """
    words = sys.argv[1:] if args is None else list(args)
    if {"-h", "--help", *([ALL] if everyday else [])} & set(words):
        _show_help(default or kind, prog, [] if ALL in words else everyday, default is not None)
    options: dict[str, Any] = {"config": _PLAIN}
    if default is not None:
        options = {"config": _REVOCABLE, "default": default}
    screen = io.StringIO()
    try:
        with _one_at_a_time, _unwrapped(words), contextlib.redirect_stderr(screen):
            found = tyro.cli(kind, prog=prog, args=words, **options)
            check_limits(found)
            return found
    except SystemExit as end:
        if not end.code:
            raise  # --help
        said = said_by_settings(end) or said_by_parser(
            screen.getvalue(), words, default or kind, prog
        )
    except ConfigError as error:
        said = str(error)
    said = as_flags(said, default or kind)
    if default is not None and origin:
        said += set_by(origin, said, words, default)
    raise ConfigError(f"{said} (see {prog} {ALL if everyday else '--help'})")


def _show_help(settings: Any, prog: str, names: Sequence[str], revocable: bool) -> NoReturn:
    """Prints a help, all of it or only some settings, and ends the command."""
    form = type(short_form(settings, names)) if names else whole_form(settings)
    about = inspect.getdoc(form) or ""
    config = _REVOCABLE if revocable else _PLAIN
    try:
        tyro.cli(
            form, prog=prog, args=["--help"], description=about, config=(*config, DisallowNone)
        )
    except SystemExit:
        print(_notes(form, revocable))
        raise
    raise AssertionError("a help ends the command")


def _notes(settings: type, revocable: bool) -> str:
    """What a help ends with: how far numbers may go, and what holds for every command."""
    numbers = [name for name, hint in walk(settings) if {int, float} & _parts(hint)]
    lines = [limits_line(numbers)] if numbers else []
    lines += [_TAKEN_BACK] if revocable else []
    text, width = " ".join([*lines, ABOUT]), shutil.get_terminal_size().columns
    return textwrap.fill(text, width, break_on_hyphens=False)


def _parts(hint: Any) -> set[Any]:
    """The types that a type is made of, down to the last."""
    inner = get_args(hint)
    return (
        set().union(*map(_parts, inner)) if inner else {hint} if isinstance(hint, type) else set()
    )


@contextlib.contextmanager
def _unwrapped(words: Sequence[str]) -> Iterator[None]:
    """Makes the parser draw messages that do not break within a long word, such as a path."""
    before = os.environ.get("COLUMNS")
    if not {"-h", "--help"} & set(words):
        os.environ["COLUMNS"] = "100000"
    try:
        yield
    finally:
        os.environ.pop("COLUMNS", None)
        if before is not None:
            os.environ["COLUMNS"] = before

"""How the training commands read their flags into dataclasses."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Sequence
from typing import Any, TypeVar

import tyro

from headrace.pipeline.errors import ConfigError

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

"""The page of the settings: what can be set in YAML and in Python, from the dataclasses."""

from __future__ import annotations

import ast
import dataclasses
import inspect
from typing import Any, Literal, get_args, get_origin, get_type_hints

from headrace.pipeline.backend import LoaderConfig
from headrace.pipeline.flag_help import field_help, in_few_digits
from headrace.pipeline.flat_settings import walk_owners
from headrace.pipeline.limits import LIMITS
from headrace.tools.documenting.markup import code, plain, table
from headrace.train.settings.config import RunConfig
from headrace.train.settings.rooms import ROOMS, settings_kind

PLACE = "reference/settings.md"
_HEADS = ["setting", "type", "default", "what it is"]


def setting_page() -> str:
    """Markdown of every setting of a run, of a loader, and of each technique."""
    run, loader = _by_owner(RunConfig), _by_owner(LoaderConfig)
    parts = [
        "# Settings",
        "Settings have one flat set of names: a flag `--batch-size`, a line `batch_size: 64` of "
        "the YAML file of `--config`, a field in Python. A setting stands in the dataclass named "
        "above its table; `open_loader` takes those of `LoaderConfig` as keywords. All numbers are "
        "finite and have limits, which `headrace train --help-all` tells in its last lines.",
        "## Of a training run",
        *_tables(run),
        "## Of a technique",
        "What one technique alone can set. It is a flag of `headrace train` where that technique "
        "was chosen, and refused where another one was.",
        *_techniques(),
        "## Of a loader",
        "Beside those above (`CropConfig`, `DecodeConfig`):",
        *_tables({kind: names for kind, names in loader.items() if kind not in run}),
    ]
    return "\n\n".join(parts) + "\n"


def _by_owner(settings: type) -> dict[type, list[str]]:
    found: dict[type, list[str]] = {}
    for name, _, owner in walk_owners(settings):
        found.setdefault(owner, []).append(name)
    return found


def _tables(owners: dict[type, list[str]]) -> list[str]:
    parts = []
    for kind, names in owners.items():
        about = (inspect.getdoc(kind) or "").partition("\n\n")[0]
        parts += [f"### {kind.__name__}", plain(about), _table(kind, names)]
    return parts


def _techniques() -> list[str]:
    parts = []
    for room, techniques in ROOMS.items():
        rows, without = [], []
        for technique in techniques:
            kind = settings_kind(room, technique)
            names = [name for name, _, owner in walk_owners(kind)]
            rows += [[code(technique), *row] for row in _rows(kind, names)]
            without += [] if names else [technique]
        parts += [f"### {room}"]
        if rows:
            parts.append(table([room, *_HEADS], rows))
        if without:
            parts.append(f"Nothing to set: {', '.join(map(code, without))}.")
    return parts


def _table(kind: type, names: list[str]) -> str:
    return table(_HEADS, _rows(kind, names))


def _rows(kind: type, names: list[str]) -> list[list[str]]:
    fields = {field.name: field for field in dataclasses.fields(kind)}
    rows = []
    for name in names:
        about = plain(field_help(kind, name))
        cells = [code(name), code(_hint(kind, name)), _default(fields[name])]
        rows.append([*cells, f"{about} {_values(kind, name)}"])
    return rows


def _values(kind: type, name: str) -> str:
    """Which values there are, where the type does not say it at a glance."""
    hint = get_type_hints(kind)[name]
    choices = [value for part in (hint, *get_args(hint)) for value in _choices(part)]
    if choices:
        return f"One of {', '.join(code(str(choice)) for choice in dict.fromkeys(choices))}."
    most = LIMITS.get(name)
    counts = {int, float} & {hint, *get_args(hint)}
    return f"At most {most:,.0f}." if counts and most and most < 1e9 else ""


def _choices(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) is Literal else ()


def _hint(kind: type, name: str) -> str:
    """A field's type as its source has it, without what only a parser needs."""
    for owner in kind.__mro__:
        hint = inspect.get_annotations(owner).get(name)
        if hint is not None:
            text = hint if isinstance(hint, str) else getattr(hint, "__name__", str(hint))
            found = ast.parse(text, mode="eval").body
            if isinstance(found, ast.Subscript) and ast.unparse(found.value) == "Annotated":
                assert isinstance(found.slice, ast.Tuple)
                return ast.unparse(found.slice.elts[0])
            return text
    raise AssertionError(name)


def _default(field: dataclasses.Field[Any]) -> str:
    if field.default is not dataclasses.MISSING:
        return code(in_few_digits(repr(field.default)))
    if field.default_factory is not dataclasses.MISSING:
        return code(in_few_digits(repr(field.default_factory())))
    return "has to be given"

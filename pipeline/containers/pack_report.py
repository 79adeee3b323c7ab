"""What a pack took, passed over and left out, and why: plain data, kept in the manifest.

Counts and sample names of each class are not in it: labels, splits and names in the same file say
them already.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

BYTES_IN_TWO_SPLITS = "same bytes in two splits"
BYTES_WITH_TWO_LABELS = "same bytes with two labels"
NAMES_WITH_TWO_LABELS = "same file name with two labels"


@dataclass(frozen=True, kw_only=True)
class PassedOver:
    """A list, folder or column that could have been taken and was not."""

    name: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """Files of one kind that are not in the records, for one reason.

    Attributes:
        kind: of images `skipped` or `ignored`; else what they are: `.txt`, `HEIC`, `hidden`.
        reason: why they are left out, and what to do where something can be done.
        count: how many.
        examples: the names of some, relative to the folder that was looked through.
    """

    kind: str
    reason: str
    count: int
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Double:
    """Something that occurs twice where it should not.

    Attributes:
        what: `same bytes in two splits`, ...
        count: of contents or names, each counted once however often it occurs.
        of: how many there are, counted likewise; 0 in files of before it was noted.
        among: how many of them each combination has, such as `train + val`.
        examples: each a row of (file name, split or class).
    """

    what: str
    count: int
    of: int = 0
    among: Mapping[str, int] = field(default_factory=dict)
    examples: tuple[tuple[tuple[str, str], ...], ...] = ()


@dataclass(frozen=True, kw_only=True)
class PackReport:
    """What a pack took, passed over and left out.

    Attributes:
        layout: which layout was found.
        why: what speaks for it, in words.
        taken: lists, columns and splits that were taken, one line each.
        passed_over: lists, folders and columns that were not.
        notes: what else was decided, one line each.
        settings: those that the same listing is found with again, and that samples were encoded
            with: section to name to value.
        stored: how samples are stored, in words, to their number.
        left_out: by kind and reason, rarest kinds first.
        beyond: how many of the files left out the manifest does not name.
        alike: class names that differ only in case, spaces or Unicode form, in groups.
        doubles: what occurs twice where it should not.
    """

    layout: str = ""
    why: str = ""
    taken: tuple[str, ...] = ()
    passed_over: tuple[PassedOver, ...] = ()
    notes: tuple[str, ...] = ()
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    stored: Mapping[str, int] = field(default_factory=dict)
    left_out: tuple[LeftOut, ...] = ()
    beyond: int = 0
    alike: tuple[tuple[str, ...], ...] = ()
    doubles: tuple[Double, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values; `from_json` reads it back."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> PackReport:
        """Reads what `to_json` made, also of an earlier or later version.

        Keys that are absent are empty, unknown ones are passed over.

        Raises:
            KeyError, TypeError, ValueError, AttributeError: something has another shape.
        """
        return cls(
            layout=str(values.get("layout", "")),
            why=str(values.get("why", "")),
            taken=_texts(values.get("taken", ())),
            passed_over=tuple(
                PassedOver(name=str(v["name"]), reason=str(v["reason"]))
                for v in values.get("passed_over", ())
            ),
            notes=_texts(values.get("notes", ())),
            settings={str(k): dict(v) for k, v in values.get("settings", {}).items()},
            stored=_counts(values.get("stored", {})),
            left_out=tuple(_left_out(v) for v in values.get("left_out", ())),
            beyond=int(values.get("beyond", 0)),
            alike=tuple(_texts(group) for group in values.get("alike", ())),
            doubles=tuple(_double(v) for v in values.get("doubles", ())),
        )


def _left_out(values: Mapping[str, Any]) -> LeftOut:
    return LeftOut(
        kind=str(values["kind"]),
        reason=str(values["reason"]),
        count=int(values["count"]),
        examples=_texts(values["examples"]),
    )


def _double(values: Mapping[str, Any]) -> Double:
    return Double(
        what=str(values["what"]),
        count=int(values["count"]),
        of=int(values.get("of", 0)),
        among=_counts(values["among"]),
        examples=tuple(
            tuple((str(name), str(where)) for name, where in row) for row in values["examples"]
        ),
    )


def _texts(values: Any) -> tuple[str, ...]:
    if isinstance(values, str):
        raise TypeError(f"{values[:40]!r} where a list of texts was expected")
    return tuple(str(value) for value in values)


def _counts(values: Mapping[str, Any]) -> dict[str, int]:
    return {str(key): int(value) for key, value in values.items()}

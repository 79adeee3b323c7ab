"""How a small tree of a well-known data set is written down, with what is right for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

Right = dict[str, tuple[str, str | None]]


@dataclass(frozen=True, kw_only=True)
class Published:
    """A tree, and what is right.

    Attributes:
        images: paths of empty image files.
        texts: path to text of the other files.
        right: path to (split, class or None); what is in it and nothing else is to be found.
        refused: text of the refusal, where the tree alone leaves a choice.
        flags: fields of LayoutConfig that then make it right.
    """

    images: tuple[str, ...]
    texts: dict[str, str] = field(default_factory=dict)
    right: Right = field(default_factory=dict)
    refused: str = ""
    flags: dict[str, Any] = field(default_factory=dict)


def tree(right: Right, *, more: Sequence[str] = (), **others: Any) -> Published:
    """A tree of the images that are to be found, and of `more`."""
    return Published(images=(*right, *more), right=right, **others)

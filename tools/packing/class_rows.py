"""How many samples each class has in each split, and some of their names."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

_SAMPLES = 3


@dataclass(frozen=True, kw_only=True)
class ClassRow:
    """A class in numbers.

    Attributes:
        label: its number, -1 for samples without one.
        name: what it is called, `no label` for -1.
        counts: split to number of samples, every split named.
        samples: names of three samples, of different splits where that can be.
    """

    label: int
    name: str
    counts: Mapping[str, int]
    samples: tuple[str, ...]


def class_rows(
    classes: Sequence[str],
    labels: np.ndarray,
    splits: Mapping[str, tuple[int, int]],
    name_of: Callable[[int], str],
) -> list[ClassRow]:
    """A row for every class that has samples, by label; samples without a label come last.

    Args:
        classes: class names.
        labels: (N,) int64, negative where there is none.
        splits: split name to half-open range of samples.
        name_of: sample index to its name.
    """
    counts: dict[int, dict[str, int]] = {}
    firsts: dict[int, list[list[int]]] = {}
    for split, (start, stop) in splits.items():
        part = np.maximum(labels[start:stop], -1)
        order = np.argsort(part, kind="stable")
        values, begins, sizes = np.unique(part[order], return_index=True, return_counts=True)
        for label, begin, size in zip(
            values.tolist(), begins.tolist(), sizes.tolist(), strict=True
        ):
            counts.setdefault(label, dict.fromkeys(splits, 0))[split] = size
            places = start + order[begin : begin + min(size, _SAMPLES)]
            firsts.setdefault(label, []).append(places.tolist())
    return [
        ClassRow(
            label=label,
            name=class_title(classes, label),
            counts=counts[label],
            samples=tuple(name_of(i) for i in _spread(firsts[label])),
        )
        for label in sorted(counts, key=lambda label: (label < 0, label))
    ]


def class_title(classes: Sequence[str], label: int) -> str:
    """What a label is called in a table."""
    if label < 0:
        return "no label"
    return classes[label] if label < len(classes) else f"class {label}"


def _spread(by_split: Sequence[Sequence[int]]) -> list[int]:
    """The first of each split, then the second of each, up to three."""
    found: list[int] = []
    for rank in range(_SAMPLES):
        found += [places[rank] for places in by_split if rank < len(places)]
    return found[:_SAMPLES]

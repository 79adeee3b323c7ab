"""Images that are there twice, or nearly: groups of samples that look the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from headrace.tools.reviewing.perceptual_hash import Looks

MOST_BITS = 12
"""The largest distance of hashes that can be asked for; unrelated images are about 32 apart."""
MOST_LEVELS = 12.0
"""Mean difference of two images' colours up to which they may be the same."""
_COUNTS = np.array([number.bit_count() for number in range(256)], np.uint8)


@dataclass(frozen=True, kw_only=True)
class Group:
    """Samples that look the same.

    Attributes:
        indices: (k,) int64 of the records, ascending.
        distances: (k,) int64, in how many of 64 bits each differs from the first.
    """

    indices: np.ndarray
    distances: np.ndarray


def near_groups(looks: Looks, most_bits: int) -> list[Group]:
    """Groups of two and more samples, in the order of their first.

    Two samples that look the same are in one group, and so may be others that are alike through
    some in between.

    Args:
        looks: of all samples.
        most_bits: how many bits of the hash may differ, up to MOST_BITS.
    """
    keys, counts = np.unique(looks.hashes, return_counts=True)
    by_hash = np.split(np.argsort(looks.hashes, kind="stable"), np.cumsum(counts)[:-1])
    links = Links(len(looks.hashes))
    for members in by_hash:
        if len(members) > 1:
            _join_alike(links, looks.colours, members)
    for one, other in _near_pairs(keys, most_bits):
        few, many = sorted((by_hash[one], by_hash[other]), key=len)
        for number in few:
            near = many[_alike(looks.colours[many], looks.colours[number])]
            for mate in {links.root(mate) for mate in near.tolist()}:
                links.join(int(number), mate)
    return [
        Group(
            indices=looks.indices[members],
            distances=_differing(looks.hashes[members], looks.hashes[members[0]]),
        )
        for members in links.groups()
    ]


def _join_alike(links: Links, colours: np.ndarray, members: np.ndarray) -> None:
    """Joins those samples of one hash whose colours are alike, be it through others in between."""
    left, reached = members, members[:0]
    while len(left):
        if not len(reached):
            reached, left = left[:1], left[1:]
        one, reached = reached[0], reached[1:]
        near = _alike(colours[left], colours[one])
        for other in left[near].tolist():
            links.join(int(one), other)
        reached, left = np.concatenate([reached, left[near]]), left[~near]


def _alike(colours: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(n,) bool: which of (n, 48) colours are nearly those of one image."""
    same: np.ndarray = np.abs(colours - others).mean(1) <= MOST_LEVELS
    return same


def _near_pairs(keys: np.ndarray, most_bits: int) -> Iterator[tuple[int, int]]:
    """Places of each two different hashes that are near; some come more than once.

    Two that differ in d bits agree in at least one of d + 1 parts, so only those are compared that
    share a part. Source: Norouzi, Punjani and Fleet, "Fast search in Hamming space with multi-index
    hashing", CVPR 2012.
    """
    edges = np.linspace(0, 64, most_bits + 2).round().astype(int)
    for start, stop in pairwise(edges.tolist()):
        part = (keys >> np.uint64(start)) & np.uint64((1 << (stop - start)) - 1)
        order = np.argsort(part, kind="stable")
        begins = np.flatnonzero(part[order][1:] != part[order][:-1]) + 1
        for members in np.split(order, begins):
            for number, one in enumerate(members[:-1]):
                others = members[number + 1 :]
                near = _differing(keys[others], keys[one]) <= most_bits
                for other in others[near]:
                    yield int(one), int(other)


def _differing(keys: np.ndarray, key: np.uint64) -> np.ndarray:
    """(n,) int64: in how many bits each of (n,) uint64 differs from one."""
    bits = np.ascontiguousarray(keys ^ key).view(np.uint8).reshape(-1, 8)
    counts: np.ndarray = _COUNTS[bits].sum(1, dtype=np.int64)
    return counts


class Links:
    """Which of n things belong together, joined two by two."""

    def __init__(self, count: int) -> None:
        self._parent = list(range(count))

    def join(self, one: int, other: int) -> None:
        one, other = self.root(one), self.root(other)
        self._parent[max(one, other)] = min(one, other)

    def groups(self) -> list[np.ndarray]:
        """Those of two and more, ascending in themselves and by their first."""
        members: dict[int, list[int]] = {}
        for thing in range(len(self._parent)):
            members.setdefault(self.root(thing), []).append(thing)
        return [np.array(group) for group in members.values() if len(group) > 1]

    def root(self, thing: int) -> int:
        """The first of those that belong together with one."""
        while self._parent[thing] != thing:
            self._parent[thing] = self._parent[self._parent[thing]]
            thing = self._parent[thing]
        return thing

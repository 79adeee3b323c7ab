"""Cases that once ended otherwise than they should; each is tried in every run of the tests."""

from __future__ import annotations

from typing import Any

from tests.fuzz.damage import Damage


def _hostile(base: str, *edits: list[Any]) -> Damage:
    return Damage(base=base, edits=list(edits), resum=True, sharpness=0.2)


_DEEP: list[list[Any]] = [
    ["json", "nest", 100_000, "["],
    ["json", "nest", 900, "closed"],
    ["json", "text", "[]"],
]

KEPT = [
    # JSON that is no object, or brackets without end: AttributeError, RecursionError
    *[_hostile(base, edit) for base in ("levels", "old", "shards") for edit in _DEEP],
    # Infinity for a whole number: OverflowError; half numbers and texts were taken for whole ones
    _hostile("mixed", ["json", "set", ["splits", "train", 1], "Infinity"]),
    _hostile("mixed", ["json", "set", ["splits"], '{"train": [0.7, 1.2]}']),
    _hostile("mixed", ["json", "set", ["mean", 1], "NaN"]),
    # Refusals that did not say of which file
    _hostile("mixed", ["json", "twice", "report", "1.5"]),
    _hostile("mixed", ["json", "drop", ["splits"]]),
    _hostile("levels", ["set", "pointers", 0, "length", 8]),
    # A refusal whose file name cannot be printed
    _hostile("shards", ["set", "samples", 4, "height", 6]),
    # A made-up size: 4.8 GB for the squares of the resident loader
    Damage("levels", [["flip", "sample", 0.03, 6]], True, float("inf")),
    # Header and table that agree on 3.6 thousand million pixels in a kilobyte
    _hostile("levels", ["sides", 0, 60000, 60000, True]),
    # Places of names that go backwards, or far away
    _hostile("levels", ["set", "names", 3, None, 2**63]),
    # Shards: none at all (IndexError), an index that is not UTF-8, tables that announce more than
    # they are (200 MB out of 200 kB), objects
    _hostile("shards", ["shape", "shards", [0]]),
    _hostile("index", ["file", "val-000000.idx", "write", "end", 0.0, "a53be947a9ea"]),
    # A length of 2**64 in an index: OverflowError
    _hostile(
        "index", ["line", "val-000000.idx", 9, 1], ["word", "val-000000.idx", 9, 2, str(2**64)]
    ),
    _hostile("shards", ["dtype", "shards", "<U4"]),  # no text: SystemError
    *[_hostile("shards", ["deflated", n, 200_000_000]) for n in ("manifest", "sums", "samples")],
    _hostile(
        "shards",
        ["header", "sums", "{'descr': '|u1', 'fortran_order': False, 'shape': (200000000,), }"],
    ),
    _hostile("shards", ["header", "levels", "(" * 300]),
    *[_hostile("shards", ["dtype", name, "object"]) for name in ("shards", "manifest", "samples")],
]

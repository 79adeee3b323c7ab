"""One case of the fuzzer as plain data: which sound files, what is done to them, in JSON's values.

An edit is a list whose first word says what it does; see beton_edits.py and shard_edits.py. Where a
number is expected there may stand a place instead, so that a case can aim without knowing bytes::

    5                       the number
    ["plus", -1]            what is there now, and -1
    ["near", REGION, 3]     where a region begins, and 3
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

Edit = list[Any]


class Damage(NamedTuple):
    """A case.

    Attributes:
        base: which sound files are damaged; a name of bases.py.
        edits: what is done to them, one after another.
        resum: whether checksums are made right again afterwards, as a hostile file's are.
        sharpness: least sharpness that smaller sizes are read with; see pipeline/levels.py.
    """

    base: str
    edits: list[Edit]
    resum: bool
    sharpness: float = 1.0


def to_text(damage: Damage) -> str:
    """As one line, which `from_text` reads."""
    return json.dumps(damage._asdict())


def from_text(text: str) -> Damage:
    """Reads what `to_text` made."""
    return Damage(**json.loads(text))

"""What the fuzzer draws: hypothesis' strategies for cases, and so many of them for a seed."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from headrace.pipeline.containers import beton
from headrace.pipeline.containers.shard_tables import SAMPLE
from tests.fuzz import beton_edits, shard_edits
from tests.fuzz.bases import BETONS, COUNT, SHARDS
from tests.fuzz.damage import Damage, Edit, from_text, to_text

CASES_A_DRAW = 100

_POWERS = [0, 1, 2, 3, 7, 8, 15, 16, 24, 31, 32, 33, 48, 53, 62, 63, 64]
_ABSURD = sorted({p for e in _POWERS for p in (2**e - 1, 2**e, 2**e + 1)} | {-1, -2, -8, 60000})
_SMALL = st.integers(0, 40)
_REGIONS = [f"sample {i}" for i in range(COUNT)] + ["header", "sample", "allocation", "json", "end"]
_NUMBERS = st.one_of(
    st.sampled_from(_ABSURD),
    _SMALL,
    st.tuples(st.just("plus"), st.sampled_from([-64, -8, -1, 1, 2, 8, 64])).map(list),
    st.tuples(st.just("near"), st.sampled_from(_REGIONS), st.sampled_from([-24, -1, 0, 1, 8])).map(
        list
    ),
)
_ROWS = st.integers(0, 13)
_SHARES = st.integers(0, 999).map(lambda share: share / 1000)
_PLACES = st.sampled_from([*_REGIONS, "pointers", "field", "manifest", "names", "sums", "level"])

_COLUMNS: dict[str, list[str | None]] = {
    "header": list(beton.HEADER.names or ()),
    "field": ["type_id"],
    "pointers": list(beton.POINTERS.names or ()),
    "sample": list(beton.SAMPLE.names or ()),
    "allocation": list(beton.ALLOCATION.names or ()),
    "manifest": ["json", "count", "names"],
    "level": ["ptr", "size"],
    **{table: [None] for table in ("names", "sums", "sum")},
}

_TEXTS = st.sampled_from(
    [
        "Infinity",
        "-Infinity",
        "NaN",
        "1e999",
        "-1",
        "0",
        "1.5",
        "true",
        "null",
        '""',
        '"x"',
        '"\\ud800"',
        '"\\u0000\\u001b[2J\\n"',
        "[]",
        "{}",
        "[[]]",
        "[1]",
        "[0, 6]",
        "[2, 3, 4]",
        '["a", "b"]',
        '{"generator": "flow", "seed": 0}',
        '{"generator": 5}',
        '{"a": 1}',
        '{"a": [0, 3], "b": [2, 6]}',
        '{"a": [4, 2]}',
        '{"a": [0, 99999999999999999999999999]}',
        '{"a": [-3, 3]}',
        '{"": [0, 0]}',
        '{"train": [0.7, 1.2]}',
        '{"train": ["0", "6"]}',
        '{"train": [false, true]}',
        '{"offset": 0, "count": 2}',
        '{"offset": 5000, "count": 99999999999}',
        '{"offset": -8, "count": 1}',
        '{"offset": 1e3, "count": 1}',
        '{"offset": true, "count": true}',
        '{"offset": 18446744073709551615, "count": 4}',
        '{"count": 2}',
        "9" * 5000,
        "[" * 500 + "]" * 500,
        '"' + "y" * 3000 + '"',
        '["\\n", "\\ud800", "x"]',
        '[["a", "b"], ["c"]]',
        "[[1, 2]]",
        '[[["a"], {"b": 1}]]',
    ]
)
_KEYS: st.SearchStrategy[list[Any]] = st.sampled_from(
    [
        *[[key] for key in ("classes", "splits", "encoding", "mean", "std", "skipped", "report")],
        ["synthetic"],
        *[["splits", "train"], ["splits", "val"], ["splits", "train", 1], ["mean", 1]],
        *[["classes", 0], ["encoding", "quality"], ["levels"], ["levels", "offset"]],
        *[["levels", "count"], ["report", "left_out"], ["report", "left_out", 0, "count"]],
        *[["report", "taken"], ["report", "stored"], ["report", "beyond"], ["report", "doubles"]],
        *[["report", "settings"], ["report", "alike"], ["report", "notes"], ["skipped", 0]],
    ]
)


def _edit(*parts: Any) -> st.SearchStrategy[Edit]:
    """A list of constants and strategies' values."""
    return st.tuples(*[p if isinstance(p, st.SearchStrategy) else st.just(p) for p in parts]).map(
        list
    )


def _join(*parts: Any) -> st.SearchStrategy[Edit]:
    """As `_edit`, whose last part is a list that goes on."""
    return _edit(*parts).map(lambda edit: [*edit[:-1], *edit[-1]])


_JSON = st.one_of(
    _edit("json", "set", _KEYS, _TEXTS),
    _edit("json", "drop", _KEYS),
    _edit("json", "twice", _KEYS.map(lambda way: way[0]), _TEXTS),
    _edit("json", "text", _TEXTS),
    _edit(
        "json",
        "nest",
        st.sampled_from([10, 900, 1100, 30000, 100_000]),
        st.sampled_from(["[", '{"a":', "closed"]),
    ),
    _edit("json", "text", st.text(max_size=20)),
)
_BYTES = st.one_of(
    _edit("flip", _PLACES, _SHARES, st.integers(0, 7)),
    _edit("write", _PLACES, _SHARES, st.binary(min_size=1, max_size=16).map(bytes.hex)),
    _edit("cut", _PLACES, _SHARES),
    _edit("cut by", st.sampled_from([1, 2, 8, 24, 1 << 20])),
    _edit("grow", st.sampled_from([1, 8, 24, 48, 4096, 1 << 21])),
    _edit("move", _PLACES, _PLACES),
)
_SET = st.sampled_from([(t, c) for t, columns in _COLUMNS.items() for c in columns]).flatmap(
    lambda place: _edit("set", place[0], _ROWS, place[1], _NUMBERS)
)
_SWAP = st.sampled_from(["sample", "allocation", "level", "sum", "names"]).flatmap(
    lambda table: _edit("swap", table, _ROWS, _ROWS, st.sampled_from([*_COLUMNS[table], None]))
)
_THIN = st.sampled_from([1, 2, 15, 300, 700, 65535])
_SIDES = st.one_of(
    # More than their bytes can be, or little; what is between takes the memory that it needs.
    _edit("sides", _ROWS, st.just(60000), st.sampled_from([2000, 60000]), True),
    _edit("sides", _ROWS, st.sampled_from([1, 15, 700]), st.integers(0, 700), True),
    _edit("sides", _ROWS, _THIN, _THIN, False),
    _edit("sides", _ROWS, st.just(65535), st.sampled_from([1, 7]), True),
    _edit("sides", _ROWS, st.just(1), st.just(65535), True),
)
_BETON = st.one_of(_SIDES, _SET, _SET, _SET, _SWAP, _JSON, _JSON, _BYTES, _BYTES)

_HEADERS = st.sampled_from(
    [
        "{'descr': '<u8', 'fortran_order': False, 'shape': (1152921504606846976,), }",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (200000000,), }",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (-1,), }",
        "{'descr': '|u1', 'fortran_order': True, 'shape': (3, 4), }",
        "{'descr': '|O', 'fortran_order': False, 'shape': (6,), }",
        "{'descr': [('shard', '<u4')], 'fortran_order': False, 'shape': (6,), }",
        "{'descr': '|V0', 'fortran_order': False, 'shape': (4294967296,), }",
        "{'descr': '<U0', 'fortran_order': False, 'shape': (2,), }",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (True,), }",
        "{'descr': '|u1', 'shape': (6,), }",
        "{'descr': 'nonsense', 'fortran_order': False, 'shape': (6,), }",
        "{'descr': [], 'fortran_order': False, 'shape': (1,), }",
        "{",
        "(" * 300,
        "()",
    ]
)
_ARRAYS = st.sampled_from(shard_edits.ARRAYS)
_INDEX = st.sampled_from(["train-000000.idx", "val-000000.idx"])
_SHARD = st.one_of(
    st.sampled_from([*(SAMPLE.names or ())]).flatmap(
        lambda column: _edit("set", "samples", _ROWS, column, _NUMBERS)
    ),
    st.sampled_from(
        [("levels", "ptr"), ("levels", "size"), ("sums", ""), ("manifest", "")]
    ).flatmap(lambda place: _edit("set", place[0], st.integers(0, 800), place[1], _NUMBERS)),
    _edit("swap", _ARRAYS, _ROWS, _ROWS),
    _edit(
        "shape",
        _ARRAYS,
        st.sampled_from([[0], [], [5], [7], [6, 1], [6, 0], [0, 6], [6, 2], [6, 9], [1, 1, 1]]),
    ),
    _edit("dtype", _ARRAYS, st.sampled_from(shard_edits.DTYPES)),
    _edit("header", _ARRAYS, _HEADERS),
    _edit("deflated", _ARRAYS, st.sampled_from([100, 200_000_000])),
    _edit("drop", _ARRAYS),
    _edit("twice", _ARRAYS),
    _JSON,
    _join("file", st.sampled_from(shard_edits.FILES), _BYTES),
    _join("file", st.sampled_from(shard_edits.FILES), _BYTES),
    _edit(st.sampled_from(["empty", "gone"]), st.sampled_from(shard_edits.FILES)),
)
_WORDS = st.one_of(
    st.sampled_from(_ABSURD).map(str),
    st.sampled_from(
        ["", "jpg", "cls", "x", "\xff\xfe", "1e3", "0x10", "1_0", "\x00", "٣", "v1.1", "9" * 5000]
    ),
)
_INDEXED = st.one_of(
    _edit("word", _INDEX, _ROWS, st.integers(0, 11), _WORDS),
    _edit("word", _INDEX, _ROWS, st.integers(0, 11), _WORDS),
    _edit("line", _INDEX, _ROWS, _ROWS),
    _join("file", st.sampled_from(shard_edits.FILES[:-1]), _BYTES),
    _edit(st.sampled_from(["empty", "gone"]), st.sampled_from(shard_edits.FILES[:-1])),
)
_EDITS = {**dict.fromkeys(BETONS, _BETON), "shards": _SHARD, "index": _INDEXED}
assert set(_EDITS) == {*BETONS, *SHARDS}
assert {*_COLUMNS} == {*beton_edits.TABLES, *beton_edits.MORE_TABLES}

# The one with everything comes more often.
damages: st.SearchStrategy[Damage] = st.sampled_from(
    ["levels", "levels", "levels", "mixed", "mixed", "old", "plain", "shards", "shards", "index"]
).flatmap(
    lambda base: st.builds(
        Damage,
        base=st.just(base),
        edits=st.one_of(*[st.lists(_EDITS[base], min_size=n, max_size=n) for n in (1, 1, 1, 2, 3)]),
        resum=st.sampled_from([True, True, False]),
        sharpness=st.sampled_from([0.2, 1.0, float("inf")]),
    )
)
"""Every case that there is."""


def drawn(number: int) -> list[Damage]:
    """Up to CASES_A_DRAW cases, none twice: the same ones each time, of one version of
    hypothesis."""
    found: dict[str, None] = {}

    @seed(number)
    @settings(
        max_examples=CASES_A_DRAW,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(damages)
    def collect(damage: Damage) -> None:
        found[to_text(damage)] = None

    collect()
    return list(map(from_text, found))

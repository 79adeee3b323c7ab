"""What occurs twice where it should not is found, and nothing else."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from headrace.pipeline.containers.pack_report import (
    BYTES_IN_TWO_SPLITS,
    BYTES_WITH_TWO_LABELS,
    NAMES_WITH_TWO_LABELS,
)
from headrace.tools.packing.doubles import find_doubles

SPLITS = {"train": 4, "val": 3, "test": 2}
CLASSES = ("ant", "bee")


def _spans(sizes: dict[str, int]) -> dict[str, tuple[int, int]]:
    spans, start = {}, 0
    for name, size in sizes.items():
        spans[name] = (start, start + size)
        start += size
    return spans


@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.integers(-1, 1), st.integers(0, 5)), min_size=9, max_size=9
    )
)
def test_doubles_are_those_that_a_plain_search_finds(rows: list[tuple[int, int, int]]) -> None:
    splits = _spans(SPLITS)
    split_of = [name for name, (a, b) in splits.items() for _ in range(a, b)]
    digests = np.array([(content, 7 - content) for content, _, _ in rows], np.uint64)
    labels = np.array([label for _, label, _ in rows], np.int64)
    names = [f"{i}/{leaf}.jpg" for i, (_, _, leaf) in enumerate(rows)]
    found = {d.what: d for d in find_doubles(names, labels, splits, CLASSES, digests)}
    in_splits: dict[int, set[str]] = {}
    by_content: dict[int, set[int]] = {}
    by_leaf: dict[int, set[int]] = {}
    for (content, label, leaf), split in zip(rows, split_of, strict=True):
        in_splits.setdefault(content, set()).add(split)
        if label >= 0:
            by_content.setdefault(content, set()).add(label)
            by_leaf.setdefault(leaf, set()).add(label)
    for what, groups in (
        (BYTES_IN_TWO_SPLITS, in_splits),
        (BYTES_WITH_TWO_LABELS, by_content),
        (NAMES_WITH_TWO_LABELS, by_leaf),
    ):
        count = sum(len(members) > 1 for members in groups.values())
        assert (found[what].count if what in found else 0) == count
    if BYTES_IN_TWO_SPLITS in found:
        among = [" + ".join(s for s in SPLITS if s in g) for g in in_splits.values() if len(g) > 1]
        assert found[BYTES_IN_TWO_SPLITS].among == {names: among.count(names) for names in among}
    for what, double in found.items():
        for (first, there), (other, elsewhere) in double.examples:
            i, k = (int(name.partition("/")[0]) for name in (first, other))
            assert there != elsewhere
            assert (
                rows[i][2 if what == NAMES_WITH_TWO_LABELS else 0]
                == (rows[k][2 if what == NAMES_WITH_TWO_LABELS else 0])
            )


def test_before_reading_only_names_can_be_told() -> None:
    labels = np.array([0, 1, 0])
    splits = {"train": (0, 2), "val": (2, 3)}
    (double,) = find_doubles(["a/1.jpg", "b/1.jpg", "a/1.jpg"], labels, splits, CLASSES, None)
    assert double.what == NAMES_WITH_TWO_LABELS and (double.count, double.of) == (1, 1)
    assert double.examples == ((("a/1.jpg", "ant"), ("b/1.jpg", "bee")),)


def test_more_splits_than_bits_are_not_combined() -> None:
    sizes = {f"fold{k}": 2 for k in range(70)}
    digests = np.arange(280).reshape(140, 2).astype(np.uint64)
    digests[139] = digests[0]
    labels = np.full(140, -1)
    names = [f"{i}.jpg" for i in range(140)]
    (double,) = find_doubles(names, labels, _spans(sizes), CLASSES, digests)
    assert double.count == 1 and not double.among
    assert double.examples == ((("0.jpg", "fold0"), ("139.jpg", "fold69")),)


def test_nothing_at_all() -> None:
    assert find_doubles([], np.zeros(0, np.int64), {}, (), None) == ()

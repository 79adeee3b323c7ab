"""Made-up data sets: a list is read right or refused, and never read wrong without a word."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headrace.pipeline.errors import ConfigError
from headrace.pipeline.layouts.config import LayoutConfig
from headrace.pipeline.layouts.discovery import discover
from tests.pipeline.made_up_lists import MadeUp, made_up
from tests.pipeline.made_up_trees import class_trees, one_hot, shared_ids, train_and_test

OUTCOMES: Counter[str] = Counter()


@pytest.fixture(scope="module", autouse=True)
def share_of_refusals() -> Iterator[None]:
    """Prints how many were refused: pytest -s shows it."""
    yield
    total = sum(OUTCOMES.values())
    if total:
        counts = ", ".join(f"{count / total:.1%} {name}" for name, count in OUTCOMES.most_common())
        print(f"\n{total} made-up data sets: {counts}")


def _check(made: MadeUp) -> str:
    """Reads one; what became of it.

    Raises:
        AssertionError: a label or a split is wrong, and nobody was asked.
    """
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        made.write(root)
        try:
            listing = discover(root, LayoutConfig(encoding="cp1252"))
        except ConfigError as error:
            assert "--" in str(error) or "with another label" in str(error), str(error)
            return "refused"
    wrong = {}
    labelled = 0
    splits = {}
    for split, (start, stop) in listing.splits.items():
        for i in range(start, stop):
            path, label = listing.paths[i], int(listing.labels[i])
            splits[path] = split
            got = listing.classes[label] if label >= 0 else None
            labelled += got is not None
            if got is not None and got not in (made.labels.get(path), made.codes.get(path)):
                wrong[path] = got, made.labels.get(path)
    assert not wrong, f"labels that nobody gave: {wrong}\n{made.shape}\n{listing.taken}"
    if not labelled:
        said = [s.name for s in listing.passed_over]
        assert all(any(name in s for s in said) for name in made.texts), "passed over in silence"
        return "passed over, with a reason"
    assert labelled == len(made.labels), f"labels lost: {made.shape}\n{listing.taken}"
    for path, split in made.splits.items():
        assert splits[path] == split, f"a split lost: {made.shape}\n{listing.taken}"
    return "read right"


_SETTINGS = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large],
}


def _any() -> st.SearchStrategy[MadeUp]:
    return st.one_of(made_up(), made_up(), class_trees(), shared_ids(), one_hot(), train_and_test())


@settings(max_examples=100, **_SETTINGS)  # type: ignore[arg-type]
@given(made=_any())
def test_no_list_is_read_wrong(made: MadeUp) -> None:
    OUTCOMES[_check(made)] += 1


@pytest.mark.slow
@settings(max_examples=2000, **_SETTINGS)  # type: ignore[arg-type]
@given(made=_any())
def test_no_list_of_two_thousand_is_read_wrong(made: MadeUp) -> None:
    OUTCOMES[_check(made)] += 1

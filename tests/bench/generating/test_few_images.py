"""A few images of each class: how many, which, and what there is too little of."""

from __future__ import annotations

from pathlib import Path

import pytest

from headrace.bench.generating.few_images import few_images
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.records import Records
from tests.train.tiny_runs import write_data


def test_as_many_of_each_class_and_fewer_are_part_of_more(tmp_path: Path) -> None:
    with Records.open(write_data(tmp_path / "tiny.beton")) as records:
        few, more = (few_images(records, "train", count, seed=1) for count in (2, 5))
        other = few_images(records, "train", 2, seed=2)
        everything = few_images(records, "train", 0, seed=1)
    assert [name[0] for name in sorted(few)] == ["0", "0", "1", "1", "2", "2"]
    assert set(few) < set(more) < set(everything) and len(everything) == 42
    assert set(few) != set(other)


def test_too_few_of_a_class_are_told(tmp_path: Path) -> None:
    with (
        Records.open(write_data(tmp_path / "tiny.beton")) as records,
        pytest.raises(ConfigError, match=r"--per-class 15: class .* has 14 images in 'train'"),
    ):
        few_images(records, "train", 15, seed=1)

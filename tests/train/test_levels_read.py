"""A run says how many crops it reads from smaller sizes of their images."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from headrace.pipeline.loader import open_loader
from headrace.pipeline.records import Records
from headrace.train.data.levels_read import levels_line
from headrace.train.run import run_training
from tests.builders import available_loaders, with_levels, write_by_writer
from tests.train.tiny_runs import settings, tinted


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Of every second image there is half its size, 20x22 px."""
    made = [tinted(i, i % 3, i % 3) for i in range(24)]
    return write_by_writer(
        tmp_path / "o.beton", [with_levels(s, i % 2) for i, s in enumerate(made)]
    )


def test_the_shares_are_those_of_the_plans(data: Path) -> None:
    keywords: dict[str, Any] = {"loader": "torchvision", "workers": 0, "crop_mode": "squash"}
    with Records.open(data) as records:

        def line(epoch: int = 0, val: bool = True, **changes: Any) -> str:
            told = {**keywords, "size_schedule": ("16:0.5", "32:1"), "epochs": 2, **changes}
            with (
                open_loader(records, **told) as train,
                open_loader(records, train=False, **{**told, "eval_size": 8}) as other,
            ):
                return levels_line(train, other if val else None, epoch)

        assert line() == (
            "smaller sizes: 50% of the crops of epoch 1 are read from them, 50% of validation's"
        )
        assert line(1, val=False) == "smaller sizes: 0% of the crops of epoch 2 are read from them"
        assert ": 0% of the crops" in line(sharpness=math.inf)
        if "ffcv" in available_loaders():
            assert line(loader="ffcv", workers=1) == ""


def test_a_run_says_it_where_there_are_any(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # In bfloat16 a backward pass over maps this small is now and then NaN (CPU, torch 2.14).
    small = {"size": 16, "crop_mode": "squash", "eval_mode": "squash", "amp": "off"}
    run_training(settings(data, tmp_path / "run", epochs=1, **small))
    assert (
        "smaller sizes: 50% of the crops of epoch 1 are read from them\n" in capsys.readouterr().out
    )
    plain = write_by_writer(tmp_path / "p.beton", [tinted(i, i % 3, i % 3) for i in range(24)])
    run_training(settings(plain, tmp_path / "other", epochs=1))
    assert "smaller sizes" not in capsys.readouterr().out

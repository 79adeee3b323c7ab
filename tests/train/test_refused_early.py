"""What settings alone decide is refused before an image is decoded or a folder is made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import headrace.train.data.inputs
import headrace.train.run
from headrace.pipeline.errors import HeadraceError
from headrace.train.run import run_training
from tests.train.tiny_runs import settings


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": "nope"}, "--model is 'nope'"),
        ({"model": "timm:nope"}, "nope"),
        ({"model": "torchvision:nope"}, "nope"),
        ({"model": "missing.py:net"}, "missing.py"),
        ({"weights": "/nowhere/w.pth"}, "/nowhere/w.pth"),
        ({"weights": "/nowhere/run"}, "/nowhere/run"),
        ({"model": "homework-cnn", "pretrained": True}, "--pretrained"),
        ({"model": "resnet18", "whitening": True}, "--whitening"),
        ({"recipe": "nope"}, "unknown recipe"),
        ({"recipe": [{"op": "nope"}]}, "nope"),
        ({"amp": "fp16"}, "--amp fp16"),
        ({"device": "cuda:7"}, "--device"),
        ({"batch_size": 1}, "batch normalisation"),
        ({"batch_size": 64, "drop_last": True}, "leaves no batch"),
        ({"val_split": "none", "patience": 2}, "--patience needs a validation split"),
        ({"val_split": "none", "schedule": "plateau"}, "--schedule plateau needs a validation"),
        ({"train_split": "nope"}, "no split 'nope'"),
        ({"sampling": "/nowhere/w.npy"}, "/nowhere/w.npy"),
    ],
)
def test_before_anything_is_decoded(
    changes: dict[str, Any],
    message: str,
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def never(*arguments: object, **named: object) -> None:
        raise AssertionError("a loader was opened")

    monkeypatch.setattr(headrace.train.data.inputs, "open_loader", never)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(HeadraceError, match=message) as error:
        run_training(settings(data, tmp_path / "run", **changes))
    assert "\n" not in str(error.value)
    assert not (tmp_path / "run").exists()


def test_a_folder_that_is_taken(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(headrace.train.run, "open_run", lambda *a, **k: 1 / 0)
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(HeadraceError, match=r"--out .* is not empty and holds no run"):
        run_training(settings(data, tmp_path))
    assert {path.name for path in tmp_path.iterdir()} == {"mine.txt"}

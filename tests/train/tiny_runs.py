"""Whole runs that take a second, and how two of them are compared."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from headrace.train.folder.checkpoint import load_checkpoint
from headrace.train.settings.config import RunConfig
from headrace.train.settings.config_file import from_flat
from tests.builders import StoredSample, make_records, photo, stored

SPLITS = {"train": 42, "val": 12, "test": 6}


def tinted(seed: int, label: int, stored_label: int) -> StoredSample:
    """A photo whose tint tells its class."""
    image = photo(seed, 40, 44).astype(int)
    image[..., label] += 90
    pixels = np.clip(image, 0, 255).astype(np.uint8)
    return stored(pixels, label=stored_label, name=f"{label}_{seed}.jpg")


def write_data(path: Path) -> Path:
    """A .beton of three classes that are told by their tint; the test split has no labels."""
    total, labelled = sum(SPLITS.values()), SPLITS["train"] + SPLITS["val"]
    samples = [tinted(i, i % 3, i % 3 if i < labelled else -1) for i in range(total)]
    make_records(path, samples, SPLITS).close()
    return path


def settings(path: Path, folder: Path, **changes: Any) -> RunConfig:
    """Two epochs of six steps: random crops, every kind of augmentation, dropout, mixup."""
    base = {
        "data": str(path),
        "loader": "torchvision",
        "workers": 0,
        "model": "timm:test_resnet",
        "dropout": 0.3,
        "size": 32,
        "batch_size": 8,
        "epochs": 2,
        "recipe": "report",
        "out": str(folder),
        "device": "cpu",
        "tensorboard": False,
        "log_every": 2,
        "lr": 0.003,
    }
    return from_flat({**base, **changes}, "test")


def rows(folder: Path, kind: str) -> list[dict[str, Any]]:
    """Logged rows without what depends on the clock."""
    found = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    timed = ("images_per_s", "data_wait", "seconds", "shares", "verdict")
    return [{k: v for k, v in r.items() if k not in timed} for r in found if r["kind"] == kind]


def assert_same(one: Any, other: Any, place: str = "") -> None:
    """Equal to the last bit, through dicts and lists."""
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, other), place
    elif isinstance(one, dict):
        assert one.keys() == other.keys(), place
        for key in one:
            assert_same(one[key], other[key], f"{place}/{key}")
    elif isinstance(one, list | tuple):
        assert len(one) == len(other), place
        for number, (a, b) in enumerate(zip(one, other, strict=True)):
            assert_same(a, b, f"{place}/{number}")
    else:
        assert one == other, place


def assert_same_run(one: Path, other: Path, free: tuple[str, ...] = ("out", "save_every")) -> None:
    """Same weights, optimiser, random streams, position and log; only the clock may differ.

    Args:
        one, other: run folders.
        free: settings that may differ too.
    """
    for name in ("last.pt", "best.pt"):
        first, second = load_checkpoint(one / name), load_checkpoint(other / name)
        for content in (first, second):
            for key in ("seconds", "epoch_began", "log_bytes"):
                content.pop(key, None)
            for key in free:
                content["config"].pop(key)
        assert_same(first, second, name)
    for kind in ("step", "epoch"):
        assert rows(one, kind) == rows(other, kind)

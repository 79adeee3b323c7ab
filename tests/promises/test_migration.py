"""The code of the migration pages runs, theirs and ours, and both show a model the same images."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from headrace.tools import pack
from headrace.train import command_line
from tests.builders import jpeg_bytes, photo
from tests.promises.written_pages import ROOT, blocks, commands

PAGES = {
    "imagefolder": (),
    "ffcv": ("ffcv",),
    "dali": ("nvidia.dali",),
    "timm": ("timm",),
}
"""Every page, and the packages without which its code is left out here."""
SMALLER = {
    "num_workers=4": "num_workers=0",
    "128": "32",
    "batch_size=64": "batch_size=8",
    "64,": "8,",
}
"""What is written there, and what takes no time."""
CLASSES, IMAGES = ("apple", "bread", "soup"), 5


def test_every_page_is_here() -> None:
    assert sorted(PAGES) == sorted(path.stem for path in (ROOT / "docs/migrate").glob("*.md"))


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    """FFCV sets how many threads torch has, for the whole process."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder, in which commands and code find photos/ as the pages have it."""
    for split in ("train", "val"):
        for number in range(IMAGES * len(CLASSES)):
            name = CLASSES[number % len(CLASSES)]
            path = tmp_path / "photos" / split / name / f"{split}{number}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(jpeg_bytes(photo(number, 60, 70)))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def batches_of(code: str, page: str) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """What the code gives to the training step, in two epochs."""
    seen: list[tuple[torch.Tensor, torch.Tensor]] = []

    def train_step(images: torch.Tensor, labels: torch.Tensor) -> None:
        assert images.shape == (len(labels), 3, 32, 32) and images.is_floating_point()
        assert labels.dtype == torch.int64 and labels.ndim == 1
        seen.append((images.clone(), labels.clone()))

    for written, smaller in SMALLER.items():
        code = code.replace(written, smaller)
    if page == "ffcv":  # which wants at least one of each
        code = code.replace("num_workers=0", "num_workers=1")
    if page == "timm":  # where the loop is in the code itself
        code = code.replace("loss_of(model", "train_step(images, labels)\n        loss_of(model")
        code = code.replace("resnet18", "test_resnet")
    found: dict[str, Any] = {"__name__": page, "train_step": train_step}
    exec(compile(code, f"docs/migrate/{page}.md", "exec"), found)
    return seen


@pytest.mark.parametrize("page", PAGES)
def test_both_sides_run_and_see_the_same_images(page: str, photos: Path, capfd: Any) -> None:
    for package in PAGES[page]:
        pytest.importorskip(package, reason=f"{package} is not installed", exc_type=ImportError)
    (packing,) = (c for c in commands(ROOT / f"docs/migrate/{page}.md") if c.word == "pack")
    assert pack.main(list(packing.words)) == 0
    theirs, ours, *more = blocks(ROOT / f"docs/migrate/{page}.md", "python")
    assert len(ours.splitlines()) <= len(theirs.splitlines()) + 5
    for code in (theirs, ours, *more):
        seen = batches_of(code, page)
        epochs = 1 if code in more else 2
        labels = torch.cat([labels for _, labels in seen])
        counts = [int((labels == number).sum()) for number in range(len(CLASSES))]
        if page == "timm":  # leaves the last batch out
            assert sum(counts) == 2 * 8
        else:
            assert counts == [epochs * IMAGES] * len(CLASSES)
        images = torch.cat([images for images, _ in seen])
        # Crops and flips are drawn by each side for itself: as bright on the whole, and not once.
        brightness = float(images.mean()), float(images.std())
        assert np.isfinite(brightness).all() and brightness[1] > 0.01
        if code == theirs:
            expected = brightness
        elif page != "timm":  # whose augmentation is another
            assert brightness == pytest.approx(expected, abs=0.25)
    capfd.readouterr()


def test_the_scripts_command_is_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    (command,) = (c for c in commands(ROOT / "docs/migrate/timm.md") if c.word == "train")
    monkeypatch.setattr(sys, "argv", ["headrace"])
    config, _ = command_line.read_command_line(command.words)
    assert config.model.model == "timm:resnet18" and config.data.crop.size == 128
    assert config.optim.epochs == 30

"""The recipe of a course report as its own script carries it out: single files, PIL, torchvision.

Net, augmentation and optimizer are those of the preset `food11-report`, where their source is
named. The loop is what such scripts have: a Dataset that opens each file, a DataLoader with a
process for each core, float32 on a CPU.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.nn.utils import clip_grad_norm_
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from headrace.bench.core.kept_row import Row
from headrace.pipeline.cores import available_cores
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.records import Records
from headrace.train.models.build import build_model
from headrace.train.models.spec import spec_of
from headrace.train.presets import load_preset
from headrace.train.settings.config import RunConfig

PRESET, VALIDATION = "food11-report", "val"
_HALF = transforms.Normalize((0.5,) * 3, (0.5,) * 3)
"""The preset's `normalise: half`."""


@dataclass(frozen=True, kw_only=True)
class ReportJob:
    """What the script is run on.

    Attributes:
        data: packed records, for the names, labels and splits of the files.
        folder: the files themselves.
        test_split: to measure on.
        seconds: of training, evaluation not counted.
        seed: of weights and augmentation.
        device: to compute on.
    """

    data: Path
    folder: Path
    test_split: str
    seconds: float
    seed: int
    device: torch.device


def run_report_script(job: ReportJob) -> Row:
    """Trains until the time is spent; of all epochs the best on the validation split counts.

    Returns:
        accuracy on the test split; seconds; epochs, the last of which may be a part of one; curve,
        pairs of seconds and accuracy on the test split.

    Raises:
        ConfigError: if a file of the records is not in the folder.
    """
    config = load_preset(PRESET)
    with Records.open(job.data) as records:
        splits = {
            split: _files(records, job.folder, split)
            for split in ("train", VALIDATION, job.test_split)
        }
        num_classes = len(records.manifest.classes)
    size = config.data.crop.size
    assert isinstance(size, int)
    held_out = {name: _loader(splits[name], _plain(size)) for name in (VALIDATION, job.test_split)}
    with torch.random.fork_rng():
        torch.manual_seed(job.seed)
        begun, paused = time.monotonic(), 0.0
        loader = _loader(splits["train"], _augmented(config, size), config.data.batch_size)
        model = build_model(spec_of(config.model, num_classes, size)).to(job.device)
        optimizer = torch.optim.Adam(
            model.parameters(), lr=config.optim.lr or 0, weight_decay=config.optim.weight_decay or 0
        )
        best, kept, curve, steps = -1.0, model.state_dict(), [], 0
        spent = 0.0
        while spent < job.seconds:
            model.train()
            for images, labels in _on(loader, job.device):
                loss = cross_entropy(model(images), labels)
                optimizer.zero_grad()
                loss.backward()
                clip_grad_norm_(model.parameters(), config.optim.clip_grad)
                optimizer.step()
                steps += 1
                spent = time.monotonic() - begun - paused
                if spent >= job.seconds:
                    break
            stopped = time.monotonic()
            found = _accuracy(model, held_out[VALIDATION], job.device)
            curve.append((spent, _accuracy(model, held_out[job.test_split], job.device)))
            if found > best:
                best, kept = found, copy.deepcopy(model.state_dict())
            paused += time.monotonic() - stopped
    model.load_state_dict(kept)
    accuracy = _accuracy(model, held_out[job.test_split], job.device)
    return {
        "accuracy": accuracy,
        "plain": accuracy,
        "seconds": spent,
        "epochs": steps / len(loader),
        "curve": curve,
    }


class Files(Dataset):
    """Images opened one by one, each through a transform."""

    def __init__(self, files: list[tuple[Path, int]], transform: Any) -> None:
        self._files, self._transform = files, transform

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        path, label = self._files[index]
        with Image.open(path) as image:
            return self._transform(image.convert("RGB")), label


def _files(records: Records, folder: Path, split: str) -> list[tuple[Path, int]]:
    chosen = [int(index) for index in records.select(split)]
    found = [(folder / records.name(index), int(records.labels[index])) for index in chosen]
    for path, _ in found:
        if not path.is_file():
            raise ConfigError(
                f"--folder {folder}: there is no {path}, which the records were made of; name the "
                "folder that was packed"
            )
    return found


def _augmented(config: RunConfig, size: int) -> Any:
    rotation, jitter = config.model.recipe
    return transforms.Compose(
        [
            transforms.RandomResizedCrop(size, scale=config.data.crop.crop_scale),
            transforms.RandomRotation(rotation["degrees"]),
            transforms.RandomHorizontalFlip(config.data.crop.flip),
            transforms.ColorJitter(jitter["brightness"], jitter["contrast"]),
            transforms.ToTensor(),
            _HALF,
        ]
    )


def _plain(size: int) -> Any:
    return transforms.Compose([transforms.Resize((size, size)), transforms.ToTensor(), _HALF])


def _loader(files: list[tuple[Path, int]], transform: Any, batch_size: int = 0) -> DataLoader:
    """Of training with a batch size, else of evaluation."""
    return DataLoader(
        Files(files, transform),
        batch_size=batch_size or 128,
        shuffle=batch_size > 0,
        drop_last=batch_size > 0,
        num_workers=available_cores(),
        persistent_workers=batch_size > 0,
        pin_memory=torch.cuda.is_available(),
    )


def _on(loader: DataLoader, device: torch.device) -> Iterator[tuple[Tensor, Tensor]]:
    for images, labels in loader:
        yield images.to(device, non_blocking=True), labels.to(device, non_blocking=True)


@torch.no_grad()
def _accuracy(model: nn.Module, loader: DataLoader, device: torch.device) -> float:
    model.eval()
    pairs = [(model(images).argmax(1) == labels).float() for images, labels in _on(loader, device)]
    return float(torch.cat(pairs).mean())

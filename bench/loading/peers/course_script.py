"""The loader of the usual course script: PIL in the training process, a transform per image.

Written after what the Food-11 homework of a machine-learning course asks for: a Dataset that
opens the file in __getitem__, resizes the whole image, flips, rotates, and makes a float tensor.
"""

from __future__ import annotations

from pathlib import Path

import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from headrace.bench.loading.loader_under_test import Job, Source
from headrace.bench.loading.peers.image_folder import DataLoaderSource

ROTATION_DEGREES = 15


def open_source(job: Job) -> Source:
    """The training loader as a source."""
    return DataLoaderSource(training_loader(job), job.device)


def training_loader(job: Job, drop_last: bool = False) -> DataLoader:
    """The training loader; `crop_scale` and `workers` do not concern it."""
    dataset = FoodDataset(Path(job.path), job.size)
    dataset.files *= job.repeat
    return DataLoader(
        dataset,
        batch_size=job.batch_size,
        shuffle=True,
        num_workers=0,
        pin_memory=job.device != "cpu",
        drop_last=drop_last,
    )


class FoodDataset(Dataset):
    """Images in class folders, opened one by one."""

    def __init__(self, folder: Path, size: int) -> None:
        self.files = sorted(folder.glob("*/*"))
        self.labels = {name: i for i, name in enumerate(sorted({f.parent for f in self.files}))}
        self.transform = transforms.Compose(
            [
                transforms.Resize((size, size)),
                transforms.RandomHorizontalFlip(),
                transforms.RandomRotation(ROTATION_DEGREES),
                transforms.ToTensor(),
            ]
        )

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        file = self.files[index]
        image = Image.open(file).convert("RGB")
        return self.transform(image), self.labels[file.parent]

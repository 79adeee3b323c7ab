"""Images on which an exported file is compared with its model: of the run's data, and made up."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from headrace.pipeline.data_files import DataPath, first_path, in_words
from headrace.pipeline.errors import BadSampleError, HeadraceError
from headrace.pipeline.pick_evenly import pick_evenly
from headrace.pipeline.records import Records
from headrace.train.evaluation.members import Member

MOST_REAL = 8
BATCH_SIZE = (37, 51)


class Trials(NamedTuple):
    """What is compared.

    Attributes:
        batches: each (B, h, w, 3) uint8.
        origin: where they are from, for a message.
    """

    batches: list[np.ndarray]
    origin: str


def trials(member: Member, data: str) -> Trials:
    """Real images, alone and as a batch, and made-up ones of every awkward size.

    Args:
        member: whose run's data is taken, its held-out split if that is there.
        data: record file to take instead; "" for the run's own, and made-up ones alone where that
            is gone.

    Raises:
        HeadraceError: if `data` is named and cannot be read.
    """
    made_up = made_up_images(member.preprocess.crop.shape(train=False))
    several = np.concatenate([made_up_image(*BATCH_SIZE, number)[None] for number in range(3)])
    batches = [image[None] for image in made_up] + [several]
    place: DataPath = data or member.checkpoint["config"].get("data", "")
    try:
        real = _real_images(place, str(member.checkpoint["config"].get("val_split", "")))
    except (HeadraceError, OSError):
        if data:
            raise
        real = []
    if not real:
        why = f"{in_words(place)} cannot be read" if place else "the run names no data"
        return Trials(batches, f"all made up, {why}; --data names others")
    batches += [image[None] for image in real]
    batches.append(np.stack([real[0], real[0][:, ::-1], real[0][::-1]]))
    return Trials(batches, f"{len(real)} of {in_words(place)}, and made-up ones")


def made_up_images(shape: tuple[int, int]) -> list[np.ndarray]:
    """Tiny, odd, narrow, to be enlarged, as large as the input: the same on every machine.

    Args:
        shape: of the model's input, px.
    """
    h, w = shape
    sizes = [(1, 1), (3, 5), (h, w), (h // 2 + 1, w // 3 + 1), (2 * h + 1, 3 * w + 2), (7, 2 * w)]
    return [made_up_image(*size, number) for number, size in enumerate(sizes)]


def made_up_image(height: int, width: int, number: int) -> np.ndarray:
    """(height, width, 3) uint8: slopes, edges and grain, in whole numbers alone."""
    y, x, channel = np.ogrid[:height, :width, :3]
    slope = (y * (200 + 37 * number) // height + x * (150 + 53 * channel) // width) % 256
    edge = ((5 * y * width + (3 + number) * x * height) // (2 * height * width)) % 2
    grain = ((y * 7919 + x * 104729 + channel * 1299709 + number * 15485863) ** 2 // 1024) % 32
    return np.clip(slope + 60 * edge + grain - 16, 0, 255).astype(np.uint8)


def _real_images(place: DataPath, split: str) -> list[np.ndarray]:
    """Some of all classes, whole, as they are stored."""
    if not place:
        return []
    if not first_path(place).exists():
        raise HeadraceError(
            f"--data {in_words(place)} does not exist; name a .beton file or an image folder"
        )
    with Records.open(place) as records:
        chosen = records.select(split if split in records.splits else None)
        found = []
        for index in pick_evenly(chosen, records.labels, MOST_REAL):
            try:
                found.append(np.ascontiguousarray(records.decode(int(index))))
            except BadSampleError:
                continue
        return found

"""The reference decoder: a second look at what a fast one stumbled over, and small batches."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from headrace.pipeline.errors import BadSampleError
from headrace.pipeline.pixels import crop_resize
from headrace.pipeline.plan import EpochPlan
from headrace.pipeline.records import Records


def redecode(
    records: Records, plan: EpochPlan, place: int, images: torch.Tensor, slot: int
) -> str | None:
    """Fills one slot of a batch by the reference decoder.

    A sample is bad if the reference says so. A decoder may be stricter (libjpeg's warnings) or
    know fewer formats (CMYK); such a sample is loaded all the same, only slower.

    Args:
        place: of the sample in the plan's arrays.
        images: (B, 3, H, W) uint8, on any device.
        slot: of the sample in the batch; black afterwards if the sample is bad.

    Returns:
        Why the sample is bad, or None.
    """
    try:
        fill_slot(records, plan, place, images, slot)
    except BadSampleError as error:
        images[slot] = 0
        return error.reason
    return None


def fill_slot(
    records: Records, plan: EpochPlan, place: int, images: torch.Tensor, slot: int
) -> None:
    """As `redecode`, but leaves the slot as it is where the sample is bad.

    Raises:
        BadSampleError: saying why.
    """
    at = slice(place, place + 1)
    pixels = crop_resize(
        records.decode(int(plan.indices[place]), int(plan.read_levels(at)[0])),
        plan.read_boxes(at)[0],
        bool(plan.flips[place]),
        (images.shape[2], images.shape[3]),
        plan.target(place),
    )
    images[slot] = torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1)


def reference_batch(
    records: Records, plan: EpochPlan, places: Sequence[int], shape: tuple[int, int]
) -> torch.Tensor:
    """Some samples of a plan as every loader hands them over.

    Args:
        places: of the samples in the plan's arrays.
        shape: height and width of the batch's images, px.

    Returns:
        (B, 3, H, W) uint8, channels_last.

    Raises:
        BadSampleError: of the first that cannot be decoded.
    """
    images = torch.from_numpy(np.empty((len(places), *shape, 3), np.uint8)).permute(0, 3, 1, 2)
    for slot, place in enumerate(places):
        fill_slot(records, plan, place, images, slot)
    return images

"""A second look by the reference decoder at a sample that a fast decoder stumbled over."""

from __future__ import annotations

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
    pixels = crop_resize(
        records.decode(int(plan.indices[place])),
        plan.boxes[place],
        bool(plan.flips[place]),
        (images.shape[2], images.shape[3]),
        plan.target(place),
    )
    images[slot] = torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1)

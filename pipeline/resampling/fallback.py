"""The same by torch: the reference, and what does the work where machine code cannot be had."""

from __future__ import annotations

from typing import Any

import numpy as np


class _Pixels:
    """Memory at an address, as numpy takes it; whoever has the address holds the memory."""

    def __init__(self, address: int, shape: tuple[int, ...], row_bytes: int) -> None:
        self.__array_interface__: dict[str, Any] = {
            "data": (address, False),
            "shape": shape,
            "strides": (row_bytes, 3, 1),
            "typestr": "|u1",
            "version": 3,
        }


def resize_by_torch(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """A whole image at another size, with torch's antialiased bilinear weights.

    Args:
        image: (h, w, 3) uint8, dense and writable, as torch wants it.
        height, width: of the result, px.

    Returns:
        (height, width, 3) uint8.
    """
    import torch  # here, so that records can be opened, and packed, without it

    # This view, unlike permute(2, 0, 1)[None], has unambiguous channels_last strides, which torch's
    # fast uint8 kernel needs.
    planes = torch.from_numpy(image)[None].permute(0, 3, 1, 2)
    planes = torch.nn.functional.interpolate(
        planes, (height, width), mode="bilinear", align_corners=False, antialias=True
    )
    return planes[0].permute(1, 2, 0).numpy()


def resize_boxes_by_torch(table: np.ndarray) -> None:
    """Does what `boxes.resize_boxes` does, to within one level, several times slower.

    Args:
        table: (n, 9) int64; see there.
    """
    for source, row_bytes, height, width, flip, *target in table.tolist():
        out_height, out_width, address, out_row_bytes = target
        crop = np.array(_Pixels(source, (height, width, 3), row_bytes), copy=True)
        pixels = resize_by_torch(crop, out_height, out_width)
        out = np.asarray(_Pixels(address, (out_height, out_width, 3), out_row_bytes))
        out[:] = pixels[:, ::-1] if flip else pixels

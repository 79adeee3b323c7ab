"""The part of a DALI pipeline that turns encoded JPEGs into the pixels of their boxes."""

from __future__ import annotations

from typing import Any, Literal

Way = Literal["regions", "whole"]
"""`regions`: only what a box needs is decoded; `whole`: all of it, and then cut."""
WAYS: tuple[Way, ...] = ("regions", "whole")
"""Best first."""
BOX = {"axes": [0, 1], "normalized_anchor": False, "normalized_shape": False}
"""How DALI is to read a box: rows and columns, in pixels."""


def decode_boxes(data: Any, anchor: Any, shape: Any, way: Way, *, gpu: bool, upright: bool) -> Any:
    """Adds the decoder to the pipeline that is being defined.

    Args:
        data, anchor, shape: its nodes: encoded bytes, y and x, height and width of the boxes.
        way: how to get at the box.
        gpu: decode on it.
        upright: turn images as their metadata says.

    Returns:
        The node of the boxes' pixels, (h, w, 3) uint8 each, where they were decoded.
    """
    from nvidia.dali import fn, types

    how: dict[str, Any] = {
        "device": "mixed" if gpu else "cpu",
        "output_type": types.RGB,
        "adjust_orientation": upright,
    }
    if gpu:  # or the GPU repeats chroma where libjpeg, and so every other loader, interpolates
        how["jpeg_fancy_upsampling"] = True
    if way == "regions":
        return fn.decoders.image_slice(data, anchor, shape, **how, **BOX)
    return fn.slice(fn.decoders.image(data, **how), anchor, shape, **BOX)

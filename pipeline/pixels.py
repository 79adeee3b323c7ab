"""The reference pixels: decode a whole image, cut the box, resize with antialias, flip.

Every loader is held against these functions by a test; docs/loaders.md states how close each is.
"""

from __future__ import annotations

import io
import re

import numpy as np
from PIL import Image, ImageOps

from headrace.pipeline.to_rgb import to_rgb

_TIFF_WIDTH, _TIFF_LENGTH, _EXIF_ORIENTATION = 0x0100, 0x0101, 0x0112


def decode_jpeg_rgb(data: np.ndarray) -> np.ndarray:
    """Decodes a whole JPEG as it is stored, whatever its metadata say of its orientation.

    Args:
        data: (bytes,) uint8.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        ValueError: if libjpeg gives up on it.
    """
    # Here, because importing torchvision takes over a second and most loaders never need it.
    import torch
    from torchvision.io import ImageReadMode, decode_jpeg

    try:
        # The copy is for torch, which wants writable memory though the decoder only reads it.
        image = decode_jpeg(torch.from_numpy(np.require(data, requirements="W")), ImageReadMode.RGB)
    except RuntimeError as error:
        # torchvision puts its own source file in front
        raise ValueError(re.sub(r"^.*?\.cpp:\d+, ", "", str(error).splitlines()[0])) from None
    return image.permute(1, 2, 0).numpy()


def decode_any_rgb(data: np.ndarray, size: tuple[int, int] | None = None) -> np.ndarray:
    """Decodes any image file that PIL knows, upright by its EXIF orientation.

    Args:
        data: (bytes,) uint8.
        size: height and width in px that it must have, None for any; looked at before anything
            is decoded.

    Returns:
        (H, W, 3) uint8 RGB; see pipeline.to_rgb for what is not.

    Raises:
        ValueError: if PIL cannot read it, or it has another size.
    """
    try:
        with Image.open(io.BytesIO(data.tobytes())) as image:
            if size is not None:
                check_size(upright_size(image), size)
            upright = ImageOps.exif_transpose(image) or image
            return to_rgb(upright)
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(str(error)) from None


def upright_size(image: Image.Image) -> tuple[int, int]:
    """Height and width that `ImageOps.exif_transpose` is going to give, from the header alone."""
    tags = getattr(image, "tag_v2", None)
    if image.format == "TIFF" and tags is not None:
        # Versions of PIL differ in whether the size of a TIFF is that before or after the turn.
        width, height = int(tags[_TIFF_WIDTH]), int(tags[_TIFF_LENGTH])
    else:
        width, height = image.size
    if image.getexif().get(_EXIF_ORIENTATION) in (5, 6, 7, 8):
        width, height = height, width
    return height, width


def check_size(found: tuple[int, int] | None, expected: tuple[int, int]) -> None:
    """Compares the height and width that a file announces with those that the tables say.

    Args:
        found: None where the file is not of the announced format at all.

    Raises:
        ValueError: naming both, width first, if they differ.
    """
    if found is None:
        raise ValueError("it is not a JPEG")
    if found != expected:
        (height, width), (high, wide) = found, expected
        raise ValueError(f"is {width}x{height} px, the tables say {wide}x{high}")


def crop_resize(
    image: np.ndarray,
    box: np.ndarray,
    flip: bool,
    shape: tuple[int, int],
    target: np.ndarray | None = None,
) -> np.ndarray:
    """Cuts a box, resizes it with antialiased bilinear weights, mirrors it, puts it in its place.

    The filter is torch's `interpolate(mode="bilinear", antialias=True)` on uint8, which follows
    PIL's to within one level.

    Args:
        image: (H, W, 3) uint8.
        box: (4,) y, x, height, width, inside the image.
        flip: mirror left to right.
        shape: height and width of the result, px.
        target: (4,) y, x, height, width in the result, where the box goes; the rest is black. None:
            it fills the result.

    Returns:
        (*shape, 3) uint8.
    """
    if target is not None:
        top, left, tall, wide = (int(v) for v in target)
        placed = np.zeros((*shape, 3), np.uint8)
        placed[top : top + tall, left : left + wide] = crop_resize(image, box, flip, (tall, wide))
        return placed
    import torch  # here, so that records can be opened, and packed, without it

    y, x, height, width = (int(v) for v in box)
    crop = image[y : y + height, x : x + width].copy()  # torch wants writable, dense memory
    if (height, width) != shape:
        # This view, unlike permute(2, 0, 1)[None], has unambiguous channels_last strides, which
        # torch's fast uint8 kernel needs.
        planes = torch.from_numpy(crop)[None].permute(0, 3, 1, 2)
        planes = torch.nn.functional.interpolate(
            planes, shape, mode="bilinear", align_corners=False, antialias=True
        )
        crop = planes[0].permute(1, 2, 0).numpy()
    return crop[:, ::-1] if flip else crop

"""Checks the levels of a sample: each decodes, has its size, and shows what the sample shows."""

from __future__ import annotations

import numpy as np

from headrace.pipeline.containers.checksums import DAMAGED
from headrace.pipeline.errors import BadImageError
from headrace.pipeline.jpeg_header import jpeg_size, parse_jpeg_header
from headrace.pipeline.levels import level_words
from headrace.pipeline.pixels import check_size
from headrace.pipeline.records import Records
from headrace.pipeline.resampling.boxes import resize_image
from headrace.pipeline.wording import one_line
from headrace.tools.packing.decode import decode_strictly
from headrace.tools.packing.make_levels import SUBSAMPLING, encode_jpeg

LEAST_LIKENESS_DB = 16.0
"""PSNR that a level has at least to its sample, resized. Of 60 camera photos levels of quality 90
had 31 dB and more, of quality 1 over 17; two different photos 15.5 at most, 10 in the median."""
MOST_LOST_DB = 1.0
"""What was encoded may be so much further from its source than encoding it again today is."""
_SUBSAMPLING = {0x22: "420", 0x21: "422"}  # by the sampling byte of luma


def level_problem(records: Records, index: int) -> str | None:
    """What is wrong with the levels of a sample, None if nothing is or there are none.

    Args:
        index: of a sample that decodes.
    """
    levels = (np.flatnonzero(records.levels[index]) + 1).tolist()
    if not levels:
        return None
    image = records.decode(index)
    for level in levels:
        size = records.size(index, level)
        data = records.view(index, level)
        if records.is_damaged(index, level):
            return level_words(level) + DAMAGED
        try:
            check_size(jpeg_size(data), size)
            pixels = decode_strictly(data.tobytes())
        except (ValueError, BadImageError) as error:
            return level_words(level) + one_line(error)
        image = resize_image(image, *size)
        likeness = psnr_db(pixels, image)
        if likeness < LEAST_LIKENESS_DB and likeness < _expected_db(records, data, image):
            return (
                f"{level_words(level)}is {likeness:.1f} dB from the image at its size, expected "
                f"{LEAST_LIKENESS_DB:.0f} dB or more (PSNR); it may be another image's"
            )
    return None


def _expected_db(records: Records, data: np.ndarray, image: np.ndarray) -> float:
    """PSNR that a level has at least, which `image` at its size makes today: where chroma changes
    from pixel to pixel, as in made-up patterns, subsampling leaves little of it."""
    quality = records.manifest.encoding.get("level_quality")
    header = parse_jpeg_header(data.data)
    if not isinstance(quality, int) or header is None:
        return LEAST_LIKENESS_DB
    gray = len(header.components) == 1
    subsampling = _SUBSAMPLING.get(header.components[0][1], SUBSAMPLING)
    made = encode_jpeg(image, gray, min(max(quality, 1), 100), subsampling)
    return psnr_db(decode_strictly(made), image) - MOST_LOST_DB


def psnr_db(a: np.ndarray, b: np.ndarray) -> float:
    """Peak signal-to-noise ratio of two uint8 images; 54 dB and more, if they are all but equal."""
    error = float(np.square(a.astype(np.float32) - b).mean())
    return float(10 * np.log10(255**2 / max(error, 1e-3)))

"""Decodes any image file to upright 8-bit RGB, scaled down while decoding where that helps.

By libjpeg-turbo first, and strictly: it only warns of damaged data and paints something over it.
What it warns of in a header alone is gone once the header is written anew. What is left is decoded
by PIL, which shows it as browsers do; damage to the image data is not, unless it is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import simplejpeg

from headrace.pipeline.errors import BadImageError
from headrace.pipeline.jpeg_header import JpegHeader, turn_upright
from headrace.pipeline.pil_image import read_picture
from headrace.pipeline.resampling.boxes import resize_image
from headrace.pipeline.wording import one_line
from headrace.tools.packing.mend_jpeg import mend_jpeg
from headrace.tools.packing.stray_end import cut_stray_end

MAX_PIXELS = 200_000_000
"""Of a decoded image: 600 MB, and there is one for each process that packs."""
# libjpeg's warnings of image data that it paints over, once those of the header are mended.
_PAINTED_OVER = re.compile(
    "premature end of data segment|bad Huffman code|bad arithmetic code|found marker .* instead|"
    "extraneous bytes before marker",
    re.IGNORECASE,
)
_STRAY_END = re.compile("([0-9]+) extraneous bytes before marker 0xd9")
_OF_ONE_FILE = re.compile(
    r"[0-9]+ (?=extraneous)|(?<=revision number) [0-9.]+| \([0-9]+ bytes not processed\)"
)
CheckSize = Callable[[tuple[int, int]], None]
KEEP = "--truncated keep packs it, with what is missing filled"


@dataclass(frozen=True, kw_only=True)
class Decoded:
    """An image, and what there is to say of it.

    Attributes:
        pixels: (H, W, 3) uint8 RGB, upright, C-contiguous.
        complaint: what was wrong with the file, None if nothing was.
        peak: the highest value of a 16-bit file that was scaled by `depth`, None of any other.
    """

    pixels: np.ndarray
    complaint: str | None = None
    peak: int | None = None


def decode_image(
    data: bytes,
    header: JpegHeader | None,
    *,
    max_side: int = 0,
    depth: int = 16,
    keep_truncated: bool = False,
    max_pixels: int = MAX_PIXELS,
) -> Decoded:
    """Decodes, turns upright and shrinks.

    Args:
        data: the file, of a JPEG one that `check_scans` has passed.
        header: of a JPEG, else None.
        max_side: longer side of the result in pixels, 0 for any; smaller images stay as they
            are. A JPEG at least twice as large is reduced already inside the decoder, by its
            inverse DCT.
        depth: bits that 16-bit files hold.
        keep_truncated: fill what is missing of a damaged file, instead of refusing it.
        max_pixels: of the decoded image, before it is shrunk further.

    Raises:
        BadImageError: damaged, empty, too large or of an unknown format; with the reason of each
            decoder.
    """
    complaint = None
    check = partial(check_pixels, most=max_pixels)
    if header is not None and header.precision == 8 and len(header.components) in (1, 3):
        try:
            image, complaint = _decode_jpeg(data, header, max_side, check)
        except _NotByLibjpeg as error:
            complaint = str(error)
            if error.is_painted_over and not keep_truncated:
                _refuse_damage(data, depth, complaint, check)
        else:
            image = turn_upright(image, header.orientation)
            size = fitting_size(*header.upright_size, max_side)
            pixels = np.ascontiguousarray(resize_image(image, *size))
            return Decoded(pixels=pixels, complaint=complaint)
    try:
        picture = read_picture(data, depth=depth, keep_truncated=keep_truncated, check_size=check)
    except ValueError as error:
        hint = f" ({KEEP})" if "truncated" in str(error) and not keep_truncated else ""
        raise BadImageError(_both(complaint, error) + hint) from None
    height, width = picture.pixels.shape[:2]
    size = fitting_size(height, width, max_side)
    return Decoded(
        pixels=np.ascontiguousarray(resize_image(picture.pixels, *size)),
        complaint=_told(complaint, picture.fault),
        peak=picture.peak,
    )


def check_jpeg(data: bytes) -> None:
    """Decodes all of a JPEG's entropy-coded data and throws the result away.

    The image is reduced to an eighth: the decoder still reads every coefficient of every block,
    so that damage shows just as in a full decode, and saves the inverse DCT.

    Raises:
        BadImageError: any damage, also such as a decoder would paint over.
    """
    try:
        simplejpeg.decode_jpeg(data, min_height=1, min_width=1, min_factor=8)
    except ValueError as error:
        raise BadImageError(_reason(error)) from None


def decode_strictly(data: bytes) -> np.ndarray:
    """A JPEG's pixels as stored, (H, W, 3) uint8 RGB.

    Raises:
        BadImageError: any damage, also such as a decoder would paint over.
    """
    try:
        return simplejpeg.decode_jpeg(data)
    except ValueError as error:
        raise BadImageError(_reason(error)) from None


def mend_strictly(data: bytes) -> tuple[bytes, np.ndarray]:
    """A JPEG without what libjpeg-turbo warns of, as far as that is none of its image data.

    Returns:
        Its bytes, and its pixels as stored, (H, W, 3) uint8 RGB.

    Raises:
        BadImageError: with what it still warns of.
    """
    mended = mend_jpeg(data) or data
    try:
        return mended, simplejpeg.decode_jpeg(mended)
    except ValueError as error:
        complaint = _reason(error)
        stray = _STRAY_END.search(str(error))
    cut = None if stray is None else cut_stray_end(mended, int(stray[1]))
    if cut is None:
        raise BadImageError(complaint)
    return cut, decode_strictly(cut)


def fitting_size(height: int, width: int, max_side: int) -> tuple[int, int]:
    """Height and width of an image once its longer side is at most `max_side` (0: any)."""
    if not max_side or max(height, width) <= max_side:
        return height, width
    scale = max_side / max(height, width)
    return max(1, round(height * scale)), max(1, round(width * scale))


class _NotByLibjpeg(Exception):
    """libjpeg-turbo refuses a JPEG, or would paint something over it.

    Attributes:
        is_painted_over: whether it would.
    """

    def __init__(self, complaint: str, is_painted_over: bool) -> None:
        super().__init__(complaint)
        self.is_painted_over = is_painted_over


def _decode_jpeg(
    data: bytes, header: JpegHeader, max_side: int, check: CheckSize
) -> tuple[np.ndarray, str | None]:
    """Pixels as stored, and what was wrong with the header where it had to be mended."""
    try:
        return _decode_reduced(data, header, max_side, check), None
    except ValueError as error:
        complaint = _reason(error)
    try:
        mended, _ = mend_strictly(data)
    except BadImageError as error:
        damaged = bool(_PAINTED_OVER.search(str(error)))
        # libjpeg tells its first warning only: behind a harmless one there may be damage.
        told = damaged and not complaint.startswith("Premature end")
        raise _NotByLibjpeg(str(error) if told else complaint, damaged) from None
    return _decode_reduced(mended, header, max_side, check), complaint


def _decode_reduced(data: bytes, header: JpegHeader, max_side: int, check: CheckSize) -> np.ndarray:
    longest = max(header.width, header.height)
    factor = 1
    while max_side and factor < 8 and longest >= 2 * factor * max_side:
        factor *= 2
    size = -(-header.height // factor), -(-header.width // factor)
    check(size)
    least = {"min_height": size[0], "min_width": size[1]}
    return simplejpeg.decode_jpeg(data, min_factor=factor, **(least if factor > 1 else {}))


def _refuse_damage(data: bytes, depth: int, complaint: str, check: CheckSize) -> None:
    """Refuses a JPEG whose image data are damaged, with what PIL makes of it.

    Raises:
        BadImageError: always.
    """
    try:
        read_picture(data, depth=depth, check_size=check)
    except ValueError as error:
        raise BadImageError(f"{_both(complaint, error)} ({KEEP})") from None
    raise BadImageError(f"{complaint}; PIL paints something over it ({KEEP})")


def _both(complaint: str | None, error: Exception) -> str:
    said = _in_general(str(error))
    return said if complaint is None else f"{complaint}; PIL: {said}"


def _told(complaint: str | None, fault: str | None) -> str | None:
    """What a summary says of a file that PIL has decoded after a complaint, or filled."""
    if fault is not None:
        return f"{complaint or _in_general(fault)}: what is missing filled by PIL"
    return None if complaint is None else f"{complaint}: decoded by PIL"


def check_pixels(size: tuple[int, int], most: int) -> None:
    """Refuses a height and width of no pixels, or of more than `most`.

    Raises:
        BadImageError: saying so.
    """
    height, width = size
    if width * height > most:
        raise BadImageError(f"{width}x{height} pixels are more than {most}, see --max-pixels")
    if width < 1 or height < 1:
        raise BadImageError("it has no pixels")


def _reason(error: Exception) -> str:
    """libjpeg-turbo's words, without the name of its function that says them."""
    text = re.sub(r"^(tj\w+\(\): |Warning: )", "", one_line(error))
    return _in_general(text) or type(error).__name__


def _in_general(reason: str) -> str:
    """Without what differs from file to file, so that files of one fault are counted together."""
    return _OF_ONE_FILE.sub("", reason)

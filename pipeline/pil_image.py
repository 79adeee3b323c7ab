"""Reads image files of any format through PIL: their size and their pixels, upright, 8-bit RGB.

Folder, packer and the reference decoder all come here, so that they cannot disagree. Which way up
a JPEG belongs, pipeline.jpeg_header says; PIL says it of all others.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, Any

import numpy as np
from PIL import Image, ImageFile

from headrace.pipeline.file_kinds import HEAD_BYTES, missing_package
from headrace.pipeline.installed import is_installed
from headrace.pipeline.jpeg_header import JpegHeader, parse_jpeg_header, turn_upright
from headrace.pipeline.pil_open import opened
from headrace.pipeline.sixteen_bit import rawmode_of, to_eight_bits
from headrace.pipeline.to_rgb import to_rgb
from headrace.pipeline.wording import one_line

_TIFF_WIDTH, _TIFF_LENGTH, _ORIENTATION = 0x0100, 0x0101, 0x0112
_END_OF_IMAGE = b"\xff\xd9"
# PIL does not mind a missing end of image once it has all lines. Who gets as far as this has missed
# it, and libjpeg takes no second frame header. It is longer than any segment may lead.
_SECOND_FRAMES = b"\xff\xc0" * 40_000
_PNG_SIGNATURE_BYTES = 8
_FEW_LEVELS = {"L;2": 85, "L;4": 17}
"""Grays of 2 and 4 bits, and what PIL multiplies them by; not so the one that is seen through."""
_PNG_METADATA = (b"eXIf", b"tEXt", b"zTXt", b"iTXt")


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A decoded file.

    Attributes:
        pixels: (H, W, 3) uint8 RGB, upright.
        peak: the highest value that was scaled by `depth`, None if none was.
        fault: what PIL said of a damaged file whose missing part was filled; None of a whole one.
    """

    pixels: np.ndarray
    peak: int | None = None
    fault: str | None = None


def read_size(path: Path, jpeg: JpegHeader | None) -> tuple[int, int]:
    """Height and width of a file once it is upright, from its header alone.

    Args:
        path: the file.
        jpeg: its header if it is a JPEG.

    Raises:
        ValueError: PIL cannot open it.
    """
    _register_plugins()
    try:
        with opened(path) as image:
            return _upright_size(image, jpeg)
    except Exception as error:
        raise ValueError(_reason(error)) from None


def read_picture(
    data: bytes,
    *,
    depth: int = 16,
    keep_truncated: bool = False,
    check_size: Callable[[tuple[int, int]], None] = lambda size: None,
) -> Picture:
    """Decodes a file, of several pictures the first.

    Args:
        data: the file.
        depth: bits that a 16-bit PNG or TIFF holds.
        keep_truncated: fill what is missing of a damaged file, as PIL does with its
            LOAD_TRUNCATED_IMAGES (which is the whole process's, and so is left alone).
        check_size: given height and width of the upright image before anything is decoded; what
            it raises passes through.

    Raises:
        ValueError: PIL cannot read it, or its pixels have no known range.
    """
    _register_plugins()
    try:
        with opened(io.BytesIO(data)) as image:
            size = _upright_size(image, parse_jpeg_header(data))
    except Exception as error:
        raise ValueError(missing_package(data[:HEAD_BYTES]) or _reason(error)) from None
    check_size(size)
    try:
        return _decode(data, depth)
    except MemoryError:
        raise
    except Exception as error:
        fault = _reason(error)
    if keep_truncated:
        try:
            return _decode_what_is_there(data, depth, fault)
        except MemoryError:
            raise
        except Exception as error:
            raise ValueError(_reason(error)) from None
    raise ValueError(fault)


def read_stored_jpeg(data: bytes) -> np.ndarray:
    """Decodes a JPEG as it is stored, whatever its metadata say of its orientation.

    Args:
        data: the file.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        ValueError: PIL cannot read it as a JPEG, or finds another size, or it has no end.
    """
    header = parse_jpeg_header(data)
    try:
        with opened(io.BytesIO(data + _SECOND_FRAMES), formats=["JPEG"]) as image:
            # PIL goes on behind an end without an image, where a far larger one may be.
            if header is None or image.size != (header.width, header.height):
                raise ValueError("its header says nothing certain of its size")
            image.decodermaxblock = len(data) + len(_SECOND_FRAMES)  # all at once, to be seen
            return to_rgb(image)
    except MemoryError:
        raise
    except Exception as error:
        raise ValueError(_reason(error)) from None


def _upright_size(image: Image.Image, jpeg: JpegHeader | None) -> tuple[int, int]:
    """Height and width that an opened image has once it is upright."""
    if jpeg is not None:
        return jpeg.upright_size
    tags = getattr(image, "tag_v2", None)
    if image.format == "TIFF" and tags is not None:
        # Versions of PIL differ in whether the size of a TIFF is that before or after the turn.
        width, height = int(tags[_TIFF_WIDTH]), int(tags[_TIFF_LENGTH])
    else:
        width, height = image.size
    if _orientation(image, None) in (5, 6, 7, 8):
        width, height = height, width
    return height, width


def _decode(data: bytes, depth: int) -> Picture:
    with opened(io.BytesIO(data)) as image:
        tiles = list(image.tile)
        image.load()
        return _picture(image, tiles, data, depth)


def _decode_what_is_there(data: bytes, depth: int, fault: str) -> Picture:
    if data[:2] == b"\xff\xd8":
        data += _END_OF_IMAGE  # libjpeg fills up to here
    with opened(io.BytesIO(data)) as image:
        # Without its low bytes, a 16-bit colour image can only be taken by its high ones.
        tiles = list(image.tile) if depth != 16 else []
        try:
            image.load()
        except (OSError, SyntaxError, IndexError, EOFError):
            image.tile = []  # what was decoded stands in the image; to PIL it is loaded now
        picture = _picture(image, tiles, data, depth)
    return Picture(pixels=picture.pixels, peak=picture.peak, fault=fault)


def _picture(image: ImageFile.ImageFile, tiles: list[Any], data: bytes, depth: int) -> Picture:
    """Of an image that has been loaded; a TIFF was turned by that, and now says so."""
    orientation = _orientation(image, parse_jpeg_header(data))
    if tiles and isinstance(clear := image.info.get("transparency"), int):
        image.info["transparency"] = clear * _FEW_LEVELS.get(rawmode_of(tiles[0]), 1)
    plain, peak = to_eight_bits(image, tiles, data, depth)
    pixels = turn_upright(to_rgb(plain), orientation)
    return Picture(pixels=np.ascontiguousarray(pixels), peak=peak)


def _orientation(image: Image.Image, jpeg: JpegHeader | None) -> int:
    """1..8; see pipeline.jpeg_header.turn_upright."""
    if jpeg is not None:
        return jpeg.orientation
    try:
        found = _exif(image).get(_ORIENTATION)
    except Warning:  # where filters make errors of them: what PIL had gone on to read is not known
        raise
    except Exception:  # broken metadata: the pixels count
        return 1
    return found if isinstance(found, int) and 1 <= found <= 8 else 1


def _exif(image: Any) -> Image.Exif:
    """As PIL has it. It decodes every PNG first, for what may stand behind the pixels."""
    if image.format == "PNG" and image.tile and not _has_metadata_behind_pixels(image.fp):
        return Image.Image.getexif(image)
    return image.getexif()


def _has_metadata_behind_pixels(png: IO[bytes]) -> bool:
    """From the chunks' headers alone; after the PNG specification, 5.3."""
    place, pixels = png.tell(), False
    png.seek(_PNG_SIGNATURE_BYTES)
    while len(head := png.read(8)) == 8:
        length, kind = struct.unpack(">I4s", head)
        pixels = pixels or kind == b"IDAT"
        if kind == b"IEND" or (pixels and kind in _PNG_METADATA):
            break
        png.seek(length + 4, io.SEEK_CUR)
    png.seek(place)
    return pixels and len(head) == 8 and kind != b"IEND"


@cache
def _register_plugins() -> None:
    """Teaches PIL the formats of the packages that are installed for it."""
    if is_installed("pillow_heif"):
        import pillow_heif

        pillow_heif.register_heif_opener()
    if is_installed("pillow_jxl"):
        import pillow_jxl  # noqa: F401


def _reason(error: Exception) -> str:
    if isinstance(error, Image.UnidentifiedImageError):
        return "not an image of a known format"
    text = one_line(error)
    plain = isinstance(error, (OSError, SyntaxError, ValueError)) and text
    return text if plain else f"{type(error).__name__}: {text}".rstrip(": ")

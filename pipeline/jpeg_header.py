"""Reads a JPEG's header: its size, its orientation and how it is coded, without decoding.

This is the one place that tells a JPEG from something else, how large it is and which way up it
belongs: packer, folder and every loader ask here, since libraries differ in what they make of
unusual metadata.

Marker layout after ITU-T T.81 annex B; the Adobe segment after Adobe Technical Note 5116; the
orientation tag after EXIF 2.3, 4.6.4, and after XMP part 2, 2.3 (tiff:Orientation) where EXIF has
none, as browsers and PIL do.
"""

from __future__ import annotations

import re
import struct
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import simplejpeg

_SOF_BASELINE, _SOF_EXTENDED = 0xC0, 0xC1
_NOT_FRAMES = (0xC4, 0xC8, 0xCC)  # DHT, JPG and DAC lie among the frame markers
_SOI, _SOS, _EOI, _APP1, _APP14 = 0xD8, 0xDA, 0xD9, 0xE1, 0xEE
_STANDALONE = (0x01, *range(0xD0, 0xD8))  # TEM and RSTn carry no length
_ORIENTATION_TAG = 0x0112
_MOST_PX_PER_BYTE, _NOT_ASKED_PX = 1024, 1 << 26
_SHORT, _LONG = 3, 4  # EXIF types; an orientation should be a SHORT
_TYPE_FORMATS = {_SHORT: "H", _LONG: "I"}
_MARKER = re.compile(rb"\xff[^\xff]", re.DOTALL)  # not `\xff+`, which takes n² steps
_EXIF, _XMP = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0"
_XMP_ORIENTATION = re.compile(rb"""tiff:Orientation(?:=["']|>)([0-9])""")
# Sampling factors (luma, then both chroma 1x1) that every decoder in use knows.
_COMMON_SAMPLING = (0x11, 0x21, 0x12, 0x22, 0x41)


@dataclass(frozen=True, kw_only=True)
class JpegHeader:
    """What a JPEG says of itself before its image data.

    Attributes:
        width, height: pixels as stored, before any rotation.
        sof: low byte of the frame marker; 0xC0 baseline, 0xC1 extended, 0xC2 progressive.
        precision: bits per component.
        components: (identifier, sampling byte) of each.
        adobe_transform: colour transform of the Adobe segment, None without one.
        orientation: as EXIF numbers it, 1..8; see `turn_upright`.
        is_orientation_plain: whether every library reads that orientation out of the file: it
            stands where it should, or nowhere.
        is_clean: whether nothing but segments lies before the image data, and image data do follow.
    """

    width: int
    height: int
    sof: int
    precision: int
    components: tuple[tuple[int, int], ...]
    adobe_transform: int | None
    orientation: int
    is_orientation_plain: bool
    is_clean: bool

    @property
    def upright_size(self) -> tuple[int, int]:
        """Height and width in pixels once it is turned upright."""
        swapped = self.orientation >= 5
        return (self.width, self.height) if swapped else (self.height, self.width)

    @property
    def is_plain(self) -> bool:
        """Whether every decoder shows it alike: 8-bit Huffman-coded sequential gray or YCbCr in a
        common sampling, upright."""
        if self.sof not in (_SOF_BASELINE, _SOF_EXTENDED) or self.precision != 8:
            return False
        if self.orientation != 1 or not self.width or not self.height:
            return False
        if len(self.components) == 1:
            return True
        if len(self.components) != 3 or self.adobe_transform == 0:
            return False
        identifiers = tuple(identifier for identifier, _ in self.components)
        luma, *chroma = (sampling for _, sampling in self.components)
        return identifiers != tuple(b"RGB") and luma in _COMMON_SAMPLING and chroma == [0x11, 0x11]


def most_pixels(num_bytes: np.ndarray) -> np.ndarray:
    """How many px a JPEG of so many bytes can have at most; both int64.

    Huffman codes take at least a bit for each block of 64 px. Small images are not asked: an
    arithmetic coder may spend next to nothing, and to decode them costs little.
    """
    return np.maximum(_NOT_ASKED_PX, _MOST_PX_PER_BYTE * num_bytes)


def jpeg_size(data: np.ndarray, upright: bool = False) -> tuple[int, int] | None:
    """Height and width in pixels; None if it is no JPEG.

    Args:
        data: (bytes,) uint8, the file.
        upright: once turned by its orientation, instead of as stored.
    """
    if not upright:
        with suppress(ValueError):  # no JPEG, or one that only its decoder knows
            height, width, _, _ = simplejpeg.decode_jpeg_header(data)
            return height, width
    header = parse_jpeg_header(data.data)
    if header is None:
        return None
    return header.upright_size if upright else (header.height, header.width)


def jpeg_orientation(data: np.ndarray) -> int:
    """How a JPEG, (bytes,) uint8, has to be turned: 1..8, see `turn_upright`."""
    header = parse_jpeg_header(data.data)
    return 1 if header is None else header.orientation


def parse_jpeg_header(data: bytes | memoryview) -> JpegHeader | None:
    """Reads up to the start of the image data.

    Of several EXIF segments the first that holds an orientation counts, as in PIL and browsers.

    Args:
        data: the file, or at least its beginning up to the image data.

    Returns:
        None if `data` is no JPEG or ends before its frame header.
    """
    if data[:3] != b"\xff\xd8\xff":
        return None
    position, size = 2, len(data)
    frame: tuple[int, bytes] | None = None
    adobe: int | None = None
    by_exif: int | None = None
    by_xmp: int | None = None
    plain = True
    clean, whole = True, False
    # libjpeg looks for the next marker too, and lets fill bytes stand before it.
    while (found_marker := _MARKER.search(data, position)) and found_marker.end() + 2 <= size:
        before, position = position, found_marker.start()
        clean = clean and bytes(data[before:position]) == b"\xff" * (position - before)
        marker = data[position + 1]
        if marker in (_SOI, _SOS, _EOI):
            whole = marker == _SOS
            break
        if marker == 0 or marker in _STANDALONE:
            clean = False
            position += 2
            continue
        length = data[position + 2] << 8 | data[position + 3]
        if length < 2:
            break
        body = position + 4
        end = position + 2 + length
        if 0xC0 <= marker <= 0xCF and marker not in _NOT_FRAMES:
            frame = frame or (marker, bytes(data[body:end]))
        elif marker == _APP1 and data[body : body + len(_EXIF)] == _EXIF:
            plain = plain and by_exif is None
            found, in_place = _exif_orientation(bytes(data[body + len(_EXIF) : end]))
            plain = plain and in_place
            by_exif = found if by_exif is None else by_exif
        elif marker == _APP1 and data[body : body + len(_XMP)] == _XMP:
            found = _xmp_orientation(bytes(data[body + len(_XMP) : end]))
            by_xmp = found if by_xmp is None else by_xmp
        elif marker == _APP14 and data[body : body + 5] == b"Adobe" and body + 12 <= min(end, size):
            adobe = data[body + 11]
        position = end
    turn = by_xmp if by_exif is None else by_exif
    plain = plain and not (by_exif is None and by_xmp is not None)
    turn = turn if turn is not None and 1 <= turn <= 8 else 1
    return _header(frame, adobe, turn, plain, clean and whole)


def turn_upright(image: np.ndarray, orientation: int) -> np.ndarray:
    """Turns and mirrors an image as its orientation asks.

    Args:
        image: (H, W, 3) as decoded.
        orientation: 1..8; 6 is a photo whose top is at the right side of the stored pixels.

    Returns:
        A view of `image`, (H, W, 3) or (W, H, 3).
    """
    if orientation in (5, 6, 7, 8):
        image = image.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    return image


def _header(
    frame: tuple[int, bytes] | None, adobe: int | None, turn: int, plain: bool, clean: bool
) -> JpegHeader | None:
    if frame is None or len(frame[1]) < 6:
        return None
    precision, height, width, count = struct.unpack(">BHHB", frame[1][:6])
    fields = frame[1][6:]
    if len(fields) < 3 * count:
        return None
    return JpegHeader(
        width=width,
        height=height,
        sof=frame[0],
        precision=precision,
        components=tuple((fields[3 * i], fields[3 * i + 1]) for i in range(count)),
        adobe_transform=adobe,
        orientation=turn,
        is_orientation_plain=plain,
        is_clean=clean,
    )


def _exif_orientation(tiff: bytes) -> tuple[int | None, bool]:
    """Orientation in a TIFF structure's first directory.

    Returns:
        The orientation, None where absent, 0 where senseless; and whether the directory is whole
        and has it, if at all, as the standard says.
    """
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None or len(tiff) < 8:
        return None, True
    (offset,) = struct.unpack_from(order + "I", tiff, 4)
    if offset + 2 > len(tiff):
        return None, True
    (count,) = struct.unpack_from(order + "H", tiff, offset)
    end = offset + 2 + 12 * count
    for entry in range(offset + 2, min(end, len(tiff) - 11), 12):
        tag, kind = struct.unpack_from(order + "HH", tiff, entry)
        if tag == _ORIENTATION_TAG:
            # The value lies left in its four bytes, whatever its own length and the byte order.
            form = _TYPE_FORMATS.get(kind)
            value = int(struct.unpack_from(order + form, tiff, entry + 8)[0]) if form else 0
            return value, kind == _SHORT and end <= len(tiff)
    return None, end <= len(tiff)


def _xmp_orientation(packet: bytes) -> int | None:
    found = _XMP_ORIENTATION.search(packet)
    return int(found[1]) if found else None

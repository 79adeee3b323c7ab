"""Reads a JPEG's header: what the passthrough decision needs, without decoding.

Marker layout after ITU-T T.81 annex B; the Adobe segment after Adobe Technical Note 5116; the
orientation tag after EXIF 2.3, 4.6.4.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

_SOF_BASELINE, _SOF_EXTENDED = 0xC0, 0xC1
_NOT_FRAMES = (0xC4, 0xC8, 0xCC)  # DHT, JPG and DAC lie among the frame markers
_SOS, _EOI, _APP1, _APP14 = 0xDA, 0xD9, 0xE1, 0xEE
_ORIENTATION_TAG = 0x0112
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
        orientation: EXIF orientation, 1..8.
    """

    width: int
    height: int
    sof: int
    precision: int
    components: tuple[tuple[int, int], ...]
    adobe_transform: int | None
    orientation: int

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


def parse_jpeg_header(data: bytes) -> JpegHeader | None:
    """Reads up to the start of the image data.

    Returns:
        None if `data` is no JPEG or ends before its frame header.
    """
    if data[:3] != b"\xff\xd8\xff":
        return None
    position, size = 2, len(data)
    frame: tuple[int, bytes] | None = None
    adobe: int | None = None
    orientation = 1
    while position + 4 <= size:
        if data[position] != 0xFF:
            break  # garbage between segments: let the decoder judge
        marker = data[position + 1]
        if marker == 0xFF:  # fill byte
            position += 1
            continue
        if marker in (_SOS, _EOI):
            break
        length = data[position + 2] << 8 | data[position + 3]
        if length < 2:
            break
        body = position + 4
        end = position + 2 + length
        if 0xC0 <= marker <= 0xCF and marker not in _NOT_FRAMES:
            frame = marker, data[body:end]
        elif marker == _APP1 and data[body : body + 6] == b"Exif\0\0":
            orientation = _exif_orientation(data[body + 6 : end])
        elif marker == _APP14 and data[body : body + 5] == b"Adobe" and end - body >= 12:
            adobe = data[body + 11]
        position = end
    return _header(frame, adobe, orientation)


def _header(frame: tuple[int, bytes] | None, adobe: int | None, turn: int) -> JpegHeader | None:
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
    )


def _exif_orientation(tiff: bytes) -> int:
    """Orientation in a TIFF structure's first directory; 1 where absent or impossible."""
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None or len(tiff) < 8:
        return 1
    (offset,) = struct.unpack_from(order + "I", tiff, 4)
    if offset + 2 > len(tiff):
        return 1
    (count,) = struct.unpack_from(order + "H", tiff, offset)
    for entry in range(offset + 2, min(offset + 2 + 12 * count, len(tiff) - 11), 12):
        tag, _, _, value = struct.unpack_from(order + "HHIH", tiff, entry)
        if tag == _ORIENTATION_TAG:
            return value if 1 <= value <= 8 else 1
    return 1

"""Writes a JPEG's header anew, so that libjpeg has nothing to warn of but its image data.

Metadata (EXIF, ICC profiles, comments) and stray bytes are left away, a JFIF or Adobe segment is
put as every reader knows it, and so are the spectral parameters of a sequential scan, which some
cameras leave at zero. The image data stay what they are, bit for bit. After ITU-T T.81 annex B and
the warnings in libjpeg-turbo's jerror.h.
"""

from __future__ import annotations

import re
import struct

_SOI, _EOI, _SOS, _APP0, _APP14, _COM = 0xD8, 0xD9, 0xDA, 0xE0, 0xEE, 0xFE
_SEQUENTIAL = (0xC0, 0xC1)
_FRAMES = (*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0))
_JFIF = b"\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0"
_MARKER = re.compile(rb"\xff[^\x00\xff]", re.DOTALL)
_ADOBE_BYTES = 12
_WHOLE_SPECTRUM = b"\0\x3f\0"


def mend_jpeg(data: bytes) -> bytes | None:
    """The same image under a plain header.

    Args:
        data: the file.

    Returns:
        None if no header can be made out.
    """
    out = [b"\xff\xd8"]
    position, frame, components = 2, 0, 0
    while (found := _MARKER.search(data, position)) and found.end() + 2 <= len(data):
        position = found.start()
        marker = data[position + 1]
        if marker == 1 or 0xD0 <= marker <= _SOI:  # markers without a length
            position += 2
            continue
        if marker == _EOI:
            return None
        end = position + 2 + (data[position + 2] << 8 | data[position + 3])
        if end < position + 4 or end > len(data):
            return None
        segment = data[position:end]
        if marker == _SOS:
            if not frame:
                return None
            return b"".join(out) + _scans(data[position:], sequential=frame in _SEQUENTIAL)
        if marker in _FRAMES:
            frame, components = marker, segment[9] if len(segment) > 9 else 0
        out.append(_plain(marker, segment, components))
        position = end
    return None


def _plain(marker: int, segment: bytes, components: int) -> bytes:
    """A segment as every reader knows it; nothing of metadata."""
    body = segment[4:]
    if marker == _APP0 and body[:5] == b"JFIF\0" and len(body) >= 14:
        return _JFIF
    if marker == _APP14 and body[:5] == b"Adobe" and len(body) >= _ADOBE_BYTES:
        # As libjpeg takes an unknown colour transform. The frame may still come behind it.
        known = (0, 1, 2) if components != 3 else (0, 1)
        transform = body[11] if body[11] in known else 2 if components == 4 else 1
        return segment[:2] + struct.pack(">H", 2 + _ADOBE_BYTES) + body[:11] + bytes([transform])
    if marker == _COM or _APP0 <= marker <= 0xEF:
        return b""
    return segment


def _scans(data: bytes, *, sequential: bool) -> bytes:
    """Everything from the first scan on, ended by an end of image."""
    changed = bytearray(data)
    start = 0
    while sequential and start >= 0:
        (length,) = struct.unpack_from(">H", changed, start + 2) if start + 4 <= len(data) else (0,)
        if length >= 6 and start + 2 + length <= len(data):
            changed[start + length - 1 : start + length + 2] = _WHOLE_SPECTRUM
        start = changed.find(b"\xff\xda", start + 2)
    if b"\xff\xd9" not in changed:
        changed += b"\xff\xd9"
    return bytes(changed)

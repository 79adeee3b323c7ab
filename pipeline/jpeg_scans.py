"""Tells a JPEG whose scans are so many that it would be decoded for minutes, before it is.

A progressive JPEG sends its coefficients in scans, each of which passes over the whole image, and
may be 14 bytes long. Encoders make some 10 of them, the standard allows near a thousand for each
component, and libjpeg does not count. Marker layout after ITU-T T.81 annex B.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

MOST_SCANS, LEAST_SCANS = 100, 20
"""Of an image where they matter, and of one of any size; mozjpeg, which optimises them, makes a
dozen."""
# Pixels times scans: a scan that codes something costs 2 to 3 ns a pixel, so that this is about 6 s
# of a core, and LEAST_SCANS of the largest image that is packed by default are about 10.
_MOST_SCANNED_PX = 2_500_000_000
# Bytes times pixels. Scans at their shortest cost 0.4 ns a pixel and core: below this, all that a
# file has room for take less than 5 s, and nobody looks.
_NEVER_SLOW = 1 << 37
_SOS, _EOI = 0xDA, 0xD9
_ONE_SCAN_FRAMES = (0xC0, 0xC1, 0xC3, 0xC9, 0xCB)
_SEQUENCE_FRAMES = (*_ONE_SCAN_FRAMES, 0xC2, 0xCA)
_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd7\xff]", re.DOTALL)


def check_scans(data: bytes | np.ndarray, height: int, width: int) -> None:
    """Refuses what `has_too_many_scans`.

    Raises:
        ValueError: saying so.
    """
    if has_too_many_scans(data, height, width):
        raise ValueError(
            f"{width}x{height} pixels in more than {most_scans(height, width)} scans take too long "
            "to decode; save it anew with fewer"
        )


def most_scans(height: int, width: int) -> int:
    """Of a JPEG of so many px, where scans matter in it."""
    return max(LEAST_SCANS, min(MOST_SCANS, _MOST_SCANNED_PX // max(1, height * width)))


def is_large(num_bytes: Any, height: Any, width: Any) -> Any:
    """Whether scans may matter in a JPEG of so many bytes and px.

    Args:
        num_bytes, height, width: ints, or (n,) arrays of which one is float64, lest they overflow.
    """
    return num_bytes * height * width > _NEVER_SLOW


def has_too_many_scans(data: bytes | np.ndarray, height: int, width: int) -> bool:
    """Whether a JPEG is large enough for its scans to matter, and has more than `most_scans`.

    Args:
        data: the file, bytes or (bytes,) uint8; of another format it has none.
        height, width: that it announces, px.
    """
    if not is_large(len(data), height, width):
        return False
    first = _first_scan(memoryview(data) if isinstance(data, bytes) else data.data)
    if first is None:
        return False
    data, most = bytes(data), most_scans(height, width)
    if data.count(b"\xff\xda", first) <= most:
        return False
    # Exactly, since a video or another picture may stand behind the end.
    place, scans = first, 0
    while scans <= most:
        found = _MARKER.search(data, place)
        if found is None or data[found.end() - 1] == _EOI:
            return False
        scans += data[found.end() - 1] == _SOS
        place = found.end() + max(2, int.from_bytes(data[found.end() : found.end() + 2], "big"))
    return True


def _first_scan(data: memoryview) -> int | None:
    """Where the first of several scans begins; None of what has only one, or is no JPEG."""
    if data[:2] != b"\xff\xd8":
        return None
    place, frame, components = 2, 0, 0
    while found := _MARKER.search(data, place):
        marker, body = data[found.end() - 1], found.end() + 2
        if marker == _EOI:
            return None
        if marker == _SOS:
            whole = frame in _ONE_SCAN_FRAMES and data[body : body + 1] == bytes([components])
            return None if whole else found.start()
        if marker in _SEQUENCE_FRAMES and len(data) > body + 5:
            frame, components = marker, data[body + 5]
        place = found.end() + max(2, int.from_bytes(data[found.end() : body], "big"))
    return None

"""JPEGs that nobody makes in earnest: cut at each marker, lying lengths and sizes, rare coding."""

from __future__ import annotations

import base64
import io
import struct
from collections.abc import Iterator

import numpy as np
from PIL import Image

from headrace.bench.studies.jpeg_kinds import all_kinds, picture

# 48x40 px by `cjpeg -arithmetic`, sequential and progressive.
_ARITHMETIC = (
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAA0JCgsKCA0LCgsODg0PEyAVExISEyccHhcgLikxMC4pLSwzOko+"
    "MzZGNywtQFdBRkxOUlNSMj5aYVpQYEpRUk//2wBDAQ4ODhMREyYVFSZPNS01T09PT09PT09PT09PT09PT09P"
    "T09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT0//yQARCAAoADADASIAAhEBAxEB/8wACgAQEAUBEBEF"
    "/9oADAMBAAIRAxEAPwDOoVX/AHCpAsyOCJi2ZfE0/bAxxIbqcE8zieusg4nkHJr6q7jAN+/irE9jBLRBlrry"
    "VDKFjyuXtZw+ipPtDw98CLTagoejTXPlTv8AqGpH14tXFJR0Gxe556efOC0SD067WlT3FCKrzzh48beb2wu2"
    "6fFGUG90f2VcX5pvZO6t7M2LkiH21+1CJMXsymEkKMC5g+Q4LIuGZ8ssIcNQpCpvVRe+1f/Z"
)
_ARITHMETIC_PROGRESSIVE = (
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAA0JCgsKCA0LCgsODg0PEyAVExISEyccHhcgLikxMC4pLSwzOko+"
    "MzZGNywtQFdBRkxOUlNSMj5aYVpQYEpRUk//2wBDAQ4ODhMREyYVFSZPNS01T09PT09PT09PT09PT09PT09P"
    "T09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT0//ygARCAAoADADASIAAhEBAxEB/8wABgAQARD/2gAM"
    "AwEAAhADEAAAAcoHGHrDxmJuU5Zny0GaF3fKkqHXGhmAHSK0R2yLI7kbgP/MAAQQBf/aAAgBAQABBQLrokD/"
    "zAAEEQX/2gAIAQMBAT8BhNjZrFKmGJfLMiBlATX5pzJw/8wABBEF/9oACAECAQE/ASbu2FQC/8wABBAF/9oA"
    "CAEBAAY/ArD/zAAEEAX/2gAIAQEAAT8ho9rf4hbbTQTGQP/aAAwDAQACAAMAAAAQF/GayKDIDv/MAAQRBf/a"
    "AAgBAwEBPxDN2IKL6P3HESjFxYRzDbHA/8wABBEF/9oACAECAQE/EEXWK65Bat9YuZtE/8wABBAF/9oACAEB"
    "AAE/EFXrLc2McU5VqL4nURZ8b8eNDjOyBGC+3t55RwYxIJLzG2Q6IULufqR+YZr88E6HH+nBgP/Z"
)
_FRAMES = (0xC0, 0xC1, 0xC2, 0xC3)


def hostile_jpegs() -> dict[str, bytes]:
    """File names to contents; those of `all_kinds` too, as far as they can be names."""
    plain, progressive, gray = _encoded(), _encoded(progressive=True), _encoded("L")
    files = {f"{name.replace(':', '').replace('.', ' ')}.jpg": d for name, d in all_kinds().items()}
    files |= dict(_cut_at_markers("baseline", plain))
    files |= dict(_cut_at_markers("progressive", progressive))
    files |= dict(_with_wrong_lengths(plain))
    for height, width in ((65535, 65535), (65500, 1), (1, 65500), (0, 9), (9, 0), (0, 0)):
        files[f"says {height} by {width}.jpg"] = with_size(plain, height, width)
        files[f"progressive says {height} by {width}.jpg"] = with_size(progressive, height, width)
    files["one pixel.jpg"] = _encoded(pixels=picture()[:1, :1])
    for orientation in range(10):
        files[f"turned {orientation}.jpg"] = _encoded(orientation=orientation)
    files |= {
        "arithmetic.jpg": base64.b64decode(_ARITHMETIC),
        "arithmetic progressive.jpg": base64.b64decode(_ARITHMETIC_PROGRESSIVE),
        "12 bits in earnest.jpg": flat_jpeg(40, 48, sof=0xC1, precision=12),
        "lossless.jpg": lossless_jpeg(40, 48),
        "a thousand scans.jpg": flat_jpeg(40, 48, sof=0xC2, num_scans=1000),
        "a hundred scans.jpg": flat_jpeg(40, 48, sof=0xC2, num_scans=100),
        "a thousand empty scans.jpg": with_empty_scans(gray, 1000),
        "restart in each block.jpg": _encoded(restart_marker_blocks=1),
        "restarts out of order.jpg": _encoded(restart_marker_blocks=3).replace(
            b"\xff\xd1", b"\xff\xd5"
        ),
        "garbage behind.jpg": plain + bytes(range(256)) * 40,
        "a second image behind.jpg": plain + progressive,
        "many scans behind.jpg": plain + b"\xff\xda" * 5000,
        "several pictures.mpo": _mpo(),
        "empty.jpg": b"",
        "two bytes.jpg": plain[:2],
        "three bytes.jpg": plain[:3],
        "two frames.jpg": _with_two_frames(plain),
        "nothing but markers.jpg": b"\xff\xd8" + b"\xff" * 100_000,
        "a long comment.jpg": plain[:2] + (b"\xff\xfe\xff\xff" + bytes(65533)) * 20 + plain[2:],
    }
    return files


def flat_jpeg(
    height: int, width: int, *, sof: int, precision: int = 8, num_scans: int = 1
) -> bytes:
    """A gray of one level in as few bytes as there can be; more scans than one refine nothing.

    Every scan is as the standard wants it, at most 896: then they begin anew.

    Args:
        height, width: px.
        sof: low byte of the frame marker: 0xC1 sequential, 0xC2 progressive.
        precision: bits.
        num_scans: of a progressive one.
    """
    blocks = -(-height // 8) * -(-width // 8)
    out = [b"\xff\xd8", _segment(0xDB, b"\0" + b"\1" * 64)]
    out.append(_segment(sof, struct.pack(">BHHB", precision, height, width, 1) + b"\1\x11\0"))
    run = min(14, blocks.bit_length() - 1)
    progressive = sof == 0xC2
    out += [_huffman(0x00, 0), _huffman(0x10, run << 4 if progressive else 0)]
    if not progressive:
        return b"".join([*out, _scan((0, 63, 0, 0)), _zeros(2 * blocks), b"\xff\xd9"])
    for number in range(num_scans):
        place, bit = divmod(number % 896, 14)
        spectrum = (place, place, 0 if bit == 0 else 14 - bit, 13 - bit)
        # A refined bit, the code of a difference of 0, or that of a run with as many bits.
        bits = blocks if place == 0 else -(-blocks // (1 << run)) * (1 + run)
        out += [_scan(spectrum), _zeros(bits)]
    return b"".join([*out, b"\xff\xd9"])


def lossless_jpeg(height: int, width: int) -> bytes:
    """A gray of one level by the lossless process: every difference is 0."""
    frame = _segment(0xC3, struct.pack(">BHHB", 8, height, width, 1) + b"\1\x11\0")
    scan = _scan((1, 0, 0, 0)) + _zeros(height * width)
    return b"\xff\xd8" + frame + _huffman(0x00, 0) + scan + b"\xff\xd9"


def with_size(jpeg: bytes, height: int, width: int) -> bytes:
    """A JPEG whose frame header announces another size."""
    (place,) = (p for p, marker in segments(jpeg) if marker in _FRAMES)
    return jpeg[: place + 5] + struct.pack(">HH", height, width) + jpeg[place + 9 :]


def with_empty_scans(jpeg: bytes, count: int) -> bytes:
    """A JPEG whose scan header comes again and again, with nothing behind it."""
    place = jpeg.index(b"\xff\xda")
    header = jpeg[place : place + 2 + struct.unpack_from(">H", jpeg, place + 2)[0]]
    return jpeg[:-2] + header * count + jpeg[-2:]


def segments(jpeg: bytes) -> Iterator[tuple[int, int]]:
    """Place and low byte of every marker up to the end of the image."""
    place = 2
    while place + 1 < len(jpeg):
        marker = jpeg[place + 1]
        if jpeg[place] != 0xFF or marker in (0, 0xFF) or 0xD0 <= marker <= 0xD7:
            place += 1  # image data
            continue
        yield place, marker
        if marker == 0xD9:
            return
        place += 2 + struct.unpack_from(">H", jpeg, place + 2)[0]


def _cut_at_markers(name: str, jpeg: bytes) -> Iterator[tuple[str, bytes]]:
    for number, (place, marker) in enumerate(segments(jpeg)):
        for more in (0, 2, 5):
            yield f"{name} cut at {number} {marker:02x} and {more}.jpg", jpeg[: place + more]


def _with_wrong_lengths(jpeg: bytes) -> Iterator[tuple[str, bytes]]:
    for number, (place, marker) in enumerate(segments(jpeg)):
        if marker == 0xD9:
            return
        (right,) = struct.unpack_from(">H", jpeg, place + 2)
        for wrong in (0, 1, 2, right - 1, right + 1, 65535):
            data = jpeg[: place + 2] + struct.pack(">H", wrong) + jpeg[place + 4 :]
            yield f"length {number} {marker:02x} {wrong} for {right}.jpg", data


def _with_two_frames(jpeg: bytes) -> bytes:
    (place,) = (p for p, marker in segments(jpeg) if marker in _FRAMES)
    end = place + 2 + struct.unpack_from(">H", jpeg, place + 2)[0]
    small = jpeg[place : place + 5] + struct.pack(">HH", 8, 8) + jpeg[place + 9 : end]
    return jpeg[:place] + small + jpeg[place:]


def _encoded(
    mode: str = "RGB",
    pixels: np.ndarray | None = None,
    orientation: int | None = None,
    **settings: bool | int,
) -> bytes:
    file = io.BytesIO()
    if orientation is not None:
        turn = Image.Exif()
        turn[0x0112] = orientation
        settings |= {"exif": turn}  # type: ignore[dict-item]
    image = Image.fromarray(picture() if pixels is None else pixels).convert(mode)
    image.save(file, "JPEG", quality=80, **settings)
    return file.getvalue()


def _mpo() -> bytes:
    file = io.BytesIO()
    first, second = (Image.fromarray(picture()[..., turn]) for turn in ([0, 1, 2], [2, 1, 0]))
    first.save(file, "MPO", save_all=True, append_images=[second])
    return file.getvalue()


def _segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, 2 + len(body)) + body


def _huffman(table: int, symbol: int) -> bytes:
    """A table whose only code is one bit, 0."""
    return _segment(0xC4, bytes([table, 1]) + bytes(15) + bytes([symbol]))


def _scan(spectrum: tuple[int, int, int, int]) -> bytes:
    first, last, before, bit = spectrum
    return _segment(0xDA, bytes([1, 1, 0, first, last, before << 4 | bit]))


def _zeros(bits: int) -> bytes:
    """So many zero bits, filled up by ones as image data are."""
    whole, rest = divmod(bits, 8)
    return bytes(whole) + (bytes([0xFF >> rest]) if rest else b"")

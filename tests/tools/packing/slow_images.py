"""The slowest image files of about 1 MB that could be made up, packed one after the other.

    python -m tests.tools.packing.slow_images [NAME ...]

Each is packed by a process of its own; prints what it took of the CPU, and what became of it. The
larger ones take some gigabytes of memory, and a minute to be made.
"""

from __future__ import annotations

import io
import struct
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from multiprocessing import get_context
from typing import Any

from PIL import Image

from headrace.pipeline.errors import BadImageError
from headrace.tools.packing.encode import EncodeConfig, encode_sample

NUM_BYTES = 1_000_000
SIDE_PX = 13_377
"""Of the largest square that is packed by default."""


def by_pil(kind: str, mode: str = "RGB", side: int = SIDE_PX, **options: Any) -> bytes:
    file = io.BytesIO()
    Image.new(mode, (side, side)).save(file, kind, **options)
    return file.getvalue()


def deflated(blocks: Iterator[bytes]) -> bytes:
    packer = zlib.compressobj(9)
    return b"".join(map(packer.compress, blocks)) + packer.flush()


def zeros(num_bytes: int) -> bytes:
    return deflated(bytes(1 << 20) for _ in range(-(-num_bytes >> 20)))


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(side: int, pixels: bytes, *, before: bytes = b"", bits: int = 8, colour: int = 2) -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, bits, colour, 0, 0, 0))
    parts = b"\x89PNG\r\n\x1a\n", head, before, chunk(b"IDAT", pixels), chunk(b"IEND", b"")
    return b"".join(parts)


def filtered_png() -> bytes:
    row = b"\x04" + bytes(3 * SIDE_PX)
    return png(SIDE_PX, deflated(row for _ in range(SIDE_PX)))


def deep_png() -> bytes:
    side = 9400
    return png(side, zeros(side * (8 * side + 1)), bits=16, colour=6)


def many(one: bytes) -> bytes:
    return one * (NUM_BYTES // len(one))


def small_png(before: bytes) -> bytes:
    return png(8, zeros(8 * 25), before=before)


def jpeg_with(segments: bytes) -> bytes:
    data = by_pil("JPEG", side=8)
    return data[:2] + segments + data[2:]


def scanned_jpeg(num_more: int, side: int = SIDE_PX) -> bytes:
    """With its last scan, which codes something, again and again."""
    data = by_pil("JPEG", side=side, quality=1, progressive=True)
    end = data.rindex(b"\xff\xd9")
    table = data.rindex(b"\xff\xc4", 0, data.rindex(b"\xff\xda", 0, end))
    return data[:end] + data[table:end] * num_more + data[end:]


def tagged_tiff() -> bytes:
    needed = [(256, 8), (257, 8), (258, 8), (259, 1), (262, 1), (273, 8), (278, 8), (279, 64)]
    tags = [struct.pack("<HHII", tag, 3, 1, value) for tag, value in needed]
    tags += [struct.pack("<HHII", 40_000 + n % 20_000, 4, 200_000, 8) for n in range(59_992)]
    data = b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + b"".join(tags) + bytes(4)
    return data + bytes(NUM_BYTES - len(data))


def gif_of_many() -> bytes:
    data = by_pil("GIF", "P", 8)
    first = data.index(b",")
    return data[:first] + many(data[first:-1]) + data[-1:]


CASES: dict[str, Callable[[], bytes]] = {
    "png": lambda: png(SIDE_PX, zeros(SIDE_PX * (3 * SIDE_PX + 1))),
    "png-filtered": filtered_png,
    "png-16-bit": deep_png,
    "png-texts": lambda: small_png(many(chunk(b"tEXt", b"a\0xx"))),
    "png-text-bomb": lambda: small_png(chunk(b"zTXt", b"a\0\0" + zeros(900_000_000))),
    "png-profile-bomb": lambda: small_png(chunk(b"iCCP", b"a\0\0" + zeros(900_000_000))),
    "gif": lambda: by_pil("GIF", "P"),
    "gif-of-many": gif_of_many,
    "webp": lambda: by_pil("WEBP", quality=0, method=0),
    "webp-lossless": lambda: by_pil("WEBP", lossless=True, quality=0, method=0),
    "avif": lambda: by_pil("AVIF", quality=0, speed=10),
    "tiff-deflate": lambda: by_pil("TIFF", compression="tiff_adobe_deflate"),
    "tiff-fax": lambda: by_pil("TIFF", "1", compression="group4"),
    "tiff-tags": tagged_tiff,
    "tga": lambda: by_pil("TGA", compression="tga_rle"),
    "jpeg": lambda: by_pil("JPEG", quality=1),
    "jpeg-exif": lambda: jpeg_with(many(b"\xff\xe1\0\x0aExif\0\0II")),
    "jpeg-icc": lambda: jpeg_with(many(b"\xff\xe2\0\x11ICC_PROFILE\0\1\1x")),
    "jpeg-xmp": lambda: jpeg_with(
        b"\xff\xe1"
        + struct.pack(">H", 63_031)
        + b"http://ns.adobe.com/xap/1.0/\0"
        + b"<a>" * 21_000
    ),
    "jpeg-19-scans": lambda: scanned_jpeg(9),
    "jpeg-95-scans": lambda: scanned_jpeg(85),
}


def pack(name: str) -> None:
    """Makes and packs one; prints a line."""
    try:
        data = CASES[name]()
    except (KeyError, OSError) as error:  # a Pillow without that format
        print(f"{name:18s} not made: {error}", flush=True)
        return
    began = time.process_time()
    try:
        sample = encode_sample(data, EncodeConfig(max_side=400), True, True)
        found = f"{sample.width}x{sample.height}"
    except BadImageError as error:
        found = f"left out: {error}"
    took = time.process_time() - began
    print(f"{name:18s} {len(data):8d} bytes {took:6.1f} s  {found}", flush=True)


def main() -> None:
    for name in sys.argv[1:] or CASES:
        process = get_context("spawn").Process(target=pack, args=(name,))
        process.start()
        process.join()


if __name__ == "__main__":
    main()

"""Whatever PIL opens is in the pack, with PIL's pixels, or left out with a reason.

JPEGs whose metadata and markers are damaged at random, and every format and mode that PIL writes,
with its extension and without any. The large form has ten times as many.
"""

from __future__ import annotations

import io
import random
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from headrace.pipeline.records import Records
from headrace.tools.pack import main
from tests.builders import jpeg_bytes, photo

MODES = ("RGB", "L", "P", "RGBA", "LA", "1", "CMYK", "I;16", "I", "F", "YCbCr", "LAB")
NO_IMAGES = ("PDF", "EPS")
"""Drawn by lines; PIL writes what it cannot read without Ghostscript."""
NO_SIGNATURE = ("TGA", "SPIDER", "PALM")
"""What nothing tells without an extension, or at all."""


def segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


def split(data: bytes) -> tuple[list[bytes], bytes]:
    """A JPEG's segments, and its scan with all that follows."""
    place, segments = 2, []
    while data[place + 1] != 0xDA:
        end = place + 2 + struct.unpack(">H", data[place + 2 : place + 4])[0]
        segments.append(data[place:end])
        place = end
    return segments, data[place:]


def damaged(data: bytes, chance: random.Random) -> tuple[str, bytes]:
    """One of the ways in which metadata and markers are found broken; its name and the file."""
    segments, scan = split(data)
    noise = bytes(chance.randrange(256) for _ in range(chance.randrange(1, 50)))
    small = chance.randrange(4)
    inserted = {
        "jfif": segment(0xE0, b"JFIF\0" + bytes([small, 9]) + b"\0\0\1\0\1\0\0"),
        "icc": segment(0xE2, b"ICC_PROFILE\0" + bytes([small, 2]) + noise),
        "adobe": segment(0xEE, b"Adobe\0d\0\0\0\0" + bytes([small])),
        "exif": segment(0xE1, b"Exif\0\0II*\0\x08\0\0\0" + noise),
        "xmp": segment(0xE1, b'http://ns.adobe.com/xap/1.0/\0<x tiff:Orientation="6">' + noise),
        "comment": segment(0xFE, noise),
        "fill": b"\xff" * (small + 1),
        "stray": noise.replace(b"\xff", b"\xfe"),
        "restart": segment(0xDD, b"\0\0"),
    }
    scans = {
        "spectrum": scan[: scan[3] - 1] + bytes([small, small, 0]) + scan[scan[3] + 2 :],
        "trailing": scan + noise,
        "no end": scan[:-2],
        "padded": scan[:-2] + bytes(small + 1) + scan[-2:],
        "cut": scan[: len(scan) * (small + 2) // 6],
        "two": scan + data,
    }
    kind = chance.choice([*inserted, *scans])
    if kind in inserted:
        segments.insert(chance.randrange(1, len(segments) + 1), inserted[kind])
    return kind, b"\xff\xd8" + b"".join(segments) + scans.get(kind, scan)


def written_by_pil() -> dict[str, bytes]:
    Image.init()
    files: dict[str, bytes] = {}
    picture = Image.fromarray(photo(1, 60, 72))
    gray = np.asarray(picture.convert("L"))
    deep = {
        "I;16": Image.fromarray(gray.astype(np.uint16) * 257),
        "I": Image.fromarray(gray.astype(np.int32) * 257),
    }
    for form in sorted(set(Image.SAVE) - set(NO_IMAGES)):
        for mode in MODES:
            file = io.BytesIO()
            try:
                (deep.get(mode) or picture.convert(mode)).save(file, form)
            except Exception:
                continue  # this format has no such pixels
            stem = f"{form}_{mode.replace(';', '')}"
            extension = next((e for e, f in Image.EXTENSION.items() if f == form), None)
            files |= {f"{stem}{extension}": file.getvalue()} if extension else {}
            files |= {stem: file.getvalue()}
    return files


def as_pil_shows(path: Path) -> np.ndarray | None:
    """None if it shows nothing."""
    try:
        with Image.open(path) as opened:
            image = ImageOps.exif_transpose(opened)
            if image.mode.startswith("I"):
                level = np.rint(np.asarray(image) / 257).astype(np.uint8)
                return np.repeat(level[..., None], 3, axis=2)
            if "A" in image.getbands() or "transparency" in image.info:
                rgba = image.convert("RGBA")
                image = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
                image.alpha_composite(rgba)
            return np.array(image.convert("RGB"))
    except Exception:
        return None


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("count", [60, pytest.param(600, marks=pytest.mark.slow)])
def test_all_that_pil_opens_is_packed_or_has_a_reason(tmp_path: Path, count: int) -> None:
    chance = random.Random(7)
    files = written_by_pil()
    for number in range(count):
        sides = chance.randrange(20, 90), chance.randrange(20, 90)
        good = jpeg_bytes(photo(number, *sides), chance.choice(["444", "422", "420", "gray"]))
        kind, data = damaged(good, chance)
        files[f"{number:03d} {kind}.jpg"] = data
    source, out = tmp_path / "in", tmp_path / "o.beton"
    for number, (name, data) in enumerate(files.items()):
        path = source / "ab"[number % 2] / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    settings = ["--format", "raw", "--max-side", "0", "--workers", "2"]
    assert main([str(source), str(out), *settings]) == 0
    packed, folder = Records.open(out), Records.open(source)
    places = {packed.name(i): i for i in range(len(packed))}
    in_folder = {folder.name(i): i for i in range(len(folder))}
    report = packed.manifest.report
    assert report is not None
    unlisted = {name for name in files if name.partition("_")[0] in NO_SIGNATURE}
    for path in sorted(source.glob("*/*")):
        name, expected = f"{path.parent.name}/{path.name}", as_pil_shows(path)
        if name in places:
            found = packed.decode(places[name])
            if expected is None:  # without an end of image, or with EXIF that PIL stumbles over
                continue
            for image in (found, folder.decode(in_folder[name])):
                assert image.shape == expected.shape, name
                assert np.abs(image.astype(int) - expected).max() <= 1, name
        elif path.name not in unlisted:
            (reason,) = [s.reason for s in packed.manifest.skipped if s.name == name]
            floating = "floating-point" in reason
            assert floating or expected is None, f"{name}: {reason}"
    left_out = sum(group.count for group in report.left_out)
    assert len(packed) + left_out == len(files)
    packed.close()
    folder.close()

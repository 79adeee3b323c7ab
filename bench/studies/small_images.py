#!/usr/bin/env python3
"""From which side on is a small image better a JPEG? From 64 px: below, raw pixels cost little.

Photos are shrunk to each side and stored as raw pixels, as PNG and as JPEG. At 32 px raw pixels
take 1.25 times a PNG, at 64 px 1.4 times, at 128 px 1.5 times, and then 6.5 times a JPEG. A JPEG at
quality 90 with 4:2:0 leaves 31 dB on average at 32 px, and 24 dB of the worst image; one at quality
100 with 4:4:4 is good for 50 dB, and takes as much as raw pixels. So `--lossless auto` stores
images of at most 64 px raw. The numbers are in bench/results/small.json.

    bench/studies/small_images.py PHOTOS [--side 16 32 48 64 96 128 192] [--json F]
"""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import simplejpeg
from PIL import Image
from tyro.conf import Positional, arg

from headrace.bench.core.flag_values import OutFile
from headrace.bench.core.psnr import psnr
from headrace.bench.core.result_file import command_line, write_json
from headrace.bench.core.tables import Column, table
from headrace.pipeline.command_line import run_command
from headrace.pipeline.flags import check_least, parse
from headrace.pipeline.layouts.scanning import scan_images

COLUMNS = (
    Column("side", "side", "d"),
    Column("stored as", "form"),
    Column("bytes/image", "bytes_per_image", ",.0f"),
    Column("PSNR dB", "psnr_db", ".1f"),
    Column("lowest", "psnr_low_db", ".1f"),
)
JPEGS = ((90, "420"), (90, "444"), (100, "420"), (100, "444"))


@dataclass(frozen=True, kw_only=True)
class SmallSettings:
    """What small images cost and lose as raw pixels, PNG and JPEG."""

    photos: Annotated[Path, Positional, arg(metavar="PHOTOS")]
    """Folder of images."""
    side: Annotated[tuple[int, ...], arg(metavar="PX ...")] = (16, 32, 48, 64, 96, 128, 192)
    """Longer sides to shrink to."""
    json: OutFile = None
    """Write the results there."""

    def __post_init__(self) -> None:
        check_least(self, 1, "side")


def measure(photos: Sequence[Path], side: int) -> list[dict[str, Any]]:
    """The rows of one side, px: a form of storage each."""
    images = [_shrunk(path, side) for path in photos]
    sizes: dict[str, list[int]] = {"raw": [], "PNG": []}
    losses: dict[str, list[float]] = {}
    for image in images:
        file = io.BytesIO()
        Image.fromarray(image).save(file, "PNG", optimize=True)
        sizes["raw"].append(image.nbytes)
        sizes["PNG"].append(len(file.getvalue()))
        for quality, subsampling in JPEGS:
            form = f"JPEG {quality}, {':'.join(subsampling)}"
            data = simplejpeg.encode_jpeg(image, quality=quality, colorsubsampling=subsampling)
            sizes.setdefault(form, []).append(len(data))
            losses.setdefault(form, []).append(psnr(simplejpeg.decode_jpeg(data), image))
    return [
        {
            "side": side,
            "form": form,
            "bytes_per_image": float(np.mean(sizes[form])),
            "psnr_db": float(np.mean(losses[form])) if form in losses else None,
            "psnr_low_db": min(losses[form]) if form in losses else None,
        }
        for form in sizes
    ]


def _shrunk(path: Path, side: int) -> np.ndarray:
    with Image.open(path) as opened:
        image = opened.convert("RGB")
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    return np.ascontiguousarray(image)


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; see the module's text."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    given = parse(SmallSettings, "bench/studies/small_images.py", arguments)
    photos = [given.photos / path for path in scan_images(given.photos).images]
    rows = [row for side in given.side for row in measure(photos, side)]
    print(table(rows, COLUMNS))
    if given.json:
        command = command_line("bench/studies/small_images.py", arguments)
        write_json(given.json, command=command, rows=rows)
    return 0


if __name__ == "__main__":
    run_command(main)

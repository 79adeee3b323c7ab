#!/usr/bin/env python3
"""Is raw YUV 4:2:0 worth a format? No: JPEG is far smaller, and our kernel on RGB is faster.

Planar YUV 4:2:0 as a record, beside raw RGB and JPEG: size, quality, speed. In the same resizer
planes gain at 128 px and lose at 224 px. The numbers are in bench/results/planar.json.

Crops from planes are cut and resized per plane and converted to RGB at the output size. Both raw
forms go through the same resizer, OpenCV's, so that the comparison is of the formats and not of
kernels; our own kernel for RGB and a JPEG region decode stand beside them.

    bench/studies/raw_yuv420.py PHOTOS [--max-side 256] [--size 128 224] [--repeats 9] [--json F]
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import simplejpeg
from PIL import Image
from tyro.conf import Positional, arg

from headrace.bench.core.flag_values import OutFile
from headrace.bench.core.psnr import psnr
from headrace.bench.core.repeats import interleaved, spread
from headrace.bench.core.result_file import command_line, write_json
from headrace.bench.core.tables import Column, table
from headrace.pipeline.command_line import run_command
from headrace.pipeline.errors import MissingPackageError, RecordsError
from headrace.pipeline.flags import check_least, parse
from headrace.pipeline.plan import PlanConfig, make_plan
from headrace.pipeline.resampling.boxes import box_row, resize_boxes

SUFFIXES = (".jpg", ".jpeg", ".png")
COLUMNS = (
    Column("format"),
    Column("px", "size", "d"),
    Column("images/s", "images_per_s", ",.0f"),
    Column("iqr", "images_per_s_iqr", ",.0f"),
    Column("bytes/px", "bytes_per_pixel", ".2f"),
    Column("PSNR dB", "psnr_db", ".1f"),
)


@dataclass(frozen=True, kw_only=True)
class YuvSettings:
    """Is raw YUV 4:2:0 worth a format? Beside raw RGB and JPEG: size, quality, speed."""

    photos: Annotated[Path, Positional, arg(metavar="PHOTOS")]
    """Folder of images."""
    max_side: Annotated[int, arg(metavar="PX")] = 256
    """Longer side that they are shrunk to."""
    size: Annotated[tuple[int, ...], arg(metavar="PX ...")] = (128, 224)
    """Side of the crops."""
    repeats: Annotated[int, arg(metavar="N")] = 9
    """Measured runs of each."""
    json: OutFile = None
    """Write the results there."""

    def __post_init__(self) -> None:
        check_least(self, 1, "max_side", "size", "repeats")


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One image in the three forms.

    Attributes:
        rgb: (H, W, 3) uint8, H and W even.
        y, cb, cr: (H, W), (H / 2, W / 2), (H / 2, W / 2) uint8.
        jpeg: quality 90, 4:2:0.
        box: y, x, height, width.
    """

    rgb: np.ndarray
    y: np.ndarray
    cb: np.ndarray
    cr: np.ndarray
    jpeg: bytes
    box: tuple[int, int, int, int]


def to_planes(rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(H, W, 3) uint8 RGB to Y, Cb, Cr at 4:2:0: JFIF's matrix (PIL's), chroma averaged 2 x 2."""
    ycc = np.asarray(Image.fromarray(rgb).convert("YCbCr"))
    height, width, _ = ycc.shape
    blocks = ycc[..., 1:].reshape(height // 2, 2, width // 2, 2, 2).astype(np.uint16)
    chroma = ((blocks.sum((1, 3)) + 2) // 4).astype(np.uint8)
    y, cb, cr = (np.ascontiguousarray(p) for p in (ycc[..., 0], chroma[..., 0], chroma[..., 1]))
    return y, cb, cr


def from_planes(cv2: Any, y: np.ndarray, cb: np.ndarray, cr: np.ndarray) -> np.ndarray:
    """Planes of one size to (H, W, 3) uint8 RGB."""
    return cv2.cvtColor(cv2.merge([y, cr, cb]), cv2.COLOR_YCrCb2RGB)


def main() -> int:
    """Command line; see the module's text."""
    given = parse(YuvSettings, "bench/studies/raw_yuv420.py")
    try:
        import cv2
    except ImportError:
        raise MissingPackageError(
            "bench/studies/raw_yuv420.py needs OpenCV: pip install opencv-python-headless"
        ) from None
    cv2.setNumThreads(0)
    samples = _load(given.photos, given.max_side)
    quality = _quality(cv2, samples)
    rows: list[dict[str, Any]] = []
    for size in given.size:
        rows += _measure(cv2, samples, size, given.repeats, quality)
    print(table(rows, COLUMNS))
    if given.json:
        write_json(
            given.json, command=command_line("bench/studies/raw_yuv420.py", sys.argv[1:]), rows=rows
        )
    return 0


def _load(folder: Path, max_side: int) -> list[Sample]:
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES)
    images = []
    for path in paths:
        with Image.open(path) as file:
            image = file.convert("RGB")
        image.thumbnail((max_side, max_side), Image.Resampling.BICUBIC)
        rgb = np.asarray(image)
        images.append(rgb[: rgb.shape[0] // 2 * 2, : rgb.shape[1] // 2 * 2].copy())
    if not images:
        raise RecordsError(f"{folder} holds no image with one of the endings {', '.join(SUFFIXES)}")
    heights, widths = (np.array([rgb.shape[axis] for rgb in images]) for axis in (0, 1))
    plan = make_plan(heights, widths, range(len(images)), PlanConfig(), epoch=0)
    samples = []
    for index, box in zip(plan.indices, plan.boxes.tolist(), strict=True):
        y, cb, cr = to_planes(images[index])
        jpeg = simplejpeg.encode_jpeg(images[index], quality=90, colorsubsampling="420")
        samples.append(Sample(rgb=images[index], y=y, cb=cb, cr=cr, jpeg=jpeg, box=tuple(box)))
    return samples


def _quality(cv2: Any, samples: Sequence[Sample]) -> dict[str, tuple[float, float]]:
    """Format to (bytes per pixel, PSNR in dB of whole images against the RGB)."""
    pixels = sum(s.y.size for s in samples)
    yuv, jpeg = [], []
    for s in samples:
        chroma = [
            cv2.resize(p, s.y.shape[::-1], interpolation=cv2.INTER_LINEAR) for p in (s.cb, s.cr)
        ]
        yuv.append(psnr(from_planes(cv2, s.y, *chroma), s.rgb))
        jpeg.append(psnr(simplejpeg.decode_jpeg(s.jpeg), s.rgb))
    return {
        "raw-rgb": (3.0, float("inf")),
        "raw-yuv420": (1.5, float(np.median(yuv))),
        "jpeg-90": (sum(len(s.jpeg) for s in samples) / pixels, float(np.median(jpeg))),
    }


def _crops(cv2: Any, samples: Sequence[Sample], size: int) -> dict[str, Callable[[], None]]:
    """Format to a call that makes the crops of all samples from it."""
    out = np.empty((size, size, 3), np.uint8)

    def resized(plane: np.ndarray, box: Sequence[float]) -> np.ndarray:
        y, x, height, width = box
        crop = plane[int(y) : int(y + height), int(x) : int(x + width)]
        # Antialiased when shrinking; when enlarging INTER_AREA is bilinear in OpenCV.
        return cv2.resize(crop, (size, size), interpolation=cv2.INTER_AREA)

    def rgb() -> None:
        for s in samples:
            resized(s.rgb, s.box)

    def yuv() -> None:
        for s in samples:
            y, x, height, width = s.box
            half = (y // 2, x // 2, max(1, height // 2), max(1, width // 2))
            from_planes(cv2, resized(s.y, s.box), resized(s.cb, half), resized(s.cr, half))

    def own_kernel() -> None:
        for s in samples:
            y, x, height, width = s.box
            crop = s.rgb[y : y + height, x : x + width]
            resize_boxes(np.array([box_row(crop, False, out)], np.int64))

    def jpeg() -> None:
        for s in samples:
            resized(simplejpeg.decode_jpeg(s.jpeg), s.box)

    return {
        "raw-rgb": rgb, "raw-yuv420": yuv, "jpeg-90": jpeg, "raw-rgb, our kernel": own_kernel,
    }  # fmt: skip


def _measure(
    cv2: Any,
    samples: Sequence[Sample],
    size: int,
    repeats: int,
    quality: dict[str, tuple[float, float]],
) -> list[dict[str, Any]]:
    runs = _crops(cv2, samples, size)
    for run in runs.values():
        run()
    timed = interleaved({name: _timed(run, len(samples)) for name, run in runs.items()}, repeats)
    rows = []
    for name, speeds in timed.items():
        middle = spread(speeds)
        bytes_per_pixel, psnr = quality[name.split(",")[0]]
        rows.append(
            {
                "format": name,
                "size": size,
                "images_per_s": middle.median,
                "images_per_s_iqr": middle.iqr,
                "bytes_per_pixel": bytes_per_pixel,
                "psnr_db": None if np.isinf(psnr) else psnr,
            }
        )
    return rows


def _timed(run: Callable[[], None], count: int) -> Callable[[], float]:
    def timed() -> float:
        start = time.perf_counter()
        run()
        return count / (time.perf_counter() - start)

    return timed


if __name__ == "__main__":
    run_command(main)

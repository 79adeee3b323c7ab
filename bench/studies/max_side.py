"""Which --max-side? The largest that is fast enough: each step down loads faster and loses more.

`bench/max_side.py` measures it, docs/benchmarks.md has the table.

Each side is packed and loaded by the native loader. The loss is the PSNR of random crops (8 to
100% of the area, one an image) that are cut from the packed image against the same crops cut from
the original file, both resized by PIL; the median over images, and the lowest tenth.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from headrace.bench.core.psnr import psnr
from headrace.bench.core.repeats import interleaved, spread
from headrace.bench.core.tables import Column
from headrace.pipeline.cores import available_cores
from headrace.pipeline.jpeg_header import parse_jpeg_header
from headrace.pipeline.layouts.discovery import discover
from headrace.pipeline.loader import open_loader
from headrace.pipeline.plan import PlanConfig, make_plan
from headrace.pipeline.planned import PlannedLoader
from headrace.pipeline.records import Records
from headrace.tools.packing.decode import decode_image
from headrace.tools.packing.encode import EncodeConfig
from headrace.tools.packing.output import Output
from headrace.tools.packing.run import pack_beton

COLUMNS = (
    Column("max side", "max_side"),
    Column("px", "size", "d"),
    Column("images/s", "images_per_s", ",.0f"),
    Column("IQR", "images_per_s_iqr", ",.0f"),
    Column("kB/image", "kb_per_image", ".1f"),
    Column("PSNR dB", "psnr_db", ".1f"),
    Column("lowest tenth", "psnr_low_db", ".1f"),
)


def pack_at(photos: Path, scratch: Path, side: int) -> Path:
    """Packs a folder at a side, px; 0 leaves every image as large as it is."""
    out = scratch / f"{side}.beton"
    target = Output(path=out, force=True)
    pack_beton(discover(photos), target, EncodeConfig(max_side=side), workers=available_cores())
    return out


def measure(
    photos: Path, packed: dict[int, Path], size: int, repeats: int, min_s: float
) -> list[dict[str, Any]]:
    """The rows of one size of crops, px, a side each; `packed` has the file of each side."""
    loaders = {
        side: open_loader(path, split=None, size=size, crop_scale=(0.08, 1.0), loader="native")
        for side, path in packed.items()
    }
    timed = interleaved(
        {str(side): _epochs(loader, min_s) for side, loader in loaders.items()}, repeats
    )
    rows = []
    for side, loader in loaders.items():
        records = loader.records
        stored = np.array([records.view(i).nbytes for i in range(len(records))])
        speed, losses = spread(timed[str(side)]), _losses(photos, records, size)
        rows.append(
            {
                "max_side": side or "as it is",
                "size": size,
                "images_per_s": speed.median,
                "images_per_s_iqr": speed.iqr,
                "kb_per_image": float(stored.mean()) / 1000,
                "psnr_db": _quantile(losses, 0.5),
                "psnr_low_db": _quantile(losses, 0.1),
            }
        )
        loader.close()
        records.close()
    return rows


def _quantile(losses: np.ndarray, share: float) -> float | None:
    """None where nothing is lost."""
    with np.errstate(invalid="ignore"):  # infinite less infinite
        value = float(np.quantile(losses, share))
    return value if np.isfinite(value) else None


def _epochs(loader: PlannedLoader, min_s: float) -> Callable[[], float]:
    for _ in loader.epoch(0):
        pass

    def run() -> float:
        images, epoch, start = 0, 0, time.perf_counter()
        while time.perf_counter() - start < min_s:
            images += sum(len(batch.labels) for batch in loader.epoch(epoch))
            epoch += 1
        return images / (time.perf_counter() - start)

    return run


def _losses(photos: Path, records: Records, size: int) -> np.ndarray:
    """(n,) PSNR in dB of each image's crop; infinite where nothing is lost."""
    originals = [_original(photos / records.name(i)) for i in range(len(records))]
    heights, widths = (np.array([image.shape[axis] for image in originals]) for axis in (0, 1))
    plan = make_plan(heights, widths, range(len(originals)), PlanConfig(), epoch=0)
    losses = []
    for index, box in zip(plan.indices.tolist(), plan.boxes.tolist(), strict=True):
        original, image = originals[index], records.decode(index)
        scale = image.shape[0] / original.shape[0], image.shape[1] / original.shape[1]
        losses.append(psnr(_crop(original, box, (1, 1), size), _crop(image, box, scale, size)))
    return np.array(losses)


def _original(path: Path) -> np.ndarray:
    data = path.read_bytes()
    return decode_image(data, parse_jpeg_header(data)).pixels


def _crop(
    image: np.ndarray, box: Sequence[int], scale: tuple[float, float], size: int
) -> np.ndarray:
    y, x, height, width = box
    down, right = scale
    corners = (x * right, y * down, (x + width) * right, (y + height) * down)
    # Edges in fractions of pixels, so that the crops show exactly the same part.
    resized = Image.fromarray(image).resize((size, size), Image.Resampling.BILINEAR, box=corners)
    return np.asarray(resized)

"""Small images and record files for the tests, built in memory or below tmp_path."""

from __future__ import annotations

import dataclasses
import importlib.util
import io
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from headrace.pipeline.containers import beton
from headrace.pipeline.containers.beton_writer import BetonWriter
from headrace.pipeline.containers.manifest import Manifest, manifest_bytes
from headrace.pipeline.levels import level_side
from headrace.pipeline.loaders import LOADERS
from headrace.pipeline.pixels import crop_resize
from headrace.pipeline.plan import EpochPlan
from headrace.pipeline.records import Records

SUBSAMPLINGS = {"444": "4:4:4", "422": "4:2:2", "420": "4:2:0"}
VARIANTS = ("444", "422", "420", "gray", "raw")
"""Kinds of sample that `stored` makes."""

PACKAGES = {"ffcv": ("ffcv",), "dali": ("nvidia", "nvidia.dali")}
"""What a loader cannot do without, parents first; the others need nothing optional."""


def available_loaders() -> list[str]:
    """The loaders whose packages are installed here."""
    return [
        name
        for name in LOADERS
        if all(importlib.util.find_spec(package) for package in PACKAGES.get(name, ()))
    ]


@dataclass(frozen=True, kw_only=True)
class StoredSample:
    """One sample as it goes into a record file; height and width are what the tables announce."""

    data: bytes
    height: int
    width: int
    label: int = 0
    mode: int = beton.MODE_JPEG
    name: str = ""
    levels: tuple[bytes | None, ...] = ()


def photo(seed: int, height: int, width: int) -> np.ndarray:
    """A picture with the smooth areas, edges and grain of a photo: (height, width, 3) uint8."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (5, 6, 3), dtype=np.uint8)
    smooth = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
    picture = np.asarray(smooth).astype(np.float32)
    y, x = np.mgrid[:height, :width]
    for _ in range(3):  # half-planes: straight edges of any direction
        a, b = rng.normal(size=2)
        side = a * (y / height - rng.random()) + b * (x / width - rng.random()) > 0
        picture += side[..., None] * rng.uniform(-60, 60, 3)
    picture += rng.normal(0, 4, picture.shape)
    return np.clip(picture, 0, 255).astype(np.uint8)


def tinted_photos(folder: Path, counts: Mapping[str, int]) -> Path:
    """Two classes told by their tint, in class folders: so many JPEGs of each in a split."""
    for split, count in counts.items():
        for label, name in enumerate(("green", "red")):
            place = folder / split / name
            place.mkdir(parents=True)
            for number in range(count):
                pixels = np.full((40, 40, 3), 60 + number, np.uint8)
                pixels[..., 1 - label] += 90
                Image.fromarray(pixels).save(place / f"{number}.jpg")
    return folder


def jpeg_bytes(image: np.ndarray, variant: str = "420", quality: int = 90) -> bytes:
    """An image as JPEG.

    Args:
        image: (H, W, 3) uint8.
        variant: `444`, `422`, `420` (chroma subsampling) or `gray` (one component).
        quality: of libjpeg.
    """
    file = io.BytesIO()
    picture = Image.fromarray(image)
    if variant == "gray":
        picture.convert("L").save(file, "JPEG", quality=quality)
    else:
        picture.save(file, "JPEG", quality=quality, subsampling=SUBSAMPLINGS[variant])
    return file.getvalue()


def stored(
    image: np.ndarray, variant: str = "420", *, label: int = 0, name: str = "", quality: int = 90
) -> StoredSample:
    """An image as a sample: JPEG, or its pixels where the variant is `raw`."""
    raw = variant == "raw"
    return StoredSample(
        data=np.ascontiguousarray(image).tobytes() if raw else jpeg_bytes(image, variant, quality),
        height=image.shape[0],
        width=image.shape[1],
        label=label,
        mode=beton.MODE_RAW if raw else beton.MODE_JPEG,
        name=name,
    )


def samples(
    count: int, *, variant: str = "420", seed: int = 0, low: int = 40, high: int = 150
) -> list[StoredSample]:
    """`count` samples of random sizes from `low` to `high` px, labels 0, 1, 2, 0, ..."""
    sides = np.random.default_rng(seed).integers(low, high + 1, (count, 2))
    return [
        stored(
            photo(seed * 1000 + i, int(h), int(w)), variant, label=i % 3, name=f"{i % 3}_{i}.jpg"
        )
        for i, (h, w) in enumerate(sides)
    ]


def write_beton(
    path: Path,
    stored_samples: Sequence[StoredSample],
    manifest: Manifest | None = None,
    *,
    page_size: int = beton.MIN_PAGE_SIZE,
) -> Path:
    """Writes a .beton in the plainest way.

    Args:
        path: of the new file.
        stored_samples: whatever they hold is written as it is, sound or not.
        manifest: None leaves it out, as in a file of FFCV's own.
        page_size: bytes.

    Returns:
        path.
    """
    count = len(stored_samples)
    table, allocations = np.zeros(count, beton.SAMPLE), np.zeros(count, beton.ALLOCATION)
    place = _next_page(beton.SAMPLES_OFFSET + count * beton.SAMPLE.itemsize, page_size)
    pieces: list[tuple[int, bytes]] = []
    for i, sample in enumerate(stored_samples):
        if place // page_size != (place + len(sample.data) - 1) // page_size:
            place = _next_page(place, page_size)
        table[i] = (sample.mode, sample.width, sample.height, place, sample.label)
        allocations[i] = (i, place, len(sample.data))
        pieces.append((place, sample.data))
        place += len(sample.data)
    span = None
    place = _next_page(place, page_size)
    if manifest is not None:
        body = manifest_bytes(manifest, [sample.name for sample in stored_samples])
        span = (place, len(body))
        pieces.append((place, body))
        place = _next_page(place + len(body), page_size)
    header = np.array([(beton.VERSION, 2, page_size, count, place)], beton.HEADER)
    with path.open("wb") as file:
        file.write(header.tobytes() + beton.field_descriptors(span) + table.tobytes())
        for offset, data in pieces:
            file.seek(offset)
            file.write(data)
        file.seek(place)
        file.write(allocations.tobytes())
    return path


def make_records(
    path: Path, stored_samples: Sequence[StoredSample], splits: dict[str, int] | None = None
) -> Records:
    """Writes a .beton with a manifest and opens it.

    Args:
        path: of the new file.
        stored_samples: see `write_beton`.
        splits: split name to its number of samples, in file order; None puts all into `train`.
    """
    ranges: dict[str, tuple[int, int]] = {}
    start = 0
    for name, size in (splits or {"train": len(stored_samples)}).items():
        ranges[name] = (start, start + size)
        start += size
    num_classes = 1 + max((sample.label for sample in stored_samples), default=0)
    classes = tuple(f"class {i}" for i in range(num_classes))
    manifest = Manifest(classes=classes, splits=ranges, encoding={"format": "jpeg"})
    return Records.open(write_beton(path, stored_samples, manifest))


def with_levels(sample: StoredSample, count: int = 3, quality: int = 90) -> StoredSample:
    """A JPEG with `count` smaller sizes beside it, however small; raw pixels have none."""
    if sample.mode != beton.MODE_JPEG:
        return sample
    picture = Image.open(io.BytesIO(sample.data))
    sides = (
        (level_side(sample.width, level), level_side(sample.height, level))
        for level in range(1, count + 1)
    )
    files = [io.BytesIO() for _ in range(count)]
    for file, size in zip(files, sides, strict=True):
        small = picture.resize(size, Image.Resampling.BILINEAR)
        small.save(file, "JPEG", quality=quality)
    return dataclasses.replace(sample, levels=tuple(file.getvalue() for file in files))


def write_by_writer(path: Path, stored_samples: Sequence[StoredSample]) -> Path:
    """Writes a .beton with what samples have of levels; all of them are `train`."""
    with path.open("wb") as file:
        writer = BetonWriter(file, len(stored_samples), beton.MIN_PAGE_SIZE)
        for sample in stored_samples:
            writer.add(
                sample.data,
                mode=sample.mode,
                width=sample.width,
                height=sample.height,
                label=sample.label,
                levels=sample.levels,
            )
        num_classes = 1 + max((sample.label for sample in stored_samples), default=0)
        manifest = Manifest(
            classes=tuple(f"class {i}" for i in range(num_classes)),
            splits={"train": (0, len(stored_samples))},
            encoding={"format": "jpeg"},
        )
        writer.finish(manifest, [sample.name for sample in stored_samples])
    return path


def reference_images(
    records: Records, plan: EpochPlan, places: slice, size: int | tuple[int, int]
) -> np.ndarray:
    """What a loader should deliver for some places of a plan: (B, 3, H, W) uint8."""
    shape = (size, size) if isinstance(size, int) else size
    return np.stack(
        [
            crop_resize(
                records.decode(
                    int(plan.indices[place]), int(plan.read_levels(slice(place, place + 1))[0])
                ),
                plan.read_boxes(slice(place, place + 1))[0],
                bool(plan.flips[place]),
                shape,
                plan.target(place),
            ).transpose(2, 0, 1)
            for place in range(*places.indices(len(plan.indices)))
        ]
    )


def _next_page(place: int, page_size: int) -> int:
    return -(-place // page_size) * page_size


@cache
def may_write_anywhere() -> bool:
    """Whether permissions bind this process to nothing, as they do root, unless it has given up the
    power to pass them over (`setpriv --bounding-set=-dac_override ...`)."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o500)
        try:
            (Path(folder) / "a").touch()
        except OSError:
            return False
    return True

#!/usr/bin/env python3
"""Which decoder gives the reference's pixels? simplejpeg, with Pillow for what it refuses.

All four are built on libjpeg-turbo, and of plain JPEGs they give the same pixels. simplejpeg
refuses whatever libjpeg warns of, and rare samplings; its RGB of CMYK is an approximation.
TorchCodec always turns an image as EXIF says. So `pipeline/pixels.py` takes simplejpeg, and Pillow
for the rest, whose answers are those of torchvision, which was the reference until its decoders
were deprecated. The numbers are in bench/results/decoders.json.

    bench/studies/jpeg_decoders.py PHOTOS [--threads 1 2] [--repeats 7] [--json F]
"""

from __future__ import annotations

import io
import sys
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import simplejpeg
from PIL import Image
from tyro.conf import Positional, arg

from headrace.bench.core.flag_values import OutFile
from headrace.bench.core.repeats import interleaved, spread
from headrace.bench.core.result_file import command_line, write_json
from headrace.bench.core.tables import Column, markdown, table
from headrace.bench.studies.jpeg_kinds import all_kinds
from headrace.pipeline.command_line import run_command
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.flags import check_least, parse
from headrace.pipeline.installed import is_installed
from headrace.pipeline.pixels import decode_jpeg_rgb

Decode = Callable[[bytes], np.ndarray]
"""A file to (H, W, 3) uint8 RGB; raises where it refuses."""
REFERENCE = "reference"
SPEED_COLUMNS = (
    Column("decoder"),
    Column("threads", "threads", "d"),
    Column("images/s", "images_per_s", ",.0f"),
    Column("IQR", "iqr", ",.0f"),
    Column("images/s of a core", "images_per_cpu_s", ",.0f"),
)


@dataclass(frozen=True, kw_only=True)
class DecodersSettings:
    """How decoders of JPEGs differ in pixels, in what they refuse, and in speed."""

    photos: Annotated[Path, Positional, arg(metavar="PHOTOS")]
    """Folder of JPEGs that are decoded for the speed."""
    threads: Annotated[tuple[int, ...], arg(metavar="N ...")] = (1, 2)
    """Threads that decode."""
    repeats: int = 7
    """Passes over all photos, decoders in turn."""
    json: OutFile = None
    """Write the results there."""

    def __post_init__(self) -> None:
        check_least(self, 1, "threads", "repeats")


def available_decoders() -> dict[str, Decode]:
    """The reference and those that are installed here, by name."""
    found: dict[str, Decode] = {
        REFERENCE: lambda data: decode_jpeg_rgb(np.frombuffer(data, np.uint8)),
        "simplejpeg": simplejpeg.decode_jpeg,
        "Pillow": lambda data: np.array(Image.open(io.BytesIO(data)).convert("RGB")),
    }
    if is_installed("torchvision"):
        found["torchvision"] = _torchvision()
    if is_installed("torchcodec"):
        found["TorchCodec"] = _torchcodec()
    return found


def compare(decoders: Mapping[str, Decode]) -> list[dict[str, Any]]:
    """A row for each kind of JPEG and decoder but the reference.

    Returns:
        kind, decoder, whether the reference reads it, whether it does, and where both do, the
        largest and the mean difference in levels of 255; None of images of different shapes.
    """
    rows = []
    for kind, data in all_kinds().items():
        images = {name: _attempt(decode, data) for name, decode in decoders.items()}
        expected = images.pop(REFERENCE)
        for name, image in images.items():
            apart = None
            if image is not None and expected is not None and image.shape == expected.shape:
                apart = np.abs(image.astype(np.int16) - expected)
            rows.append(
                {
                    "kind": kind,
                    "decoder": name,
                    "reference_reads": expected is not None,
                    "reads": image is not None,
                    "largest": None if apart is None else int(apart.max()),
                    "mean": None if apart is None else float(apart.mean()),
                }
            )
    return rows


def shown(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """The rows of `compare` as a line for each kind, a column for each decoder."""
    lines: dict[str, dict[str, str]] = {}
    for row in rows:
        read = "reads" if row["reference_reads"] else "refuses"
        line = lines.setdefault(row["kind"], {"kind": row["kind"], REFERENCE: read})
        line[row["decoder"]] = _cell(row)
    return list(lines.values())


def pixels_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """The same in Markdown."""
    lines = shown(rows)
    return markdown(lines, [Column(name) for name in lines[0]])


def measure_speed(
    decoders: Mapping[str, Decode], photos: Sequence[bytes], threads: int, repeats: int
) -> list[dict[str, Any]]:
    """Images a second of each decoder in a number of threads of one process, and of CPU time."""
    with ThreadPoolExecutor(threads) as pool:
        runs = {name: partial(_pass, pool, decode, photos) for name, decode in decoders.items()}
        for run in runs.values():
            run()
        speeds = interleaved(runs, repeats)
    return [
        {
            "decoder": name,
            "threads": threads,
            "images_per_s": (found := spread(wall for wall, _ in passes)).median,
            "iqr": found.iqr,
            "images_per_cpu_s": spread(cpu for _, cpu in passes).median,
            "repeats": found.count,
        }
        for name, passes in speeds.items()
    ]


def _pass(pool: ThreadPoolExecutor, decode: Decode, photos: Sequence[bytes]) -> tuple[float, float]:
    """Images a second, and images a second of CPU time, which a busy machine hardly changes."""
    start, cpu_start = time.perf_counter(), time.process_time()
    for _ in pool.map(lambda data: decode(data).shape, photos):
        pass
    taken, cpu_taken = time.perf_counter() - start, time.process_time() - cpu_start
    return len(photos) / taken, len(photos) / cpu_taken


def _attempt(decode: Decode, data: bytes) -> np.ndarray | None:
    try:
        return decode(data)
    except (ValueError, RuntimeError, OSError, SyntaxError, LookupError):
        return None


def _cell(row: Mapping[str, Any]) -> str:
    if not row["reads"]:
        return "refuses"
    if not row["reference_reads"]:
        return "reads"
    if row["largest"] is None:
        return "other shape"
    return "same" if row["largest"] == 0 else f"{row['largest']}, mean {row['mean']:.2f}"


def _torchvision() -> Decode:
    """torchvision's operator, deprecated since 0.29."""
    import torch
    from torchvision.io import ImageReadMode, decode_jpeg

    def decode(data: bytes) -> np.ndarray:
        encoded = torch.frombuffer(bytearray(data), dtype=torch.uint8)
        return decode_jpeg(encoded, ImageReadMode.RGB).permute(1, 2, 0).numpy()

    warnings.filterwarnings("ignore", "The image decoding", DeprecationWarning)
    return decode


def _torchcodec() -> Decode:
    from torchcodec.decoders import decode_jpeg

    def decode(data: bytes) -> np.ndarray:
        image = decode_jpeg(data, mode="RGB")
        assert not isinstance(image, list)  # that is of several images
        return image.permute(1, 2, 0).numpy()

    return decode


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; see the module's text."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    given = parse(DecodersSettings, "bench/studies/jpeg_decoders.py", arguments)
    photos = [path.read_bytes() for path in sorted(given.photos.iterdir())]
    if not photos:
        raise ConfigError(f"{given.photos} holds no photos: name a folder of JPEGs")
    decoders = available_decoders()
    rows = compare(decoders)
    lines = shown(rows)
    print(table(lines, [Column(name) for name in lines[0]]), end="\n\n")
    speed = [
        row
        for threads in given.threads
        for row in measure_speed(decoders, photos, threads, given.repeats)
    ]
    print(table(speed, SPEED_COLUMNS))
    if given.json:
        command = command_line("bench/studies/jpeg_decoders.py", arguments)
        write_json(given.json, command=command, rows=rows, **{"decoders-speed": speed})
    return 0


if __name__ == "__main__":
    run_command(main)

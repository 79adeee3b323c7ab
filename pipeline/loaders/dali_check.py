"""Whether DALI decodes on this GPU, asked of a process of its own, since it may crash there.

Region decode on the GPU is reported to fail or to crash with some versions on some GPUs
(NVIDIA/nvImageCodec#55), and no `except` catches a crash. The child decodes a few small JPEGs just
as the loader would and hands over the pixels; here they are held against libjpeg's. The verdict is
kept for the next time that the same GPU, driver and versions meet.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import io
import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from headrace.pipeline.atomic import replacing
from headrace.pipeline.loaders.dali_decoding import WAYS, Way, decode_boxes
from headrace.pipeline.plain_json import read_json
from headrace.pipeline.user_paths import cache_folder

LIMIT_S = 90.0
"""Starting DALI and CUDA takes seconds; what takes longer than this hangs."""
KINDS = ("444", "422", "420", "gray", "progressive", "odd")
BOX_OF = (24, 40, 80, 96)
"""y, x, height, width of the box that is decoded, px."""
LARGEST, MEAN = 48, 3.0
"""Levels that decoders may be apart, which make up chroma each in their own way."""
_SUBSAMPLING = {"444": 0, "422": 1}  # Pillow's numbers; all others are 4:2:0
_PACKAGES = ("nvidia-dali", "nvidia-nvimgcodec", "nvidia-nvjpeg")


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What has been found out about one GPU with its driver and libraries.

    Attributes:
        way: the best one that works; None: none does.
        reason: why not a better one, "" if there is none.
    """

    way: Way | None
    reason: str


def checked_way(device: torch.device) -> Verdict:
    """The best way to decode on a GPU, as found out now or once before.

    Args:
        device: a CUDA device.
    """
    place = cache_folder() / f"dali-{_meeting(device)}.json"
    with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
        kept = read_json(place.read_text())
        if kept["way"] in (*WAYS, None):
            return Verdict(way=kept["way"], reason=str(kept["reason"]))
    verdict = find_out(_child_command(device))
    with contextlib.suppress(OSError):  # then it is asked again the next time
        place.parent.mkdir(parents=True, exist_ok=True)
        with replacing(place) as file:
            file.write(json.dumps(asdict(verdict)).encode())
    return verdict


def find_out(command: Sequence[str], limit_s: float = LIMIT_S) -> Verdict:
    """Asks a child for each way in turn until one works.

    Args:
        command: of the child; a way and the file that it shall write come behind it.
        limit_s: after which it is ended.
    """
    reasons: list[str] = []
    for way in WAYS:
        wrong = _what_is_wrong(command, way, limit_s)
        if not wrong:
            return Verdict(way=way, reason="; ".join(reasons))
        reasons.append(f"decoding {_NAMES[way]} {wrong}")
    return Verdict(way=None, reason="; ".join(reasons))


_NAMES = {"regions": "regions", "whole": "whole images"}


def _what_is_wrong(command: Sequence[str], way: Way, limit_s: float) -> str:
    """Why a way does not work, in words; "" if it does."""
    with tempfile.TemporaryDirectory(prefix="headrace-check-") as folder:
        out = Path(folder) / "pixels.npz"
        try:
            done = subprocess.run(
                [*command, way, str(out)], capture_output=True, timeout=limit_s, check=False
            )
        except subprocess.TimeoutExpired:
            return f"hung for {limit_s:.0f} s"
        if done.returncode < 0:
            return f"crashed ({signal.Signals(-done.returncode).name})"
        if done.returncode:
            lines = done.stderr.decode(errors="replace").strip().splitlines()
            return f"failed ({lines[-1].strip()[:200] if lines else 'without a word'})"
        try:
            with np.load(out) as found:
                return _unlike(found)
        except (OSError, ValueError) as error:
            return f"gave no pixels ({error})"


def _unlike(found: np.lib.npyio.NpzFile) -> str:
    """Which kinds have other pixels than libjpeg gives; "" if none."""
    wrong = []
    for kind in KINDS:
        got = found[kind] if kind in found.files else np.zeros(0)
        if got.shape != (*BOX_OF[2:], 3) or got.dtype != np.uint8 or not is_close(apart(got, kind)):
            wrong.append(kind)
    return f"gave wrong pixels ({', '.join(wrong)})" if wrong else ""


def apart(box: np.ndarray, kind: str) -> tuple[int, float]:
    """How far the pixels of the box are from libjpeg's: the largest and the mean difference.

    Args:
        box: (h, w, 3) uint8 of BOX_OF.
        kind: of the JPEG that it was decoded from.
    """
    y, x, height, width = BOX_OF
    image = np.asarray(Image.open(io.BytesIO(encoded(kind))).convert("RGB"))
    levels = np.abs(box.astype(int) - image[y : y + height, x : x + width])
    return int(levels.max()), float(levels.mean())


def is_close(found: tuple[int, float]) -> bool:
    """Whether what `apart` tells is no more than decoders may differ."""
    largest, mean = found
    return largest <= LARGEST and mean <= MEAN


def encoded(kind: str) -> bytes:
    """A small picture as JPEG: waves, steep in brightness, so that a box out of place is seen."""
    height, width = (157, 199) if kind == "odd" else (160, 200)
    y, x = np.mgrid[:height, :width]
    bright = 128 + 50 * np.sin(x / 3.7) + 50 * np.sin(y / 4.9)
    colour = [20 * np.sin(x / 40 + turn) + 10 * np.sin(y / 50) for turn in (0.0, 2.0, 4.0)]
    pixels = np.clip(np.stack([bright + part for part in colour], 2), 0, 255).astype(np.uint8)
    file, image = io.BytesIO(), Image.fromarray(pixels)
    if kind == "gray":
        image.convert("L").save(file, "JPEG", quality=92)
    else:
        subsampling, progressive = _SUBSAMPLING.get(kind, 2), kind == "progressive"
        image.save(file, "JPEG", quality=92, subsampling=subsampling, progressive=progressive)
    return file.getvalue()


def decode_set(data: Sequence[bytes], way: Way, device_id: int | None) -> list[np.ndarray]:
    """The box of each JPEG, as the dali loader decodes it.

    Args:
        data: encoded images.
        device_id: number of the GPU; None decodes on the CPU.

    Returns:
        (h, w, 3) uint8 of each, on the CPU.
    """
    from nvidia.dali import Pipeline, fn, types

    views = [np.frombuffer(one, np.uint8) for one in data]
    anchors = [np.array(BOX_OF[:2], np.int32)] * len(data)
    shapes = [np.array(BOX_OF[2:], np.int32)] * len(data)
    pipeline = Pipeline(
        batch_size=len(data), num_threads=2, device_id=device_id, prefetch_queue_depth=1
    )
    with pipeline:
        views_of, anchor, shape = fn.external_source(
            lambda: (views, anchors, shapes),
            num_outputs=3,
            batch=True,
            dtype=[types.UINT8, types.INT32, types.INT32],
            ndim=[1, 1, 1],
        )
        gpu = device_id is not None
        pipeline.set_outputs(decode_boxes(views_of, anchor, shape, way, gpu=gpu, upright=False))
    pipeline.build()
    (out,) = pipeline.run()
    return [np.asarray(image) for image in (out.as_cpu() if gpu else out)]


def _meeting(device: torch.device) -> str:
    """A short name of this GPU, driver and versions."""
    found = [torch.cuda.get_device_name(device), torch.__version__]
    with contextlib.suppress(OSError):
        found += Path("/proc/driver/nvidia/version").read_text().splitlines()[:1]
    for package in _PACKAGES:
        for suffix in ("", "-cuda120", "-cuda130", "-cu12", "-cu13"):
            with contextlib.suppress(importlib.metadata.PackageNotFoundError):
                found.append(f"{package}{suffix} {importlib.metadata.version(package + suffix)}")
    return hashlib.sha256("\n".join(found).encode()).hexdigest()[:16]


def _child_command(device: torch.device) -> list[str]:
    number = "cpu"
    if device.type == "cuda":
        number = str(torch.cuda.current_device() if device.index is None else device.index)
    place = Path(__file__).absolute().parents[3]
    return [sys.executable, "-c", _CHILD, str(place), number]


# The package may be a checkout that is not installed, used from anywhere.
_CHILD = """
import sys
place, number, way, out = sys.argv[1:]
sys.path.insert(0, place)
from headrace.pipeline.loaders.dali_check import answer
answer(None if number == "cpu" else int(number), way, out)
"""


def answer(device_id: int | None, way: Way, out: str) -> None:
    """The child's work: decodes one batch with all kinds, and writes their pixels."""
    images = decode_set([encoded(kind) for kind in KINDS], way, device_id)
    pixels: dict[str, Any] = dict(zip(KINDS, images, strict=True))
    np.savez(out, **pixels)

"""Whether JPEGs are decoded on the GPU as on the CPU: whole and in regions, one and many.

nvImageCodec 0.9.0 is reported to fail or crash on regions on some GPUs (NVIDIA/nvImageCodec#55):
so each way and each kind of JPEG is a part of its own. The last part is the loader's own check.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from headrace.bench.device.job import Job, Row
from headrace.pipeline.errors import MissingPackageError
from headrace.pipeline.installed import is_installed
from headrace.pipeline.loaders.dali_check import (
    BOX_OF,
    KINDS,
    apart,
    checked_way,
    decode_set,
    encoded,
    is_close,
)
from headrace.pipeline.loaders.dali_decoding import Way

LIBRARIES = ("nvimgcodec", "dali")
WAYS: tuple[Way, ...] = ("regions", "whole")
BATCH = 16
_VERDICT = "the loader's verdict"


def parts(job: Job) -> list[str]:
    kinds = KINDS[-1:] if job.quick else KINDS
    every = [f"{library} {way}, {kind}" for library in LIBRARIES for way in WAYS for kind in kinds]
    return [*every, _VERDICT] if job.device != "cpu" else every


def run(part: str, job: Job) -> Iterator[Row]:
    """One image, then many; pixels are held against libjpeg's."""
    device = torch.device(job.device)
    if part == _VERDICT:
        yield _verdict(device)
        return
    name, _, kind = part.partition(", ")
    library, way = name.split()
    if not is_installed(f"nvidia.{library}"):
        raise MissingPackageError(f"nvidia.{library} is not installed")
    data = encoded(kind)
    for count in (1, BATCH):
        images = _DECODE[library]([data] * count, "whole" if way == "whole" else "regions", device)
        found = [apart(image, kind) for image in images]
        largest, mean = max(a for a, _ in found), max(a for _, a in found)
        note = f"largest difference {largest}, mean {mean:.2f} levels"
        yield {"what": f"{part}, {count}", "ok": is_close((largest, mean)), "note": note}


def _verdict(device: torch.device) -> Row:
    if not is_installed("nvidia.dali"):
        raise MissingPackageError("DALI is not installed")
    verdict = checked_way(device)
    note = verdict.reason or "nothing to say against it"
    return {"what": _VERDICT, "note": f"{verdict.way or 'no way'}: {note}"}


def _nvimgcodec(data: list[bytes], way: Way, device: torch.device) -> list[np.ndarray]:
    """nvImageCodec's decoder by itself."""
    from nvidia import nvimgcodec

    kinds = nvimgcodec.BackendKind
    if device.type == "cuda":
        number = device.index or 0
        chosen = [kinds.HW_GPU_ONLY, kinds.GPU_ONLY, kinds.HYBRID_CPU_GPU]
    else:
        number, chosen = nvimgcodec.NVIMGCODEC_DEVICE_CPU_ONLY, [kinds.CPU_ONLY]
    decoder = nvimgcodec.Decoder(
        device_id=number, backends=[nvimgcodec.Backend(kind) for kind in chosen]
    )
    y, x, height, width = BOX_OF
    streams = [nvimgcodec.CodeStream(np.frombuffer(one, np.uint8)) for one in data]
    if way == "regions":
        region = nvimgcodec.Region(y, x, y + height, x + width)
        streams = [stream.get_sub_code_stream(region=region) for stream in streams]
    images = decoder.decode(streams)
    if failed := sum(image is None for image in images):
        raise RuntimeError(f"{failed} of {len(data)} were not decoded")
    arrays = [np.asarray(image.cpu()) for image in images]
    return arrays if way == "regions" else [a[y : y + height, x : x + width] for a in arrays]


def _dali(data: list[bytes], way: Way, device: torch.device) -> list[np.ndarray]:
    return decode_set(data, way, (device.index or 0) if device.type == "cuda" else None)


_DECODE = {"nvimgcodec": _nvimgcodec, "dali": _dali}

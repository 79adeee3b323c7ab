"""Whether JPEGs are decoded on the GPU as on the CPU: whole and in regions, one and many.

nvImageCodec 0.9.0 is reported to fail or crash on regions on some GPUs (NVIDIA/nvImageCodec#55):
so each way and each kind of JPEG is a part of its own.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from PIL import Image

from headrace.bench.augmenting.compare_engines import photos
from headrace.bench.device.job import Job, Row
from headrace.pipeline.errors import MissingPackageError
from headrace.pipeline.installed import is_installed

KINDS = ("444", "422", "420", "gray", "progressive", "odd")
WAYS = ("codec regions", "codec whole", "dali regions", "dali whole")
BATCH = 16
_SUBSAMPLING = {"444": 0, "422": 1}  # Pillow's numbers; the rest is 4:2:0
REGION = (24, 40, 104, 136)
"""y, x, end of y, end of x, px."""
_LARGEST, _MEAN = 40, 2.0  # decoders interpolate chroma each in their own way


def parts(job: Job) -> list[str]:
    return [f"{way}, {kind}" for way in WAYS for kind in KINDS]


def run(part: str, job: Job) -> Iterator[Row]:
    """One image, then many; pixels are held against libjpeg's."""
    way, _, kind = part.partition(", ")
    device = torch.device(job.device)
    decode = _codec if way.startswith("codec") else _dali
    for count in (1, BATCH):
        what = f"{part}, {count}"
        data = encoded(kind)
        regions = way.endswith("regions")
        images = decode([data] * count, regions, device)
        y, x, bottom, right = REGION
        expected = np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)
        expected = expected[y:bottom, x:right] if regions else expected
        apart = [np.abs(image.astype(int) - expected) for image in images]
        largest, mean = max(a.max() for a in apart), max(a.mean() for a in apart)
        close = bool(largest <= _LARGEST and mean <= _MEAN)
        note = f"largest difference {largest}, mean {mean:.2f} levels"
        yield {"what": what, "ok": close, "note": note}


def encoded(kind: str) -> bytes:
    """A photo of 160 x 200 px, of odd sides if that is its kind, as JPEG."""
    height, width = (157, 199) if kind == "odd" else (160, 200)
    pixels = photos(1, 200)[0].permute(1, 2, 0)[:height, :width].contiguous().numpy()
    image = Image.fromarray(pixels)
    if kind == "gray":
        image = image.convert("L")
    file = io.BytesIO()
    more = {} if kind == "gray" else {"subsampling": _SUBSAMPLING.get(kind, 2)}
    image.save(file, "JPEG", quality=92, progressive=kind == "progressive", **more)
    return file.getvalue()


def _codec(data: list[bytes], regions: bool, device: torch.device) -> list[np.ndarray]:
    """nvImageCodec's decoder by itself."""
    if not is_installed("nvidia.nvimgcodec"):
        raise MissingPackageError("nvImageCodec is not installed")
    from nvidia import nvimgcodec

    if device.type == "cuda":
        if not is_installed("nvidia.nvjpeg"):
            print("nvidia.nvjpeg is not installed as a package")
        decoder = nvimgcodec.Decoder(
            device_id=device.index or 0,
            backends=[
                nvimgcodec.Backend(nvimgcodec.BackendKind.HW_GPU_ONLY),
                nvimgcodec.Backend(nvimgcodec.BackendKind.GPU_ONLY),
                nvimgcodec.Backend(nvimgcodec.BackendKind.HYBRID_CPU_GPU),
            ],
        )
    else:
        decoder = nvimgcodec.Decoder(
            device_id=nvimgcodec.NVIMGCODEC_DEVICE_CPU_ONLY,
            backends=[nvimgcodec.Backend(nvimgcodec.BackendKind.CPU_ONLY)],
        )
    streams = [nvimgcodec.CodeStream(np.frombuffer(d, np.uint8)) for d in data]
    if regions:
        streams = [s.get_sub_code_stream(region=nvimgcodec.Region(*REGION)) for s in streams]
    images = decoder.decode(streams)
    if any(image is None for image in images):
        raise RuntimeError(f"{sum(i is None for i in images)} of {len(data)} were not decoded")
    return [np.asarray(image.cpu()) for image in images]


def _dali(data: list[bytes], regions: bool, device: torch.device) -> list[np.ndarray]:
    """DALI's decoder, as the dali loader calls it."""
    if not is_installed("nvidia.dali"):
        raise MissingPackageError("DALI is not installed")
    from nvidia.dali import Pipeline, fn, types

    gpu = device.type == "cuda"
    views = [np.frombuffer(d, np.uint8) for d in data]
    y, x, bottom, right = REGION
    given: dict[str, Any] = {"device": "mixed" if gpu else "cpu", "output_type": types.RGB}
    pipeline = Pipeline(len(data), 2, (device.index or 0) if gpu else None, prefetch_queue_depth=1)
    with pipeline:
        files = fn.external_source(lambda: views, batch=True, dtype=types.UINT8, ndim=1)
        if regions:
            box = {"axes": [0, 1], "normalized_anchor": False, "normalized_shape": False}
            images = fn.decoders.image_slice(files, [y, x], [bottom - y, right - x], **box, **given)
        else:
            images = fn.decoders.image(files, **given)
        pipeline.set_outputs(images)
    pipeline.build()
    (out,) = pipeline.run()
    return [np.asarray(image) for image in (out.as_cpu() if gpu else out)]

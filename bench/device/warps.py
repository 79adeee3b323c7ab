"""The resident loader's warp: memory at its peak and time, beside what torchvision users do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch

from headrace.bench.core.device_calls import peak_bytes
from headrace.bench.device.job import Job, Row, speed_row
from headrace.bench.device.timing import images_per_s
from headrace.pipeline.warp import crop_resize_batch

SHAPES = ((128, 256, 128), (256, 512, 224), (1024, 512, 224))
"""Images, side of their squares, side of the result, px."""
QUICK = ((4, 64, 32),)


EAGER, COMPILED = "crop and resize", "crop and resize, compiled"


def parts(job: Job) -> list[str]:
    return [EAGER] if torch.device(job.device).type == "cpu" else [EAGER, COMPILED]


def run(part: str, job: Job) -> Iterator[Row]:
    """Peak memory and images/s of each way, for each shape."""
    device = torch.device(job.device)
    for batch, side, out in QUICK if job.quick else SHAPES:
        ways = _ways(batch, side, out, device, compiled=part == COMPILED)
        data_bytes = batch * 3 * (side * side + out * out)
        for name, call in ways.items():
            what = f"{name}, {batch} x {side} to {out} px"
            try:
                call()
                peak = peak_bytes(call, device)
                speed = images_per_s(call, batch, job)
            except RuntimeError as error:  # of memory, most likely
                yield {"what": what, "ok": False, "note": str(error).splitlines()[0]}
                continue
            yield {
                "what": f"{what}, peak",
                "value": peak / 2**20,
                "unit": "MiB",
                "note": f"{peak / data_bytes:.1f} times input and output as bytes",
            }
            yield speed_row(what, speed.median, speed.iqr)


def _ways(
    batch: int, side: int, out: int, device: torch.device, *, compiled: bool
) -> dict[str, Callable[[], Any]]:
    from torchvision.transforms.v2 import functional

    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (batch, side, side, 3), generator=generator, dtype=torch.uint8)
    images = images.to(device)
    least = side // 3
    lengths = torch.randint(least, side + 1, (batch, 2), generator=generator)
    corners = (torch.rand((batch, 2), generator=generator) * (side - lengths + 1)).long()
    boxes = torch.cat([corners, lengths], 1).int()
    rows = boxes.tolist()
    boxes = boxes.to(device)
    flips = (torch.rand(batch, generator=generator) < 0.5).to(device)
    dtype = torch.float16 if device.type == "cuda" else torch.float32
    planes = images.permute(0, 3, 1, 2)

    def one_by_one() -> torch.Tensor:
        size = [out, out]
        return torch.stack(
            [
                functional.resized_crop(image, *row, size, antialias=True)
                for image, row in zip(planes, rows, strict=True)
            ]
        )

    def sampled() -> torch.Tensor:
        """Without antialiasing, so it does less."""
        y, x, height, width = (boxes.float() / side * 2).unbind(1)
        theta = torch.zeros((batch, 2, 3), device=device)
        theta[:, 0, 0], theta[:, 1, 1] = width / 2, height / 2
        theta[:, 0, 2], theta[:, 1, 2] = x + width / 2 - 1, y + height / 2 - 1
        grid = torch.nn.functional.affine_grid(theta, [batch, 3, out, out], align_corners=False)
        values = torch.nn.functional.grid_sample(planes.float(), grid, align_corners=False)
        return values.round().to(torch.uint8)

    if compiled:
        cut = torch.compile(crop_resize_batch, dynamic=False)
        return {"ours, compiled": lambda: cut(images, boxes, flips, (out, out), dtype)}
    return {
        "ours": lambda: crop_resize_batch(images, boxes, flips, (out, out), dtype),
        "torchvision, one by one": one_by_one,
        "grid_sample, not antialiased": sampled,
    }

"""What a result was measured on: the machine, and the versions of what ran."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from typing import Any

from headrace.pipeline import machine
from headrace.pipeline.cores import available_cores

PACKAGES = (
    "headrace",
    "torch",
    "torchvision",
    "torchcodec",
    "numpy",
    "pillow",
    "simplejpeg",
    "numba",
    "ffcv",
    "nvidia-dali-cuda120",
    "nvidia-nvimgcodec-cu12",
    "kornia",
    "timm",
    "lightning",
    "webdataset",
    "litdata",
    "spdl",
    "opencv-python-headless",
)
"""Distributions whose versions a result records, where they are installed."""


def hardware() -> dict[str, Any]:
    """CPU model, cores that this process may use, memory in GB, GPUs; nothing that names the host.

    GPUs are listed only if CUDA is in use already: asking would initialise it.
    """
    info: dict[str, Any] = {
        "cpu": machine.processor() or platform.machine(),
        "cores": available_cores(),
        "memory_gb": machine.memory_gb(),
        "system": f"{platform.system()} {platform.machine()}",
    }
    import torch

    if torch.cuda.is_initialized():
        info["gpus"] = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return info


def versions(packages: Sequence[str] = PACKAGES) -> dict[str, str]:
    """Versions of Python and of those packages that are installed."""
    return {"python": platform.python_version(), **machine.versions(packages)}

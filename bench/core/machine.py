"""What a result was measured on: the machine, and the versions of what ran."""

from __future__ import annotations

import contextlib
import importlib.metadata
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil

from headrace.pipeline.cores import available_cores

PACKAGES = (
    "headrace",
    "torch",
    "torchvision",
    "numpy",
    "pillow",
    "simplejpeg",
    "numba",
    "ffcv",
    "nvidia-dali-cuda120",
    "nvidia-nvimgcodec-cu12",
    "kornia",
    "timm",
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
        "cpu": _cpu_model(),
        "cores": available_cores(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "system": f"{platform.system()} {platform.machine()}",
    }
    import torch

    if torch.cuda.is_initialized():
        info["gpus"] = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return info


def _cpu_model() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def versions(packages: Sequence[str] = PACKAGES) -> dict[str, str]:
    """Versions of Python and of those packages that are installed."""
    found = {"python": platform.python_version()}
    for name in packages:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found

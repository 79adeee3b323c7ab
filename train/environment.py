"""What a run's numbers may depend on besides its settings: versions, hardware, its command."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
import time
from pathlib import Path
from typing import Any

import torch

from headrace.pipeline.cores import available_cores


def describe_environment(device: torch.device) -> dict[str, Any]:
    """Plain values for the log's start; what is not known is left out."""
    found: dict[str, Any] = {
        **{name: _version(name) for name in ("headrace", "torchvision", "numpy")},
        "python": platform.python_version(),
        "cuda": torch.version.cuda if device.type == "cuda" else None,
        "gpu": torch.cuda.get_device_name(device) if device.type == "cuda" else None,
        "platform": platform.platform(),
        "processor": _processor(),
        "cores": available_cores(),
        "memory_gb": _memory_gb(),
        "started": time.strftime("%Y-%m-%d %H:%M:%S %z"),
        "command": list(sys.argv),
    }
    return {name: value for name, value in found.items() if value is not None}


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _processor() -> str | None:
    """Its name; Linux alone tells it in a file."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor() or None
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or None


def _memory_gb() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1)
    except (AttributeError, ValueError, OSError):
        return None

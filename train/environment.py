"""What a run's numbers may depend on besides its settings: versions, hardware, its command."""

from __future__ import annotations

import platform
import sys
import time
from typing import Any

import torch

from headrace.pipeline.cores import available_cores
from headrace.pipeline.machine import memory_gb, processor, versions


def describe_environment(device: torch.device) -> dict[str, Any]:
    """Plain values for the log's start; what is not known is left out."""
    found: dict[str, Any] = {
        **versions(("headrace", "torchvision", "numpy")),
        "python": platform.python_version(),
        "cuda": torch.version.cuda if device.type == "cuda" else None,
        "gpu": torch.cuda.get_device_name(device) if device.type == "cuda" else None,
        "platform": platform.platform(),
        "processor": processor() or None,
        "cores": available_cores(),
        "memory_gb": memory_gb(),
        "started": time.strftime("%Y-%m-%d %H:%M:%S %z"),
        "command": list(sys.argv),
    }
    return {name: value for name, value in found.items() if value is not None}

"""What this machine is, and which versions are installed: for logs and for results."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Iterable
from pathlib import Path

import psutil


def processor() -> str:
    """Its model as Linux tells it, elsewhere what Python knows; "" if that is nothing."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def memory_gb() -> float:
    """Physical memory, in GB."""
    return round(psutil.virtual_memory().total / 1e9, 1)


def versions(packages: Iterable[str]) -> dict[str, str]:
    """Of those distributions that are installed, by name."""
    found = {}
    for name in packages:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found

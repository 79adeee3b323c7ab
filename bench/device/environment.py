"""What there is: the GPU, its driver, versions, compilers, and which packages are missing."""

from __future__ import annotations

import platform
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import torch

from headrace.bench.core.machine import PACKAGES, hardware, versions
from headrace.bench.device.job import Job, Row
from headrace.pipeline.installed import is_installed

OPTIONAL = {
    "nvidia.dali": "the dali loader",
    "nvidia.nvimgcodec": "the native loader's region decode",
    "nvidia.nvjpeg": "nvImageCodec's decode on the GPU",
    "ffcv": "the ffcv loader",
    "kornia": "Kornia as a peer, and its classes in recipes",
    "timm": "timm's models, lion and muon",
    "triton": "torch.compile on the GPU",
    "torchcodec": "nothing yet",
}
"""Packages and what needs them."""
_MORE = ("triton", "nvidia-nvjpeg-cu12", "nvidia-nvjpeg", "torchcodec", "nvidia-cuda-runtime-cu12")


def parts(job: Job) -> list[str]:
    return ["machine"]


def run(part: str, job: Job) -> Iterator[Row]:
    """What is there as notes, what is not as missing."""
    device = torch.device(job.device)
    if device.type == "cuda":
        yield from _gpu(device)
    else:
        yield {"what": "GPU", "missing": "run on the CPU"}
    machine = hardware()
    cpu = f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gb']} GB"
    yield _says("machine", f"{cpu}, {platform.platform()}")
    for name, version in versions((*PACKAGES, *_MORE)).items():
        yield _says(name, version)
    yield _says("CUDA of torch", str(torch.version.cuda))
    for tool in ("nvcc", "gcc", "ptxas"):
        yield _says(tool, shutil.which(tool) or "none on the path")
    for package, needed_by in OPTIONAL.items():
        if not is_installed(package):
            yield {"what": package, "missing": f"not installed; {needed_by}"}


def _gpu(device: torch.device) -> Iterator[Row]:
    found = torch.cuda.get_device_properties(device)
    yield _says("GPU", f"{found.name}, compute capability {found.major}.{found.minor}")
    yield {"what": "GPU memory", "value": found.total_memory / 2**30, "unit": "GiB"}
    yield _says("driver", driver() or "unknown")
    yield _says("cuDNN", str(torch.backends.cudnn.version()))
    (torch.ones(8, device=device) @ torch.ones(8, device=device)).item()
    yield {"what": "a product on the GPU", "ok": True}


def driver() -> str:
    """The driver's version as the kernel or nvidia-smi tells it; "" where neither does."""
    try:
        text = Path("/proc/driver/nvidia/version").read_text()
        return next(word for word in text.split() if word[:1].isdigit() and "." in word)
    except (OSError, StopIteration):
        pass
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        told = subprocess.run(command, capture_output=True, text=True, timeout=20).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return told.splitlines()[0] if told else ""


def _says(what: str, text: str) -> Row:
    return {"what": what, "note": text}

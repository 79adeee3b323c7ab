"""Tests of what a GPU does, which also run on a CPU as far as that has anything to say.

`bench/gpu.py --sections tests` runs them, each file in a process of its own. A test takes `device`
where it means something on both, and `cuda` where it needs a GPU: then it is left out without one.
With HEADRACE_GPU_TESTS_ON_CPU=1 those run on the CPU too, which tests the tests.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

# Before cuBLAS starts: what makes its results the same each time.
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")

import pytest
import torch

from headrace.pipeline.loaders import LOADERS
from headrace.pipeline.records import Records
from tests.builders import VARIANTS, available_loaders, make_records, samples
from tests.train.tiny_runs import write_data

ON_CPU = ("native", "resident", "torchvision")
"""Loaders that are tested here without a GPU; of the others tests/promises knows all there is."""
PER_VARIANT = 6
STORED = {"jpeg": VARIANTS[:-1], "raw": ("raw",), "mixed": VARIANTS}


@pytest.fixture(scope="session")
def device() -> torch.device:
    """The first GPU, else the CPU."""
    return torch.device("cuda", 0) if torch.cuda.is_available() else torch.device("cpu")


@pytest.fixture(scope="session")
def cuda(device: torch.device) -> torch.device:
    """The first GPU; the one place where a test is left out for want of it."""
    if device.type != "cuda" and not os.environ.get("HEADRACE_GPU_TESTS_ON_CPU"):
        pytest.skip("needs a CUDA GPU")
    return device


@pytest.fixture(scope="session", params=LOADERS)
def loader_name(request: pytest.FixtureRequest, device: torch.device) -> str:
    """Every loader that is installed, in turn."""
    name: str = request.param
    if name not in available_loaders():
        pytest.skip(f"{name}: its package is not installed")
    if device.type == "cpu" and name not in ON_CPU:
        pytest.skip(f"{name}: on a CPU tests/promises has tested it")
    return name


@pytest.fixture(scope="session")
def records_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Records]]:
    """Records of odd sizes: jpeg, raw or mixed."""
    opened: dict[str, Records] = {}

    def make(kind: str) -> Records:
        if kind not in opened:
            made = [
                sample
                for number, variant in enumerate(STORED[kind])
                for sample in samples(PER_VARIANT, variant=variant, seed=number, low=17, high=171)
            ]
            folder = tmp_path_factory.mktemp("gpu")
            opened[kind] = make_records(folder / f"{kind}.beton", made)
        return opened[kind]

    yield make
    for records in opened.values():
        records.close()


@pytest.fixture(scope="session")
def tinted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A .beton of three classes that are told by their tint."""
    return write_data(tmp_path_factory.mktemp("tinted") / "tiny.beton")


@pytest.fixture
def busy(device: torch.device) -> Callable[[], None]:
    """Keeps the current stream busy for some milliseconds, while the host goes on."""

    def work() -> None:
        if device.type == "cuda":
            torch.cuda._sleep(20_000_000)

    return work

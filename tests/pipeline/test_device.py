"""Batches on their way to a device, as far as that can be told without one."""

from __future__ import annotations

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from headrace.pipeline.device import async_copy


@pytest.mark.parametrize("name", ["cuda", "cuda:0"])
def test_what_is_on_the_gpu_already_is_left_there(name: str) -> None:
    """`cuda` is not equal to `cuda:0`, and memory of a GPU cannot be pinned."""
    with FakeTensorMode():
        images = torch.empty((2, 3, 4, 4), dtype=torch.uint8, device="cuda:0")
        assert async_copy(images, torch.device(name)) is images

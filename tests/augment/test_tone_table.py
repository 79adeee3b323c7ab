"""The table of tone operations: every row has torch code and a kernel, which do the same."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
import torch

from headrace.augment import Preprocess, build_augmenter
from headrace.augment.kernels import tone as kernels
from headrace.augment.operations.tone import TONE
from headrace.augment.ops import TONE_OPS
from headrace.augment.steps import STEPS


def test_every_tone_operation_has_one_row() -> None:
    assert sorted(row.op for row in TONE.values()) == sorted(TONE_OPS)
    assert set(TONE) <= set(STEPS)


@pytest.mark.parametrize("name", TONE)
def test_the_kernel_stands_where_the_table_says(name: str) -> None:
    assert callable(getattr(kernels, TONE[name].kernel))
    assert f"{TONE[name].kernel}(" in inspect.getsource(kernels._tone_table.py_func)


@pytest.mark.parametrize("name", TONE)
def test_kernel_and_torch_code_agree(name: str) -> None:
    """At both ends of the range, for images of one channel and of three."""
    row = TONE[name]
    items: list[dict[str, Any]] = [{"op": name, "p": 1.0}]
    if row.amount is not None:
        low, high = max(row.amount.low, 0.0), min(row.amount.high, 2.5)
        whole = int if row.amount.whole else float
        ends = [whole(low), whole((low + high) / 2), whole(high)]
        items = [{"op": name, "p": 1.0, row.amount.key: [end, end]} for end in ends]
    generator = torch.Generator().manual_seed(0)
    for channels in (1, 3):
        shape = (5, channels, 17, 24)
        images = torch.randint(20, 230, shape, generator=generator, dtype=torch.uint8)
        images = images.contiguous(memory_format=torch.channels_last)
        plain = Preprocess(mean=(0.0,) * channels, std=(1.0,) * channels)
        for item in items:
            fast, slow = (
                build_augmenter([item], num_classes=2, preprocess=plain, kernels=kernel)
                for kernel in (True, False)
            )
            labels = torch.zeros(5, dtype=torch.int64)
            difference = (fast(images, labels)[0] - slow(images, labels)[0]).abs().max() * 255
            # torch's power rounds differently from the C library's, by less than a level.
            assert float(difference) <= (1.01 if name == "gamma" else 0.0), item

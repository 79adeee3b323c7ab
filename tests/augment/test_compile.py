"""Every recipe traces as one graph, and what runs from that graph equals the eager result."""

from __future__ import annotations

import shutil

import pytest
import torch
from torch._dynamo.testing import CompileCounter

from headrace.augment import RECIPES, build_augmenter


def batch(height: int = 24, width: int = 32) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    images = torch.randint(0, 256, (8, 3, height, width), generator=generator, dtype=torch.uint8)
    return images.contiguous(memory_format=torch.channels_last), torch.arange(8) % 5


@pytest.mark.parametrize("recipe", RECIPES)
def test_one_graph_equal_to_eager(recipe: str) -> None:
    """fullgraph=True raises on a graph break; the graph runs through ATen, without C++."""
    torch._dynamo.reset()
    counter = CompileCounter()
    eager = build_augmenter(recipe, num_classes=5, kernels=False)
    images, labels = batch()
    noise, tables = eager.sample(*images.shape), eager.prepare(24, 32)
    expected = eager.run(images, labels, noise, tables)
    compiled = torch.compile(eager.run, fullgraph=True, dynamic=False, backend=counter)
    got = compiled(images, labels, noise, tables)
    assert counter.frame_count == 1
    assert torch.equal(got[0], expected[0]) and torch.equal(got[1], expected[1])


@pytest.mark.skipif(not any(map(shutil.which, ("g++", "clang++"))), reason="needs a C++ compiler")
@pytest.mark.parametrize("recipe", ["cifar"])
def test_compiled_code_equals_eager(recipe: str) -> None:
    """The public way in, through the real compiler; a small recipe, since it takes long."""
    torch._dynamo.reset()
    images, labels = batch()
    compiled = build_augmenter(recipe, num_classes=5, seed=1, compile=True)
    eager = build_augmenter(recipe, num_classes=5, seed=1, kernels=False)
    for _ in range(2):
        got, expected = compiled(images, labels), eager(images, labels)
        assert torch.allclose(got[0], expected[0], atol=1e-5)
        assert torch.equal(got[1], expected[1])

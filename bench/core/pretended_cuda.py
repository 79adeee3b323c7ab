"""A CUDA device that is only pretended: tensors on it have a shape, a size, and no values.

Whatever torch checks of a GPU before it takes mixed precision, a generator or pinned memory is
answered as one would.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode

import headrace.augment.engine


@contextmanager
def pretended_cuda() -> Iterator[FakeTensorMode]:
    """Inside of it `device="cuda"` works on any machine, for code that is not compiled.

    A backward pass needs a driver: instead weights that a loss depends on get a gradient at once,
    for which no kernel runs. On a pretended CPU (`device="cpu"`) it is what it is.
    """

    def generator(device: torch.device, seed: int) -> torch.Generator:
        """One on the device would need a driver; draws without values take any."""
        return torch.Generator().manual_seed(seed)

    with ExitStack() as stack:
        for place, name, value in (
            (headrace.augment.engine, "_generator", generator),
            (torch.cuda.amp.common, "amp_definitely_not_available", lambda: False),
            (torch.cuda, "is_bf16_supported", lambda *given: True),
            (torch.Tensor, "pin_memory", lambda tensor: tensor),
            (torch.Tensor, "backward", _backward),
            (torch.Tensor, "numpy", _numpy),
        ):
            stack.enter_context(patch.object(place, name, value))
        yield stack.enter_context(FakeTensorMode(allow_non_fake_inputs=True))


_BACKWARD, _NUMPY = torch.Tensor.backward, torch.Tensor.numpy


def _backward(loss: torch.Tensor, *given: Any, **named: Any) -> None:
    if loss.device.type != "cuda":
        _BACKWARD(loss, *given, **named)
        return
    waiting, seen = [loss.grad_fn], set()
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        waiting += [following for following, _ in node.next_functions]
        if hasattr(node, "variable"):
            node.variable.grad = torch.empty_like(node.variable)


def _numpy(tensor: torch.Tensor, **named: Any) -> np.ndarray:
    """Zeros, where a tensor has no values."""
    if not isinstance(tensor, FakeTensor):
        return _NUMPY(tensor, **named)
    assert tensor.device.type == "cpu", "numpy reads no memory of a GPU"
    return np.zeros(tuple(tensor.shape), str(tensor.dtype).removeprefix("torch."))

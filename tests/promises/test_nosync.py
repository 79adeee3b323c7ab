"""Every recipe on a simulated CUDA device: nothing is copied to the host, no shape depends on data.

FakeTensorMode carries device and shape and no values, so this runs without a GPU. It raises by
itself on ``.item()`` and on data-dependent shapes; a dispatch mode on top catches the copies.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

import headrace.augment.engine
from headrace.augment import RECIPES, Preprocess, build_augmenter

WAITING = ("_local_scalar_dense", "nonzero", "masked_select", "unique", "bincount", "is_nonzero")


class NoHostCopy(TorchDispatchMode):
    """Fails on operations that make the host wait, or move data to or from it."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        self.calls += 1
        name = str(func)
        assert not any(word in name for word in WAITING), f"{name} waits for the device"
        before = devices((args, kwargs))
        out = func(*args, **(kwargs or {}))
        after = devices(out)
        moved = before - {"cuda"} if "cuda" in after else after - {"cuda"} if before else set()
        assert not moved, f"{name} crosses between host and device"
        return out


def devices(tree: Any) -> set[str]:
    leaves = torch.utils._pytree.tree_leaves(tree)
    return {leaf.device.type for leaf in leaves if isinstance(leaf, torch.Tensor)}


EXTRA: dict[str, Any] = {
    "every step": [
        {"op": "perspective", "p": 0.5},
        {"op": "scale", "factor": [0.8, 1.2]},
        {"op": "shear_x", "degrees": 10},
        {"op": "gamma", "exponent": [0.7, 1.4]},
        "autocontrast",
        {"op": "grayscale"},
        {"op": "channel_mix"},
        {"op": "hue", "turns": 0.1},
        {"op": "sharpness", "factor": 0.5},
        "blur",
        {"op": "cutout", "holes": 2, "length": 8, "fill": "noise"},
        {"op": "mix", "of": {"mixup": 1, "cutmix": 1, "ricap": 1}, "per": "sample"},
    ],
    "choice": [{"op": "choice", "of": [["trivial", "hflip"], []], "weights": [0.95, 0.1]}],
    "rand as drawn": [{"op": "rand", "order": "drawn"}],
}


@pytest.fixture
def pretend_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    """A CUDA generator cannot exist without a GPU; fake sampling ignores which one it is given."""

    def generator(device: torch.device, seed: int) -> torch.Generator:
        return torch.Generator().manual_seed(seed)

    monkeypatch.setattr(headrace.augment.engine, "_generator", generator)


@pytest.mark.parametrize("channels", [3, 1])
@pytest.mark.parametrize("recipe", [*RECIPES, *EXTRA])
def test_no_sync(recipe: str, channels: int, pretend_cuda: None) -> None:
    aug = build_augmenter(
        EXTRA.get(recipe, recipe),
        num_classes=11,
        preprocess=Preprocess(size=32, mean=(0.5,) * channels, std=(0.2,) * channels),
        device="cuda",
        dtype=torch.bfloat16,
    )
    with FakeTensorMode(allow_non_fake_inputs=True):
        images = torch.empty((8, channels, 24, 32), dtype=torch.uint8, device="cuda")
        labels = torch.empty((8,), dtype=torch.int64, device="cuda")
        # The constants of an image size move to the device once, with the first batch.
        aug.prepare(24, 32)
        with NoHostCopy() as mode:
            out, targets = aug(images, labels)
    assert mode.calls > 0
    assert out.device.type == targets.device.type == "cuda"
    assert out.shape == images.shape and out.dtype == torch.bfloat16
    assert out.is_contiguous(memory_format=torch.channels_last)
    assert targets.dtype == (torch.float32 if aug.mixes else torch.int64)


def test_the_mode_catches_what_it_should() -> None:
    with FakeTensorMode(allow_non_fake_inputs=True):
        tensor = torch.empty((4,), device="cuda")
        host = torch.zeros(4)
        for wrong in (
            lambda: tensor.cpu(),
            lambda: tensor.sum().item(),
            lambda: tensor[tensor > 0],
            lambda: host.to("cuda"),
        ):
            with pytest.raises(Exception, match=r"crosses|waits|item|nonzero|_local_scalar_dense"):
                with NoHostCopy():
                    wrong()

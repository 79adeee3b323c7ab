"""Every function that runs on the device, counted on one batch of a given size.

They are the project's own, on tensors of `pretended_cuda`: what is made up is what they are given.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from headrace.augment import RECIPES, Preprocess, build_augmenter
from headrace.bench.core.device_calls import DeviceCalls
from headrace.bench.core.pretended_cuda import pretended_cuda
from headrace.pipeline.batch import Batch
from headrace.pipeline.device import async_copy
from headrace.pipeline.loaders.dali import DaliBackend, _Delivered, _Lane
from headrace.pipeline.loaders.resident import ResidentBackend
from headrace.pipeline.loaders.resident_shelves import Shelf
from headrace.train.device.amp import Precision
from headrace.train.evaluation.inference import answer
from headrace.train.losses import distillation
from headrace.train.losses.teachers import Teachers
from headrace.train.metrics.meter import Meter
from headrace.train.optimizers.build import build_optimizer
from headrace.train.processes.world import World
from headrace.train.progress import Progress
from headrace.train.settings.config_file import from_flat
from headrace.train.step import optimise

CUDA = torch.device("cuda")
NUM_CLASSES = 1000
Call = Callable[[], object]


@dataclass(frozen=True, kw_only=True)
class Size:
    """A batch on a kind of GPU.

    Attributes:
        gpu: that takes it.
        batch: images.
        side: of the images that come out, px.
        stored: side of the squares that the resident loader keeps, px.
        dtype: of the forward pass there.
    """

    gpu: str
    batch: int
    side: int
    stored: int
    dtype: torch.dtype

    def __str__(self) -> str:
        return f"{self.gpu}, {self.batch} x {self.side} px"

    def images(self, device: str = "cuda") -> Tensor:
        """(B, 3, S, S) uint8, channels_last."""
        shape = (self.batch, self.side, self.side, 3)
        return torch.empty(shape, dtype=torch.uint8, device=device).permute(0, 3, 1, 2)

    def labels(self, device: str = "cuda") -> Tensor:
        """(B,) int64."""
        return torch.empty(self.batch, dtype=torch.int64, device=device)


SIZES = (
    Size(gpu="T4", batch=64, side=128, stored=256, dtype=torch.float16),
    Size(gpu="T4", batch=128, side=224, stored=512, dtype=torch.float16),
    Size(gpu="H100", batch=256, side=224, stored=512, dtype=torch.bfloat16),
    Size(gpu="H100", batch=1024, side=224, stored=512, dtype=torch.bfloat16),
)


def _augmented(size: Size, recipe: Any) -> Call:
    """A recipe on one batch; what it copies to the device once has been copied."""
    images, labels = size.images(), size.labels()
    augmenter = build_augmenter(recipe, num_classes=NUM_CLASSES, device=CUDA, dtype=size.dtype)
    augmenter.prepare(size.side, size.side)
    return lambda: augmenter(images, labels)


def _copied(size: Size) -> Call:
    batch = Batch(size.images("cpu"), size.labels("cpu"), size.labels("cpu"))
    return lambda: [async_copy(tensor, CUDA) for tensor in batch]


def _resident(size: Size, num_shelves: int) -> Call:
    """Gather and warp out of the images that are kept, half of the batch from each shelf."""
    every = np.arange(size.batch)
    shelves = [
        Shelf(
            side=size.stored >> level,
            indices=every,
            levels=np.full(size.batch, level),
            sizes=np.full((size.batch, 2), size.stored >> level),
            scales=np.ones(size.batch),
            refuted=np.zeros(size.batch, bool),
        )
        for level in range(num_shelves)
    ]
    backend = ResidentBackend.__new__(ResidentBackend)  # which decodes nothing
    backend._device, backend._shelves = CUDA, shelves
    backend._starts = np.cumsum([0, *(shelf.num_bytes for shelf in shelves)])
    backend._square_of = np.stack([every] * num_shelves)
    backend._memory = torch.empty(int(backend._starts[-1]), dtype=torch.uint8, device=CUDA)
    boxes = np.tile(np.array([0, 0, 64, 64], np.int32), (size.batch, 1))
    plan: Any = SimpleNamespace(
        indices=every,
        boxes=boxes,
        read_boxes=lambda places: boxes[places],
        read_levels=lambda places: (every % num_shelves)[places],
        flips=np.zeros(size.batch, bool),
        targets_of=lambda places: None,
        shape=(size.side, size.side),
    )
    return lambda: backend._submit_on_device(plan, slice(None))()


def _handed_over(size: Size) -> Call:
    """What DALI has decoded leaves its memory."""
    images, lane = size.images().permute(0, 2, 3, 1), _Lane.__new__(_Lane)
    return lambda: lane._kept(images)


def _merged(size: Size) -> Call:
    """A batch of which one half was decoded, the other stored as pixels."""
    backend, half = DaliBackend.__new__(DaliBackend), size.batch // 2
    backend._config = SimpleNamespace(device=CUDA)  # type: ignore[assignment]
    images = size.images().permute(0, 2, 3, 1)
    parts = [
        (np.arange(start, start + half), _Delivered(images[:half], np.zeros(half, bool), ""))
        for start in (0, half)
    ]
    return lambda: backend._merged(parts, 2 * half, (size.side, size.side))


def _precision(size: Size, device: torch.device) -> Precision:
    return Precision(device=device, dtype=size.dtype, reason="")


def _resnet(device: torch.device) -> torch.nn.Module:
    from torchvision.models import resnet18

    with device:
        model = resnet18()
    for weight in model.parameters():
        weight.data = weight.to(memory_format=torch.channels_last) if weight.ndim == 4 else weight
    return model


def _step(size: Size, device: torch.device) -> Call:
    """One step of a run with default settings: ResNet-18, soft targets, scaler where fp16 is."""
    config, precision, model = from_flat({}, "bench"), _precision(size, device), _resnet(device)
    optim = config.optim
    run: Any = SimpleNamespace(
        config=config,
        model=model,
        forward=model,
        world=World(),
        progress=Progress(),
        precision=precision,
        loss=distillation.build(optim.distill, optim.build("loss", None)),
        teachers=Teachers((), precision, 1.0, ""),
        scaler=precision.scaler(),
        objective=optim.build("objective", model),
        optimizer=build_optimizer(model, optim),
        schedule=lambda step: 0.1,
        meter=Meter(device),
    )
    images = torch.empty_like(size.images(device.type), dtype=size.dtype)
    targets = torch.empty((size.batch, NUM_CLASSES), device=device)
    with DeviceCalls():  # in which a value that is read is there
        optimise(run, images, targets)  # after which the optimizer has its state
    return lambda: optimise(run, images, targets)


def _evaluation(size: Size) -> Call:
    model, precision = _resnet(CUDA), _precision(size, CUDA)
    batch, preprocess = Batch(size.images(), size.labels(), size.labels()), Preprocess()
    return lambda: answer(
        model, [batch] * 2, lambda b: preprocess.normalise(b.images, precision.dtype), precision
    )


COPY, WARP, LEVELS = "copy to the device", "resident", "resident of two sizes"
DALI, DALI_MIXED = "dali", "dali with raw images"
STEP, STEP_ON_CUDA = "training step", "training step without its backward pass"
EVALUATION = "evaluation of two batches"
FUNCTIONS: dict[str, Callable[[Size], Call]] = {
    COPY: _copied,
    WARP: partial(_resident, num_shelves=1),
    LEVELS: partial(_resident, num_shelves=2),
    DALI: _handed_over,
    DALI_MIXED: _merged,
    **{f"recipe {name}": partial(_augmented, recipe=name) for name in RECIPES},
    STEP: partial(_step, device=torch.device("cpu")),
    STEP_ON_CUDA: partial(_step, device=CUDA),
    EVALUATION: _evaluation,
}
"""Names and what makes a call that does one batch (evaluation: two)."""


def counted(name: str, size: Size) -> DeviceCalls:
    """What one of FUNCTIONS asks of the device.

    The whole training step is one of a pretended CPU, as its backward pass needs a driver on CUDA;
    what is left of it there tells of copies.
    """
    with pretended_cuda():
        call = FUNCTIONS[name](size)
        with DeviceCalls("cpu" if name == STEP else "cuda") as calls:
            call()
    return calls

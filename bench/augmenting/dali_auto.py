"""DALI's automatic augmentations, as its documentation builds them: each image draws its own.

Source of the interface: NVIDIA DALI, `nvidia.dali.auto_aug`. Images are handed to DALI where they
are, on the GPU or in memory. It makes each batch when it is asked to and none ahead, or it would
compute while others are timed.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import torch

from headrace.bench.augmenting.works import MEAN, STD, Work
from headrace.pipeline.installed import is_installed


def dali_auto(work: Work, images: torch.Tensor, labels: torch.Tensor) -> Callable[[], Any] | None:
    """Its policy for a work that is one, normalised as the others are; None for other works."""
    steps = work.torchvision or ()
    if len(steps) != 1 or steps[0] not in _POLICIES or not is_installed("nvidia.dali"):
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # DALI's own policies use its deprecated names
        pipeline = _pipeline(steps[0], images)
    return lambda: torch.from_dlpack(pipeline.run()[0].as_tensor())


def _trivial(images: Any, shape: list[int]) -> Any:
    from nvidia.dali.auto_aug.trivial_augment import trivial_augment_wide

    return trivial_augment_wide(images, shape=shape)


def _rand(images: Any, shape: list[int]) -> Any:
    from nvidia.dali.auto_aug.rand_augment import rand_augment

    return rand_augment(images, n=2, m=9, shape=shape)


def _auto(images: Any, shape: list[int]) -> Any:
    from nvidia.dali.auto_aug.auto_augment import auto_augment_image_net

    return auto_augment_image_net(images, shape=shape)


_POLICIES = {"trivial": _trivial, "rand": _rand, "auto": _auto}


def _pipeline(policy: str, images: torch.Tensor) -> Any:
    from nvidia.dali import fn, pipeline_def, types

    gpu = images.is_cuda
    batch = images.permute(0, 2, 3, 1).contiguous()
    held = batch if gpu else list(batch.numpy())

    @pipeline_def(
        enable_conditionals=True,
        exec_pipelined=False,
        exec_async=False,
        batch_size=len(images),
        num_threads=torch.get_num_threads(),
        device_id=torch.cuda.current_device() if gpu else None,
    )
    def augmented() -> Any:
        source = fn.external_source(
            lambda: held,
            batch=True,
            no_copy=True,
            device="gpu" if gpu else "cpu",
            layout="HWC",
            dtype=types.UINT8,
            ndim=3,
        )
        made = _POLICIES[policy](source, list(images.shape[2:]))
        return fn.crop_mirror_normalize(
            made,
            dtype=types.FLOAT16 if gpu else types.FLOAT,
            mean=[255 * value for value in MEAN],
            std=[255 * value for value in STD],
        )

    pipeline = augmented()
    pipeline.build()
    return pipeline

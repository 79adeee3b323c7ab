"""Any class of ``kornia.augmentation`` as a step, with random numbers of the augmenter's own.

Kornia draws from torch's global generators. The step lends it the CPU one: the state is swapped in
before and out after, so that a run repeats and resumes, and the caller's stream is left alone.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch

from headrace.augment.draws import Tables
from headrace.augment.protocol import Noise, Step
from headrace.pipeline.errors import ConfigError, MissingPackageError


class KorniaParams(NamedTuple):
    """Attributes: active (B,) bool, the samples to change."""

    active: torch.Tensor


class KorniaStep(Step):
    """Applies one Kornia augmentation to float images in 0..1 and rounds back to bytes."""

    draws_on_host = True

    def __init__(self, name: str, arguments: Mapping[str, Any]) -> None:
        """Builds the module.

        Args:
            name: class name, such as "RandomGaussianBlur".
            arguments: keyword arguments of the class.

        Raises:
            ConfigError: when Kornia has no such augmentation, refuses the arguments, or would mix
                samples, of which targets know nothing.
            MissingPackageError: when Kornia is not installed.
        """
        self.name = name
        self.module = _build(name, arguments)
        warnings.warn(
            f"the Kornia step {name} draws on the host: on CUDA it copies and may wait for the "
            "device, and a recipe that holds it is not compiled",
            stacklevel=2,
        )

    @property
    def columns(self) -> int:
        return 0

    def sample(
        self,
        uniform: torch.Tensor,
        gamma: torch.Tensor,
        tables: Tables,
        size: tuple[int, int],
    ) -> KorniaParams:
        """All samples; Kornia draws its own parameters when it is applied."""
        return KorniaParams(torch.ones(len(uniform), dtype=torch.bool, device=uniform.device))

    def mask(self, params: KorniaParams, active: torch.Tensor) -> KorniaParams:
        """Samples that are not active ((B,) bool) stay as they are."""
        return KorniaParams(params.active & active)

    def apply(self, images: torch.Tensor, params: KorniaParams, noise: Noise) -> torch.Tensor:
        """(B, C, H, W) uint8 to the same, channels_last.

        Args:
            images: the batch.
            params: which samples to change.
            noise: its host generator advances by what Kornia draws.
        """
        generator = noise.host
        assert generator is not None
        outside = torch.random.get_rng_state()
        torch.random.set_rng_state(generator.get_state())
        try:
            # Some modules, of older versions above all, take views that channels_last has not.
            plain = images.to(torch.float32, memory_format=torch.contiguous_format)
            changed = self.module(plain / 255.0)
        finally:
            generator.set_state(torch.random.get_rng_state())
            torch.random.set_rng_state(outside)
        if changed.shape != images.shape:
            raise ConfigError(
                f"kornia {self.name} turns {tuple(images.shape)} into {tuple(changed.shape)}: "
                "a step has to keep the shape of the batch"
            )
        changed = (changed * 255.0).round().clamp(0, 255).to(torch.uint8)
        out = torch.where(params.active[:, None, None, None], changed, images)
        return out.contiguous(memory_format=torch.channels_last)


def _build(name: str, arguments: Mapping[str, Any]) -> torch.nn.Module:
    try:
        import kornia.augmentation as K
    except ImportError as error:
        raise MissingPackageError(
            "a recipe names a Kornia augmentation, and kornia is not installed: "
            'pip install "headrace[kornia]"'
        ) from error
    kind = getattr(K, name, None)
    if not isinstance(kind, type) or not issubclass(kind, torch.nn.Module):
        raise ConfigError(
            f"kornia.augmentation has no class {name!r}: expected one such as 'ColorJitter' or "
            "'RandomGaussianBlur'"
        )
    # A jigsaw alone makes an image of nothing but its own parts.
    if name != "RandomJigsaw" and issubclass(kind, K.MixAugmentationBaseV2):
        raise ConfigError(
            f"kornia {name} mixes samples and would leave their labels as they are; take mixup, "
            "cutmix, ricap or mix, which mix both"
        )
    given = {k: tuple(v) if isinstance(v, list) else v for k, v in arguments.items()}
    try:
        return kind(**given)
    except Exception as error:
        text = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ConfigError(f"kornia {name} refuses {dict(arguments)}: {text}") from error

"""How stored pixels become network input: one description for training, evaluation, prediction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from headrace.pipeline.crops.settings import CropConfig, Size
from headrace.pipeline.errors import ConfigError

if TYPE_CHECKING:
    from headrace.pipeline.planned import PlannedLoader
    from headrace.pipeline.records import Records

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


Statistics = tuple[tuple[float, ...], tuple[float, ...]]
"""Means and deviations of the channels, in 0..1."""


def data_statistics(records: Records) -> Statistics | None:
    """Those that were measured when the data was packed; None where they were not."""
    manifest = records.manifest
    if manifest.mean is None or manifest.std is None:
        return None
    # Images of one colour have no deviation.
    return tuple(manifest.mean), tuple(max(value, 1 / 255) for value in manifest.std)


@dataclass(frozen=True, kw_only=True)
class Preprocess:
    """Input size and normalisation of a model; saved in its checkpoint and read from there.

    Attributes:
        size: of the images in evaluation and prediction: a side, or height and width, px.
        eval_mode, eval_crop, eval_sharpness: how those are cut and from what they are read, see
            pipeline/crops/settings.py.
        mean: channel means in 0..1, one per channel (one or three).
        std: channel standard deviations in 0..1, one per channel.
    """

    size: Size = 128
    eval_mode: str = "centre"
    eval_crop: float = 0.875
    eval_sharpness: float = 1.0
    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD

    def __post_init__(self) -> None:
        if isinstance(self.size, list):  # as a checkpoint holds it
            object.__setattr__(self, "size", tuple(self.size))
        self.crop  # noqa: B018, which checks them
        for name in ("mean", "std"):
            values = tuple(float(value) for value in getattr(self, name))
            if len(values) not in (1, 3):
                raise ConfigError(
                    f"{name} has {len(values)} values: expected 1 or 3, one a channel"
                )
            object.__setattr__(self, name, values)
        if len(self.mean) != len(self.std):
            raise ConfigError(
                f"mean has {len(self.mean)} values and std {len(self.std)}: expected as many"
            )
        if not all(0.0 <= value <= 1.0 for value in self.mean):
            raise ConfigError(f"mean is {self.mean}: expected values in 0..1 (divide by 255)")
        if not all(0.0 < value <= 1.0 for value in self.std):
            raise ConfigError(f"std is {self.std}: expected values above 0, at most 1")

    @property
    def crop(self) -> CropConfig:
        """How evaluation and prediction cut: each way of it is a geometry's of the same name."""
        return CropConfig(
            size=self.size,
            geometry=self.eval_mode,
            eval_crop=self.eval_crop,
            eval_sharpness=self.eval_sharpness,
        )

    @classmethod
    def of(cls, loader: PlannedLoader) -> Preprocess:
        """That of a model that is trained from a loader: its crop, and its data's numbers.

        The mean and deviation are those measured when the data was packed, ImageNet's where they
        were not, as in a run with --normalise auto and no weights to start from.
        """
        crop, own = loader.config.plan.crop, data_statistics(loader.records)
        mean, std = own or (IMAGENET_MEAN, IMAGENET_STD)
        return cls.of_crop(crop, mean, std)

    @classmethod
    def of_crop(
        cls, crop: CropConfig, mean: tuple[float, ...], std: tuple[float, ...]
    ) -> Preprocess:
        """With the evaluation's side of a crop."""
        return cls(
            size=crop.side(train=False),
            eval_mode=crop.mode(train=False),
            eval_crop=crop.eval_share,
            eval_sharpness=crop.eval_sharpness,
            mean=mean,
            std=std,
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and lists, for a checkpoint that loads with ``weights_only=True``."""
        values = asdict(self)
        return {key: list(v) if isinstance(v, tuple) else v for key, v in values.items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Preprocess:
        """The inverse of :meth:`to_dict`.

        Raises:
            ConfigError: on a key that is not a field, or a value out of range.
        """
        known = {field.name for field in fields(cls)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise ConfigError(f"unknown preprocess keys {unknown}: expected {sorted(known)}")
        return cls(**values)

    def scale_and_shift(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Per channel (scale, shift) with ``normalised = byte * scale + shift``."""
        scale = tuple(1.0 / (255.0 * std) for std in self.std)
        shift = tuple(-mean / std for mean, std in zip(self.mean, self.std, strict=True))
        return scale, shift

    def of_row(self, width: int) -> tuple[np.ndarray, np.ndarray]:
        """The same for a row of pixels with interleaved channels, (width·C,) float32 each."""
        scale, shift = (
            np.tile(np.asarray(values, np.float32), width) for values in self.scale_and_shift()
        )
        return scale, shift

    def undo(self, images: torch.Tensor) -> torch.Tensor:
        """Normalised images as floating bytes again.

        Args:
            images: (B, C, H, W) floating, normalised by these settings, any device.

        Returns:
            (B, C, H, W) float32 of about 0..255, neither rounded nor clamped.
        """
        scale, shift = (
            torch.tensor(values, dtype=torch.float32, device=images.device).view(1, -1, 1, 1)
            for values in self.scale_and_shift()
        )
        return (images.float() - shift) / scale

    def normalise(self, images: torch.Tensor, dtype: torch.dtype = torch.float32) -> torch.Tensor:
        """Bytes to zero mean and unit variance.

        Args:
            images: (B, C, H, W) uint8, or float with values in 0..255, any device.
            dtype: floating dtype of the result; the arithmetic is float32 whatever it is.

        Returns:
            (B, C, H, W) in ``dtype``, channels_last, on the same device.

        Raises:
            ConfigError: on images of another shape or number of channels.
        """
        if images.ndim != 4 or images.shape[1] != len(self.mean):
            raise ConfigError(
                f"images are {tuple(images.shape)}: expected (B, {len(self.mean)}, H, W)"
            )
        if images.device.type == "cpu" and images.dtype == torch.uint8:
            return self._normalise_bytes(images).to(dtype)
        return self.normalise_batched(images, dtype)

    def normalise_batched(self, images: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        """:meth:`normalise` in torch on any device: the same numbers, and it can be compiled."""
        kind: dict[str, Any] = {"dtype": torch.float32, "device": images.device}
        scale, shift = (
            # Fills, not torch.tensor: the constants never travel from the host to the device.
            torch.cat([torch.full((1, 1, 1, 1), v, **kind) for v in values], 1)
            for values in self.scale_and_shift()
        )
        out = images.to(torch.float32).mul(scale).add_(shift).to(dtype)
        return out.contiguous(memory_format=torch.channels_last)

    def _normalise_bytes(self, images: torch.Tensor) -> torch.Tensor:
        """One pass over the bytes, where torch would take several over four times as many."""
        from headrace.augment.buffers import rows
        from headrace.augment.kernels.normalise import run_normalise

        batch, channels, height, width = images.shape
        out = torch.empty((batch, height, width, channels), dtype=torch.float32, device="cpu")
        target = out.view(batch, height, width * channels).numpy()
        scale, shift = self.of_row(width)
        upright = np.zeros(batch, np.bool_)
        run_normalise(rows(images), target, 0, batch, upright, scale, shift, channels)
        return out.permute(0, 3, 1, 2)

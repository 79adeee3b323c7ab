"""Muon: the momentum of each weight matrix, made orthogonal; AdamW for everything else.

Source: Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024; timm's Muon,
which flattens kernels of convolutions to matrices. Its update is scaled to the size of AdamW's (Liu
et al., "Muon is scalable for LLM training", 2025), so that one learning rate does for both.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, ClassVar

import torch

from headrace.train.device.amp import choose_precision
from headrace.train.optimizers.of_timm import of_timm
from headrace.train.settings.technique import ABOVE_ZERO, SHARE, SHARES, Technique, check_all

HEAD_APART = True


@dataclass(frozen=True, kw_only=True)
class Settings(Technique):
    """Of Muon and of the AdamW beside it."""

    lr: ClassVar[float] = 0.002
    weight_decay: ClassVar[float] = 0.05

    momentum: float = 0.95
    """Share of a matrix's momentum that goes on at each step."""
    nesterov: bool = True
    """Take the gradient's part of the momentum beforehand."""
    newton_steps: int = 5
    """Iterations that make the momentum orthogonal."""
    aux_betas: tuple[float, float] = (0.9, 0.95)
    """Betas of the AdamW for biases, norms and the head."""
    aux_scale: float = 1.0
    """Its learning rate over that of Muon."""

    def __post_init__(self) -> None:
        expected = {"momentum": SHARE, "newton_steps": ABOVE_ZERO}
        check_all(self, {**expected, "aux_betas": SHARES, "aux_scale": ABOVE_ZERO})


def build(
    groups: list[dict[str, Any]], settings: Settings, fused: bool = False
) -> torch.optim.Optimizer:
    """Muon over parameter groups that bring their own weight decay; it has no fused kernel."""
    for group in groups:
        if group["head"] or all(weight.ndim <= 1 for weight in group["params"]):
            # Plain AdamW; with `nesterov` timm takes NAdamW, as for kernels that make no matrix.
            group |= {"use_fallback": True, "nesterov": False}
    optimizer: torch.optim.Optimizer = _muon(_native(groups[0]["params"][0].device))(
        groups,
        lr=settings.lr,
        momentum=settings.momentum,
        nesterov=settings.nesterov,
        ns_steps=settings.newton_steps,
        adjust_lr_fn="match_rms_adamw",
        betas=settings.aux_betas,
        fallback_lr_scale=settings.aux_scale,
    )
    return optimizer


def _native(device: torch.device) -> torch.dtype:
    """bfloat16, or float32 where a device only emulates that."""
    found = choose_precision("auto", device).dtype
    return torch.bfloat16 if found == torch.bfloat16 else torch.float32


@lru_cache
def _muon(dtype: torch.dtype) -> Any:
    """timm's class, its matrix products in a number format; timm's own are in bfloat16."""
    kind = of_timm("Muon")
    from timm.optim import muon

    products = muon.zeropower_via_newtonschulz

    class Muon(kind):  # type: ignore[misc,valid-type]
        def step(self, closure: Any = None) -> Any:
            muon.zeropower_via_newtonschulz = partial(products, dtype=dtype)
            try:
                return super().step(closure)
            finally:
                muon.zeropower_via_newtonschulz = products

    return Muon

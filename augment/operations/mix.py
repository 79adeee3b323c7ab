"""Mixing: mixup, CutMix and RICAP, their recipe keys, and how λ, partners and boxes are drawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch

from headrace.augment.amounts import beta_strength, number, share_of_one
from headrace.augment.buffers import Buffers, Job
from headrace.augment.draws import Tables, pick_index
from headrace.augment.operations.single import Constructor
from headrace.augment.ops import MixKind, check_codes
from headrace.augment.protocol import Sampled
from headrace.augment.torch_code.mix import MixParams, mix
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.near_names import did_you_mean

KINDS = {"mixup": MixKind.MIXUP, "cutmix": MixKind.CUTMIX, "ricap": MixKind.RICAP}


@dataclass(frozen=True, kw_only=True)
class Mix(Sampled):
    """One of several ways of mixing.

    Sources: mixup (Zhang et al., ICLR 2018), CutMix (Yun et al., ICCV 2019), RICAP (Takahashi,
    Matsubara and Uehara, 2018).

    Attributes:
        kinds: names out of mixup, cutmix and ricap.
        alphas: for each kind the parameter of its Beta(alpha, alpha).
        weights: relative probability of each kind.
        p: probability that anything is mixed; decided once, never per kind.
        per: "batch" draws kind, share and box once for all samples, "sample" for each its own.
    """

    kinds: tuple[str, ...]
    alphas: tuple[float, ...]
    weights: tuple[float, ...]
    p: float = 1.0
    per: str = "batch"

    comes_last = True

    def __post_init__(self) -> None:
        unknown = sorted(set(self.kinds) - set(KINDS))
        if unknown:
            near = did_you_mean(unknown[0], KINDS)
            raise ConfigError(f"unknown mix {unknown[0]!r}: expected {', '.join(KINDS)}{near}")

    @property
    def partners(self) -> int:
        """How many other samples can be part of one."""
        return 4 if "ricap" in self.kinds else 1

    @property
    def columns(self) -> int:
        return 2 + self.partners + 2 + (8 if "ricap" in self.kinds else 0)

    @property
    def gammas(self) -> tuple[float, ...]:
        return tuple(alpha for alpha in self.alphas for _ in range(4))

    def sample(
        self,
        uniform: torch.Tensor,
        gamma: torch.Tensor,
        tables: Tables,
        size: tuple[int, int],
    ) -> MixParams:
        """Uniform and Gamma numbers of the batch to what each sample is mixed from."""
        batch, partners = len(uniform), self.partners
        if self.per == "batch":
            shared, gamma = uniform[:1].expand(batch, -1), gamma[:1].expand(batch, -1)
        else:
            shared = uniform
        kind, lam, second = self._choose(shared, gamma)
        # Sorting independent numbers is a random permutation; samples keep their own columns here.
        order = uniform[:, 2 : 2 + partners].argsort(0)
        position = shared[:, 2 + partners : 4 + partners]
        box, taken = _cut_box(lam, position, size)
        offset = order.new_zeros((batch, partners, 2))
        cut_away = torch.where(kind == MixKind.CUTMIX.value, 1.0 - taken, 1.0)
        own = torch.where(kind == MixKind.MIXUP.value, lam, cut_away)
        shares = torch.stack([own, 1.0 - own], 1)
        if "ricap" in self.kinds:
            ricap = (kind == MixKind.RICAP.value)[:, None]
            cut, offset, patch = _ricap(lam, second, shared[:, 4 + partners :], size)
            box = torch.where(ricap, cut, box)
            patch = torch.cat([torch.zeros_like(patch[:, :1]), patch], 1)
            shares = torch.where(ricap, patch, torch.nn.functional.pad(shares, (0, 3)))
        return MixParams(kind, order, 1.0 - own, box, offset, shares)

    def _choose(
        self, shared: torch.Tensor, gamma: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Draws the kind of each sample, and λ.

        λ (`lam`) is drawn from Beta(alpha, alpha), as G0 / (G0 + G1) of two Gamma(alpha) numbers
        (Devroye, Non-Uniform Random Variate Generation, 1986, IX.4). In mixup (Zhang et al., ICLR
        2018) it is the sample's own share, in CutMix (Yun et al., ICCV 2019) the share of the
        area outside the box. RICAP (Takahashi et al., 2018) divides the width by it, and the
        height by a second one, of Beta(beta, beta).

        Returns:
            kind: (B,) int64 codes of MixKind.
            lam, second: (B,) float32 in 0..1; 1 where nothing is mixed.
        """
        kind = shared.new_zeros(len(shared), dtype=torch.int64)
        lam = second = shared.new_ones(len(shared))
        low, total = 0.0, sum(self.weights)
        for i, name in enumerate(self.kinds):
            high = low + self.weights[i] / total  # of the last above any float32 below 1
            here = (shared[:, 1] >= low) & (shared[:, 1] < high) & (shared[:, 0] < self.p)
            g0, g1, g2, g3 = gamma[:, 4 * i : 4 * i + 4].unbind(1)
            kind = torch.where(here, KINDS[name].value, kind)
            lam = torch.where(here, g0 / (g0 + g1), lam)
            second = torch.where(here, g2 / (g2 + g3), second)
            low = high
        return kind, lam, second

    def apply(self, images: torch.Tensor, params: MixParams) -> torch.Tensor:
        """(B, C, H, W) uint8 to float32 in 0..255, channels_last."""
        return mix(images, params, frozenset(KINDS[name] for name in self.kinds))

    def cpu_job(
        self,
        params: MixParams,
        source: np.ndarray,
        target: np.ndarray,
        buffers: Buffers,
        scale: np.ndarray,
        shift: np.ndarray,
    ) -> Job:
        """The same by the CPU's kernels, normalised on the way.

        Args:
            params: what each sample is mixed from.
            source: (B, H, W·C) uint8, all of them finished.
            target: (B, H, W·C) float32.
            buffers: of this batch shape.
            scale, shift: (W·C,) float32 of the normalisation.

        Raises:
            ConfigError: on a kind that does not exist.
        """
        from headrace.augment.kernels.mix import run_mix

        check_codes(params.kind.tolist(), MixKind)
        fields = [
            field.contiguous().numpy()
            for field in (params.kind, params.partners, params.weight, params.box, params.offset)
        ]
        channels, spare = buffers.channels, buffers.spare

        def job(thread: int, start: int, stop: int) -> None:
            run_mix(source, target, spare[thread], start, stop, *fields, scale, shift, channels)

        return job


def _cut_box(
    lam: torch.Tensor, position: torch.Tensor, size: tuple[int, int]
) -> tuple[torch.Tensor, torch.Tensor]:
    """CutMix's box about a uniform centre, cut off at the border, and its exact area share."""
    height, width = size
    side = (1.0 - lam).sqrt()
    half_y, half_x = (side * height).long() // 2, (side * width).long() // 2
    down, across = position.unbind(1)
    y, x = pick_index(down, height), pick_index(across, width)
    top, bottom = (y - half_y).clamp(min=0), (y + half_y).clamp(max=height)
    left, right = (x - half_x).clamp(min=0), (x + half_x).clamp(max=width)
    area = ((bottom - top) * (right - left)).float() / float(height * width)
    return torch.stack([top, bottom, left, right], 1), area


def _ricap(
    across: torch.Tensor, down: torch.Tensor, uniform: torch.Tensor, size: tuple[int, int]
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """RICAP's dividing corner as a box, the shift into each partner, and the area shares.

    Patches are numbered top left, top right, bottom left, bottom right.
    """
    height, width = size
    x, y = (across * width).round().long(), (down * height).round().long()
    tall = torch.stack([y, y, height - y, height - y], 1)
    wide = torch.stack([x, width - x, x, width - x], 1)
    # Where the patch starts in its own image, minus where it is pasted.
    from_y = (uniform[:, :4] * (height - tall + 1)).long()
    from_x = (uniform[:, 4:] * (width - wide + 1)).long()
    from_y, from_x = torch.minimum(from_y, height - tall), torch.minimum(from_x, width - wide)
    zero = torch.zeros_like(x)
    offset_y = from_y - torch.stack([zero, zero, y, y], 1)
    offset_x = from_x - torch.stack([zero, x, zero, x], 1)
    box = torch.stack([zero, y, zero, x], 1)
    shares = (tall * wide).float() / float(height * width)
    return box, torch.stack([offset_y, offset_x], 2), shares


def _one_mix(kind: str, parameter: str) -> Callable[..., Mix]:
    def mixed(strength: float, p: float, per: str) -> Mix:
        return _mix_of({kind: 1.0}, {kind: beta_strength(parameter, strength)}, p, per)

    if parameter == "beta":

        def by_beta(
            *, beta: float = 0.3, p: float = 1.0, per: str = "batch", mean: tuple[int, ...]
        ) -> Mix:
            return mixed(beta, p, per)

        return by_beta

    def by_alpha(
        *, alpha: float = 1.0, p: float = 1.0, per: str = "batch", mean: tuple[int, ...]
    ) -> Mix:
        return mixed(alpha, p, per)

    return by_alpha


def _mix(
    *,
    of: Mapping[str, float],
    alpha: float = 1.0,
    beta: float = 0.3,
    p: float = 1.0,
    per: str = "batch",
    mean: tuple[int, ...],
) -> Mix:
    strengths = {"mixup": alpha, "cutmix": alpha, "ricap": beta}
    return _mix_of(of, {k: beta_strength("alpha or beta", v) for k, v in strengths.items()}, p, per)


def _mix_of(of: Mapping[str, float], strengths: dict[str, float], p: float, per: str) -> Mix:
    if not isinstance(of, Mapping) or not of or set(of) - set(KINDS):
        raise ConfigError(f"of is {of!r}: expected weights of {', '.join(KINDS)}")
    if per not in ("batch", "sample"):
        raise ConfigError(f"per is {per!r}: expected batch or sample")
    weights = tuple(number(f"weight of {kind}", weight) for kind, weight in of.items())
    if sum(weights) <= 0:
        raise ConfigError(f"of is {dict(of)!r}: expected at least one weight above 0")
    return Mix(
        kinds=tuple(of),
        alphas=tuple(strengths[kind] for kind in of),
        weights=weights,
        p=share_of_one("p", p),
        per=per,
    )


MIX_STEPS: dict[str, Constructor] = {
    "mixup": _one_mix("mixup", "alpha"),
    "cutmix": _one_mix("cutmix", "alpha"),
    "ricap": _one_mix("ricap", "beta"),
    "mix": _mix,
}

"""The mix stage: mixup, CutMix and RICAP on the whole batch, with soft targets.

Mixing is linear, so it works on pixel values in 0..255 and normalisation follows it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch

from headrace.augment.draws import Tables, pick_index
from headrace.pipeline.errors import ConfigError

NONE, MIXUP, CUTMIX, RICAP = range(4)
KINDS = {"mixup": MIXUP, "cutmix": CUTMIX, "ricap": RICAP}


class MixParams(NamedTuple):
    """What each sample is mixed from.

    Attributes:
        kind: (B,) int64, one of NONE, MIXUP, CUTMIX, RICAP.
        partners: (B, P) int64 positions in the batch; P is 1, or 4 where RICAP is possible.
        weight: (B,) float32, the share of the partner in mixup.
        box: (B, 4) int64 top, bottom, left, right: the partner's pixels in CutMix; the corner
            (bottom, right) divides RICAP's four patches.
        offset: (B, 4, 2) int64 y, x: from a pixel of a RICAP patch to the partner's pixel.
        shares: (B, 1 + P) float32, of the sample itself and its partners in the target.
    """

    kind: torch.Tensor
    partners: torch.Tensor
    weight: torch.Tensor
    box: torch.Tensor
    offset: torch.Tensor
    shares: torch.Tensor


@dataclass(frozen=True, kw_only=True)
class Mix:
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

    def tables(self, height: int, width: int) -> Tables:
        return torch.zeros(0)

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
        kind, share, second = self._choose(shared, gamma)
        # Sorting independent numbers is a random permutation; samples keep their own columns here.
        order = uniform[:, 2 : 2 + partners].argsort(0)
        position = shared[:, 2 + partners : 4 + partners]
        box, taken = _cut_box(share, position, size)
        offset = order.new_zeros((batch, partners, 2))
        own = torch.where(kind == MIXUP, share, torch.where(kind == CUTMIX, 1.0 - taken, 1.0))
        shares = torch.stack([own, 1.0 - own], 1)
        if "ricap" in self.kinds:
            ricap = (kind == RICAP)[:, None]
            cut, offset, patch = _ricap(share, second, shared[:, 4 + partners :], size)
            box = torch.where(ricap, cut, box)
            patch = torch.cat([torch.zeros_like(patch[:, :1]), patch], 1)
            shares = torch.where(ricap, patch, torch.nn.functional.pad(shares, (0, 3)))
        return MixParams(kind, order, 1.0 - own, box, offset, shares)

    def _choose(
        self, shared: torch.Tensor, gamma: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Kind (B,) and two Beta shares (B,) of the kind that was chosen."""
        kind = torch.zeros_like(shared[:, 0], dtype=torch.int64)
        share, second = torch.ones_like(shared[:, 0]), torch.ones_like(shared[:, 0])
        low, total = 0.0, sum(self.weights)
        for i, name in enumerate(self.kinds):
            high = low + self.weights[i] / total if i + 1 < len(self.kinds) else 1.0
            here = (shared[:, 1] >= low) & (shared[:, 1] < high) & (shared[:, 0] < self.p)
            g = gamma[:, 4 * i : 4 * i + 4]
            kind = torch.where(here, KINDS[name], kind)
            share = torch.where(here, g[:, 0] / (g[:, 0] + g[:, 1]), share)
            second = torch.where(here, g[:, 2] / (g[:, 2] + g[:, 3]), second)
            low = high
        return kind, share, second

    def apply(self, images: torch.Tensor, params: MixParams) -> torch.Tensor:
        """(B, C, H, W) uint8 to float32 in 0..255, channels_last."""
        height, width = images.shape[2:]
        row = torch.arange(height, device=images.device)[:, None]
        column = torch.arange(width, device=images.device)
        top, bottom, left, right = params.box[:, :, None, None].unbind(1)
        own = images
        if "ricap" in self.kinds:
            patched = _patches(images, params, (row >= bottom) * 2 + (column >= right) * 1)
            own = torch.where((params.kind == RICAP)[:, None, None, None], patched, images)
        level = own.float()
        if set(self.kinds) == {"ricap"}:
            return level
        other = images[params.partners[:, 0]].float()
        inside = (row >= top) & (row < bottom) & (column >= left) & (column < right)
        kind = params.kind[:, None, None]
        weight = torch.where(kind == MIXUP, params.weight[:, None, None], 0.0)
        weight = torch.where((kind == CUTMIX) & inside, 1.0, weight)
        return level + (other - level) * weight[:, None]

    def targets(self, labels: torch.Tensor, params: MixParams, num_classes: int) -> torch.Tensor:
        """(B,) int64 labels to (B, num_classes) float32 shares that sum to 1."""
        classes = torch.arange(num_classes, device=labels.device)
        # float32 whatever the images are: bf16 holds neither the shares nor large class numbers.
        targets = (labels[:, None] == classes) * params.shares[:, :1]
        for k in range(self.partners):
            other = labels[params.partners[:, k]]
            targets = targets + (other[:, None] == classes) * params.shares[:, k + 1 : k + 2]
        return targets


def _cut_box(
    share: torch.Tensor, position: torch.Tensor, size: tuple[int, int]
) -> tuple[torch.Tensor, torch.Tensor]:
    """CutMix's box about a uniform centre, cut off at the border, and its exact area share."""
    height, width = size
    side = (1.0 - share).sqrt()
    half_y, half_x = (side * height).long() // 2, (side * width).long() // 2
    y, x = pick_index(position[:, 0], height), pick_index(position[:, 1], width)
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
    from_y = (uniform[:, 0:4] * (height - tall + 1)).long()
    from_x = (uniform[:, 4:8] * (width - wide + 1)).long()
    from_y, from_x = torch.minimum(from_y, height - tall), torch.minimum(from_x, width - wide)
    zero = torch.zeros_like(x)
    offset_y = from_y - torch.stack([zero, zero, y, y], 1)
    offset_x = from_x - torch.stack([zero, x, zero, x], 1)
    box = torch.stack([zero, y, zero, x], 1)
    shares = (tall * wide).float() / float(height * width)
    return box, torch.stack([offset_y, offset_x], 2), shares


def _patches(images: torch.Tensor, params: MixParams, quadrant: torch.Tensor) -> torch.Tensor:
    """(B, C, H, W) uint8: each pixel from the partner of its quadrant ((B, H, W) int64)."""
    batch, channels, height, width = images.shape
    flat = quadrant.view(batch, -1)
    partner = params.partners.gather(1, flat)
    row = torch.arange(height, device=images.device).repeat_interleave(width)
    column = torch.arange(width, device=images.device).repeat(height)
    y = row + params.offset[:, :, 0].gather(1, flat)
    x = column + params.offset[:, :, 1].gather(1, flat)
    # Samples that are not patched have offsets of another draw: keep every index inside.
    index = (partner * height + y.clamp(0, height - 1)) * width + x.clamp(0, width - 1)
    pixels = images.permute(0, 2, 3, 1).reshape(-1, channels)
    out = pixels[index.view(-1)].view(batch, height, width, channels)
    return out.permute(0, 3, 1, 2)


def check_labels(labels: torch.Tensor, num_classes: int) -> None:
    """Refuses labels that have no place in a soft target.

    On the CPU this raises at once. On another device it must not wait, so the check runs there and
    a bad label stops the program at a later call.

    Raises:
        ConfigError: on a label below 0 (unlabelled) or not below ``num_classes``.
    """
    good = (labels >= 0) & (labels < num_classes)
    text = (
        f"mixing needs a label in 0..{num_classes - 1} for every sample; found an unlabelled "
        "sample (-1) or another class: leave such samples out, or use a recipe that does not mix"
    )
    if labels.device.type == "cpu" and not torch.compiler.is_compiling():
        if not bool(good.all()):
            worst = labels[~good][0].item()
            raise ConfigError(f"label {worst}: {text}")
    else:
        torch._assert_async(good.all(), text)

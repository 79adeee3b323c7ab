"""From uniform numbers to operations and magnitudes: single operations and policies of several.

A source of draws says how many columns of uniform numbers it reads per sample and maps them, with
plain arithmetic on the device, to one operation and magnitude for each of its slots.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol, Union

import torch

from headrace.augment.ops import Draws, Op, check_codes, join
from headrace.augment.settings import WarpConfig

# Constants of a step for one image size: a tensor, or one for each of its parts.
Tables = Union[torch.Tensor, tuple["Tables", ...]]  # noqa: UP007 - evaluated at run time


class DrawSource(Protocol):
    """Something that fills slots of a pass.

    Attributes:
        slots: for each slot the operations that it can draw at all.
        columns: how many uniform numbers each sample needs.
    """

    @property
    def slots(self) -> tuple[frozenset[Op], ...]: ...

    @property
    def columns(self) -> int: ...

    def tables(self, height: int, width: int) -> Tables:
        """Constants for an image size, float32 on the CPU; they move to the device once."""
        ...

    def draw(self, uniform: torch.Tensor, tables: Tables, size: tuple[int, int]) -> Draws:
        """Maps (B, columns) float32 in [0, 1) to draws; ``tables`` is on the same device."""
        ...


class Drawn(NamedTuple):
    """What a named operation draws, and how a pass that carries it out has to read pixels."""

    source: DrawSource
    warp: WarpConfig = WarpConfig()


def pick_index(uniform: torch.Tensor, count: int) -> torch.Tensor:
    """Uniform numbers in [0, 1) to int64 in 0..count-1 (float32 may round up to count)."""
    return (uniform * count).long().clamp_(max=count - 1)


def _plain(op: torch.Tensor, magnitude: torch.Tensor) -> Draws:
    return Draws(op, magnitude, magnitude.new_zeros((*op.shape, 0)))


@dataclass(frozen=True, kw_only=True)
class SingleOp:
    """One operation with probability p and a magnitude uniform between low and high.

    Attributes:
        op: what to do.
        low, high: bounds of the magnitude, both included where it is whole.
        p: probability per sample.
        unit: what a magnitude of 1 stands for: "one", "width" or "height" of the image in pixels.
        whole: round the magnitude (after its unit) to whole numbers.
    """

    op: Op
    low: float = 0.0
    high: float = 0.0
    p: float = 1.0
    unit: str = "one"
    whole: bool = False

    def __post_init__(self) -> None:
        check_codes((self.op,))

    @property
    def slots(self) -> tuple[frozenset[Op], ...]:
        return (frozenset((self.op, Op.IDENTITY)),)

    @property
    def columns(self) -> int:
        return 2

    def tables(self, height: int, width: int) -> torch.Tensor:
        return torch.zeros(0)

    def draw(self, uniform: torch.Tensor, tables: Tables, size: tuple[int, int]) -> Draws:
        unit = {"one": 1, "height": size[0], "width": size[1]}[self.unit]
        low, high = self.low * unit, self.high * unit
        if self.whole:
            low, high = round(low), round(high)
            magnitude = (pick_index(uniform[:, 1:], int(high - low) + 1) + int(low)).float()
        else:
            magnitude = uniform[:, 1:] * (high - low) + low
        return _plain(torch.where(uniform[:, :1] < self.p, int(self.op), 0), magnitude)


@dataclass(frozen=True, kw_only=True)
class Merged:
    """Several sources side by side in one pass: their matrices and tables are composed."""

    sources: tuple[DrawSource, ...]

    @property
    def slots(self) -> tuple[frozenset[Op], ...]:
        return tuple(slot for source in self.sources for slot in source.slots)

    @property
    def columns(self) -> int:
        return sum(source.columns for source in self.sources)

    def tables(self, height: int, width: int) -> Tables:
        return tuple(source.tables(height, width) for source in self.sources)

    def draw(self, uniform: torch.Tensor, tables: Tables, size: tuple[int, int]) -> Draws:
        column, draws = 0, []
        for source, own in zip(self.sources, tables, strict=True):
            draws.append(source.draw(uniform[:, column : column + source.columns], own, size))
            column += source.columns
        return join(draws)


@dataclass(frozen=True, kw_only=True)
class SpaceEntry:
    """One operation of a policy's search space, its magnitudes linear over the bins.

    Attributes:
        op: the operation.
        low, high: magnitude of the first and of the last bin.
        signed: negative with probability one half.
        unit: what a magnitude of 1 stands for: "one", "width" or "height" in pixels.
        whole: "round" or "trunc" to whole numbers, or "" to leave them.
    """

    op: Op
    low: float = 0.0
    high: float = 0.0
    signed: bool = False
    unit: str = "one"
    whole: str = ""

    def __post_init__(self) -> None:
        check_codes((self.op,))

    def magnitudes(self, bins: int, height: int, width: int) -> torch.Tensor:
        """(bins,) float32."""
        unit = {"one": 1, "height": height, "width": width}[self.unit]
        values = torch.linspace(self.low * unit, self.high * unit, bins, dtype=torch.float32)
        if self.whole == "round":
            # Posterize: torchvision subtracts a range of bins from a whole number of bits.
            steps = torch.arange(bins, dtype=torch.float32)
            return (self.low - steps / ((bins - 1) / (self.low - self.high))).round()
        return values.trunc() if self.whole == "trunc" else values


@dataclass(frozen=True, kw_only=True)
class UniformPolicy:
    """Each slot draws an operation uniformly from a space, and a bin of its magnitudes.

    TrivialAugment (one slot, any bin), RandAugment (some slots, one fixed bin) and the chains of
    AugMix (the lowest few of ten bins) are this with different numbers.

    Attributes:
        space: the operations to choose from.
        bins: into how many steps a magnitude range is divided.
        first_bin, last_bin: which of them are drawn, uniformly.
        num_ops: how many slots.
    """

    space: tuple[SpaceEntry, ...]
    bins: int
    first_bin: int
    last_bin: int
    num_ops: int = 1

    @property
    def slots(self) -> tuple[frozenset[Op], ...]:
        return (frozenset(entry.op for entry in self.space),) * self.num_ops

    @property
    def columns(self) -> int:
        return 3 * self.num_ops

    def tables(self, height: int, width: int) -> torch.Tensor:
        """(operations, 2 + bins): code, signed, magnitudes."""
        rows = [
            torch.cat(
                [
                    torch.tensor([entry.op, entry.signed], dtype=torch.float32),
                    entry.magnitudes(self.bins, height, width),
                ]
            )
            for entry in self.space
        ]
        return torch.stack(rows)

    def draw(self, uniform: torch.Tensor, tables: Tables, size: tuple[int, int]) -> Draws:
        assert isinstance(tables, torch.Tensor)
        entry = pick_index(uniform[:, 0::3], len(self.space))
        step = self.first_bin + pick_index(uniform[:, 1::3], self.last_bin - self.first_bin + 1)
        flat = tables.flatten()
        row = entry * tables.shape[1]
        negative = (flat[row + 1] > 0.5) & (uniform[:, 2::3] < 0.5)
        magnitude = flat[row + 2 + step]
        magnitude = torch.where(negative, -magnitude, magnitude)
        return _plain(flat[row].long(), magnitude)


@dataclass(frozen=True, kw_only=True)
class TablePolicy:
    """One of several fixed pairs of operations, each carried out with its own probability.

    Attributes:
        pairs: for each sub-policy two of (entry of ``space``, probability, bin).
        space: the operations with their magnitude ranges.
        bins: into how many steps a magnitude range is divided.
    """

    pairs: tuple[tuple[tuple[int, float, int], tuple[int, float, int]], ...]
    space: tuple[SpaceEntry, ...]
    bins: int = 10

    @property
    def slots(self) -> tuple[frozenset[Op], ...]:
        return tuple(
            frozenset([Op.IDENTITY, *(self.space[pair[slot][0]].op for pair in self.pairs)])
            for slot in (0, 1)
        )

    @property
    def columns(self) -> int:
        return 5

    def tables(self, height: int, width: int) -> torch.Tensor:
        """(sub-policies, 2, 4): code, signed, probability, magnitude."""

        def row(index: int, probability: float, step: int) -> torch.Tensor:
            entry = self.space[index]
            head = torch.tensor([entry.op, entry.signed, probability], dtype=torch.float32)
            return torch.cat([head, entry.magnitudes(self.bins, height, width)[step : step + 1]])

        return torch.stack([torch.stack([row(*part) for part in pair]) for pair in self.pairs])

    def draw(self, uniform: torch.Tensor, tables: Tables, size: tuple[int, int]) -> Draws:
        assert isinstance(tables, torch.Tensor)
        chosen = tables[pick_index(uniform[:, 0], len(self.pairs))]
        code, signed, probability, magnitude = chosen.unbind(2)
        negative = (signed > 0.5) & (uniform[:, 3:5] < 0.5)
        applied = uniform[:, 1:3] < probability
        magnitude = torch.where(negative, -magnitude, magnitude)
        return _plain(torch.where(applied, code, 0.0).long(), magnitude)

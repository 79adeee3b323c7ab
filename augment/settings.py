"""Settings that operations of several families share: what a pass reads, what fills a hole."""

from __future__ import annotations

from dataclasses import dataclass

from headrace.pipeline.errors import ConfigError

INTERPOLATIONS = ("nearest", "bilinear")


@dataclass(frozen=True, kw_only=True)
class WarpConfig:
    """How a pass reads between and outside the pixels.

    Attributes:
        interpolation: "nearest" or "bilinear".
        fill: byte for what lies outside, one for all channels or one for each.
        kernel_size: side of the Gaussian blur in pixels, odd.
    """

    interpolation: str = "nearest"
    fill: tuple[int, ...] = (0,)
    kernel_size: int = 9

    def __post_init__(self) -> None:
        if self.interpolation not in INTERPOLATIONS:
            expected = " or ".join(INTERPOLATIONS)
            raise ConfigError(f"interpolation is {self.interpolation!r}: expected {expected}")


@dataclass(frozen=True, kw_only=True)
class Fill:
    """What an erased pixel becomes: a colour, one byte for each channel, or noise.

    Attributes:
        colour: bytes, one for all channels or one for each.
        noise: uniform random bytes instead of the colour.
    """

    colour: tuple[int, ...] = (0,)
    noise: bool = False

    def __post_init__(self) -> None:
        sane = isinstance(self.colour, tuple) and all(b in range(256) for b in self.colour)
        if not sane or not self.colour:
            raise ConfigError(f"fill colour is {self.colour!r}: expected bytes, 0..255")

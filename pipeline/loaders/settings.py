"""Which loader decodes, with how many workers, and what becomes of what it cannot decode."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from headrace.pipeline.command_line import called
from headrace.pipeline.containers.beton import MODE_JPEG
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.limits import check_limits
from headrace.pipeline.loaders import LOADERS
from headrace.pipeline.near_names import did_you_mean

if TYPE_CHECKING:
    LoaderName = str
else:  # what the folder holds is what may be chosen
    _names = ("auto", *LOADERS)
    LoaderName = Literal[_names]


def pack_or_torchvision(path: Path) -> str:
    """What to do with a folder that a loader does not read."""
    return f"pack it with {called('pack', path, 'OUT.beton')}, or take --loader torchvision"


Workers = int | Literal["auto"] | None


@dataclass(frozen=True, kw_only=True)
class DecodeConfig:
    """How samples are decoded; none of it changes which pixels a plan gives, save for rounding.

    Raises:
        ConfigError: for a value that cannot work.
    """

    loader: LoaderName = "auto"
    """Which decoder feeds the batches; every one carries out the same plan."""
    workers: Workers = None
    """Decoding threads or processes per process; by default one per core at hand, auto tries out
    what is fastest, 0 decodes in the calling thread where the loader can."""
    resident_memory: float = 0.5
    """Share of the device's free memory that the resident loader may take."""
    on_bad_sample: Literal["raise", "skip"] = "raise"
    """An image that cannot be decoded is an error, or the plan's next one takes its place."""
    check_bytes: Literal["jpeg", "all", "off"] = "jpeg"
    """Which samples' stored bytes are compared with the checksum that they were packed with, each
    time that they are read; those of raw ones cost more than to resize them."""

    def __post_init__(self) -> None:
        check_limits(self)
        if self.loader not in ("auto", *LOADERS):
            near = did_you_mean(self.loader, LOADERS)
            names = ", ".join(LOADERS)
            raise ConfigError(f"loader is {self.loader!r}, expected auto, {names}{near}")
        if isinstance(self.workers, str) and self.workers != "auto":
            raise ConfigError(f"workers is {self.workers!r}, expected a number or auto")
        if isinstance(self.workers, int) and self.workers < 0:
            raise ConfigError(f"workers is {self.workers}, expected auto or a number from 0")
        if self.on_bad_sample not in ("raise", "skip"):
            raise ConfigError(f"on_bad_sample is {self.on_bad_sample!r}, expected raise or skip")
        if self.check_bytes not in ("jpeg", "all", "off"):
            raise ConfigError(f"check_bytes is {self.check_bytes!r}, expected jpeg, all or off")
        if not 0 < self.resident_memory <= 1:
            raise ConfigError(
                f"resident_memory is {self.resident_memory}, expected a share above 0 and at most 1"
            )

    def checks(self, mode: int) -> bool:
        """Whether the bytes of samples stored in a mode (pipeline/containers/beton.py) are."""
        return self.check_bytes == "all" or (self.check_bytes == "jpeg" and mode == MODE_JPEG)

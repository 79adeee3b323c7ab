"""What comes together while samples are written, and the manifest that is made of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from headrace.pipeline.containers.manifest import Manifest, Skipped
from headrace.pipeline.layouts.listing import Listing
from headrace.pipeline.sixteen_bit import DEPTHS
from headrace.tools.packing.encode import EncodeConfig
from headrace.tools.packing.level_counts import LevelCount, count_levels
from headrace.tools.packing.make_levels import LEAST_SIDE_PX
from headrace.tools.packing.parallel import Made
from headrace.tools.packing.report import Packed, make_report

_MOST_WAYS = 30


@dataclass(kw_only=True)
class Tally:
    """Figures of the samples that have been written, and what else comes together.

    Attributes:
        skipped: images that cannot be used.
        names: of the samples.
        image_bytes: of the samples, without their smaller sizes.
    """

    skipped: list[Skipped]
    names: list[str] = field(default_factory=list)
    image_bytes: int = 0
    _labels: list[int] = field(default_factory=list)
    _split_sizes: Counter[str] = field(default_factory=Counter)
    _how: Counter[str] = field(default_factory=Counter)
    _moments: np.ndarray = field(default_factory=lambda: np.zeros((2, 3)))
    _num_moments: int = 0
    _digests: bytearray = field(default_factory=bytearray)
    _num_deep: int = 0
    _peak: int = 0
    _levels: list[list[int]] = field(default_factory=list)

    def add(self, made: Made, name: str, label: int, split: str) -> None:
        """Counts a sample that has been written."""
        sample = made.sample
        self.names.append(name)
        self._labels.append(label)
        self._split_sizes[split] += 1
        self._how[sample.how] += 1
        self._digests += made.digest
        self.image_bytes += len(sample.data)
        for level, data in enumerate(sample.levels):
            if level == len(self._levels):
                self._levels.append([])
            if data:
                self._levels[level].append(len(data))
        if sample.moments is not None:
            self._moments += sample.moments
            self._num_moments += 1
        if sample.peak is not None:
            self._num_deep += 1
            self._peak = max(self._peak, sample.peak)

    @property
    def labels(self) -> np.ndarray:
        """(N,) int64."""
        return np.array(self._labels, np.int64)

    @property
    def levels(self) -> list[LevelCount]:
        """Which smaller sizes they have."""
        return count_levels(self._levels)

    def manifest(
        self, listing: Listing, config: EncodeConfig, found_with: Mapping[str, Any]
    ) -> Manifest:
        """The manifest of what has been written, its report included.

        Args:
            listing: that the samples are from.
            config: that they were encoded with.
            found_with: settings that the listing was found with.
        """
        splits = {}
        start = 0
        for name in listing.splits:
            splits[name] = (start, start + self._split_sizes[name])
            start += self._split_sizes[name]
        packed = Packed(
            names=self.names,
            labels=self.labels,
            splits=splits,
            digests=np.frombuffer(self._digests, "<u8").reshape(-1, 2),
            skipped=self.skipped,
            stored=self._ways(),
            notes=self._notes(config),
        )
        settings = {"layout": dict(found_with), "encode": asdict(config)}
        report, left_out = make_report(listing, packed, settings)
        mean, std = self._mean_std()
        return Manifest(
            classes=listing.classes,
            splits=splits,
            encoding={**config.to_dict(), "layout": listing.layout, "measured": self._num_moments},
            mean=mean,
            std=std,
            skipped=left_out,
            report=report,
        )

    def _mean_std(self) -> Any:
        """A triple of each, or None where nothing was measured."""
        if not self._num_moments:
            return None, None
        first, second = self._moments / self._num_moments
        deviation = np.sqrt(np.maximum(second - first**2, 0))
        return tuple(tuple(round(float(v), 6) for v in values) for values in (first, deviation))

    def _ways(self) -> dict[str, int]:
        """How samples are stored, in words, the most frequent first."""
        found = dict(self._how.most_common(_MOST_WAYS))
        rest = len(self.names) - sum(found.values())
        return found | ({"stored in other ways": rest} if rest else {})

    def _notes(self, config: EncodeConfig) -> list[str]:
        """What nobody has said, or what was asked for and did not come about."""
        return [*self._levels_note(config), *self._depth_note(config)]

    def _levels_note(self, config: EncodeConfig) -> list[str]:
        if not config.levels or self._levels:
            return []
        return [
            f"--levels {config.levels}: no image has smaller sizes; one gets them if it is stored "
            f"as a JPEG, its shorter side is {2 * LEAST_SIDE_PX - 1} px or more, and they are "
            "smaller in bytes, too"
        ]

    def _depth_note(self, config: EncodeConfig) -> list[str]:
        """By which scale 16-bit images became 8-bit ones, for somebody to contradict."""
        if not self._num_deep:
            return []
        scale = f"1/{((1 << config.depth) - 1) / 255:.4g}"
        narrower = [bits for bits in DEPTHS if self._peak < 1 << bits < 1 << config.depth]
        advice = f" (--depth {narrower[0]} if they hold {narrower[0]} bits)" if narrower else ""
        return [
            f"16-bit images: {self._num_deep}, scaled by {scale}; the highest value is "
            f"{self._peak}{advice}"
        ]

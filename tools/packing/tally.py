"""What comes together while samples are written, and the manifest that is made of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from headrace.pipeline.containers.beton import MODE_JPEG
from headrace.pipeline.containers.manifest import Manifest, Skipped
from headrace.pipeline.layouts.listing import Listing
from headrace.pipeline.sixteen_bit import DEPTHS
from headrace.tools.packing.encode import SMALL_SIDE_PX, EncodeConfig, Encoded
from headrace.tools.packing.parallel import Made
from headrace.tools.packing.report import Packed, make_report

_MOST_WAYS = 30


@dataclass(kw_only=True)
class Tally:
    """Figures of the samples that have been written, and what else comes together.

    Attributes:
        skipped: images that cannot be used.
        in_shards: whether they are written to shards, which hold no raw pixels.
        names: of the samples.
    """

    skipped: list[Skipped]
    in_shards: bool = False
    names: list[str] = field(default_factory=list)
    _labels: list[int] = field(default_factory=list)
    _split_sizes: Counter[str] = field(default_factory=Counter)
    _why: Counter[str | None] = field(default_factory=Counter)
    _moments: np.ndarray = field(default_factory=lambda: np.zeros((2, 3)))
    _num_moments: int = 0
    _digests: bytearray = field(default_factory=bytearray)
    _num_deep: int = 0
    _peak: int = 0
    _num_small: int = 0

    def add(self, made: Made, name: str, label: int, split: str) -> None:
        """Counts a sample that has been written."""
        sample = made.sample
        self.names.append(name)
        self._labels.append(label)
        self._split_sizes[split] += 1
        self._why[sample.why] += 1
        self._digests += made.digest
        self._num_small += _is_small_and_encoded(sample)
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
        found = {}
        for why, count in self._why.most_common(_MOST_WAYS):
            found[_way(why)] = count
        rest = len(self.names) - sum(found.values())
        return found | ({"in other ways": rest} if rest else {})

    def _notes(self, config: EncodeConfig) -> list[str]:
        notes = []
        if self._num_deep:
            white = (1 << config.depth) - 1
            notes.append(
                f"{self._num_deep} images of 16 bits a channel: one scale for all, {white} is "
                f"white; their highest value is {self._peak}{self._better_depth(config)}"
            )
        if self._num_small and self.in_shards:
            notes.append(
                f"{self._num_small} images of at most {SMALL_SIDE_PX} px that are no JPEGs were "
                "encoded, which costs small images much: shards hold JPEGs only, a .beton stores "
                "them losslessly"
            )
        return notes

    def _better_depth(self, config: EncodeConfig) -> str:
        fitting = [depth for depth in DEPTHS if self._peak < 1 << depth < 1 << config.depth]
        if not fitting:
            return ""
        return f", so that the files may hold {fitting[0]} bits: then pass --depth {fitting[0]}"


def _way(why: str | None) -> str:
    if why is None:
        return "stored byte for byte"
    plain = why.startswith("header written anew") or "stored" in why
    return why if plain else f"encoded: {why}"


def _is_small_and_encoded(sample: Encoded) -> bool:
    no_jpeg = sample.why is not None and sample.why.startswith("not a JPEG")
    return (
        no_jpeg and sample.mode == MODE_JPEG and max(sample.width, sample.height) <= SMALL_SIDE_PX
    )

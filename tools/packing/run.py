"""Packs a listing: encodes in parallel, writes in order, measures, and sums up."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from headrace.pipeline.containers.beton import DEFAULT_PAGE_SIZE, MIN_PAGE_SIZE
from headrace.pipeline.containers.beton_writer import MAX_PAGE_SIZE, BetonWriter
from headrace.pipeline.containers.manifest import DEFAULT_SPLIT, Manifest, Skipped
from headrace.pipeline.containers.shard_writer import ShardWriter
from headrace.pipeline.errors import BadImageError, ConfigError, FailedError
from headrace.pipeline.layouts.listing import Listing
from headrace.pipeline.sixteen_bit import DEPTHS
from headrace.tools.packing.encode import EncodeConfig
from headrace.tools.packing.output import Output
from headrace.tools.packing.parallel import Job, Made, Outcome, encode_files, moment_choice
from headrace.tools.packing.pending import PendingFile, PendingShards
from headrace.tools.packing.report import Packed, make_report

# Samples to measure mean and std from: enough for two digits and more. With header verification
# nothing else is decoded, so that these few decide the speed.
MOMENTS_FULL, MOMENTS_HEADER = 1024, 200
# Below this the few whole pages of a file outweigh what is lost at the end of each page.
SMALL_SET_BYTES = 1 << 29


class PackError(FailedError):
    """The data set cannot be packed as asked."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a run has written.

    Attributes:
        manifest: as it stands in the file, its report included.
        names, labels: (N,) of the samples.
        num_bytes: of the file, or of all files together.
        seconds: that it took.
    """

    manifest: Manifest
    names: Sequence[str]
    labels: np.ndarray
    num_bytes: int
    seconds: float


@dataclass(kw_only=True)
class _Tally:
    """What comes together while samples are written."""

    names: list[str] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    split_sizes: Counter[str] = field(default_factory=Counter)
    skipped: list[Skipped] = field(default_factory=list)
    how: Counter[str] = field(default_factory=Counter)
    peaks: list[int] = field(default_factory=list)
    moments: np.ndarray = field(default_factory=lambda: np.zeros((2, 3)))
    num_moments: int = 0
    digests: bytearray = field(default_factory=bytearray)


def pack_beton(
    listing: Listing,
    out: Output,
    config: EncodeConfig,
    *,
    workers: int,
    fail_on_bad: bool = False,
    page_size: int | None = None,
    found_with: Mapping[str, Any] | None = None,
) -> Result:
    """Packs into one .beton file, which appears when it is complete.

    Args:
        listing: what to pack.
        out: the file.
        config: how samples are stored.
        workers: threads.
        fail_on_bad: stop at the first image that cannot be used, instead of skipping it.
        page_size: bytes, None to choose.
        found_with: the settings that the listing was found with, for the manifest.

    Raises:
        PackError: no usable image, or a bad one with `fail_on_bad`.
        ConfigError: the output is there already, or another run writes it.
        OSError: the file cannot be written.
    """
    started = time.perf_counter()
    with PendingFile(out) as pending:
        size = page_size or _page_size(listing, config)
        capacity = len(listing.paths)
        writer = BetonWriter(pending.file, capacity, size, may_grow=page_size is None)
        tally = _write_all(listing, writer, config, workers, fail_on_bad)
        manifest = _manifest(listing, config, tally, found_with or {})
        writer.finish(manifest, tally.names)
        pending.commit()
    return _result(manifest, tally, out.path.stat().st_size, started)


def pack_shards(
    listing: Listing,
    out: Output,
    config: EncodeConfig,
    *,
    workers: int,
    shard_bytes: int,
    fail_on_bad: bool = False,
    found_with: Mapping[str, Any] | None = None,
) -> Result:
    """Packs into WebDataset shards: a folder, or one `.tar` with its index and tables.

    Args and errors as for `pack_beton`; `shard_bytes` is the size at which a new shard begins.
    """
    if config.lossless == "always":
        raise ConfigError("shards hold JPEGs: leave --lossless always away, or write a .beton")
    started = time.perf_counter()
    single = out.path.stem if out.kind == "tar" else None
    with PendingShards(out) as pending:
        writer = ShardWriter(pending.folder, single, shard_bytes)
        try:
            tally = _write_all(listing, writer, config, workers, fail_on_bad)
            manifest = _manifest(listing, config, tally, found_with or {})
            writer.finish(manifest, tally.names)
        finally:
            writer.abort()
        num_bytes = sum(file.stat().st_size for file in pending.folder.iterdir())
        pending.commit()
    return _result(manifest, tally, num_bytes, started)


def check_complete(listing: Listing) -> None:
    """Refuses a listing of which something is missing.

    Raises:
        PackError: naming the first.
    """
    if listing.missing:
        raise PackError(f"{listing.missing[0].name}: {listing.missing[0].reason}")


def _write_all(
    listing: Listing, writer: ShardWriter | BetonWriter, config: EncodeConfig, workers: int,
    fail_on_bad: bool,
) -> _Tally:  # fmt: skip
    tally = _Tally(skipped=list(listing.missing))
    if fail_on_bad:
        check_complete(listing)
    jobs = _jobs(listing, config)
    split_of = [name for name, (a, b) in listing.splits.items() for _ in range(a, b)]
    labels = listing.labels.tolist()
    holds_raw = isinstance(writer, BetonWriter)
    with _closing(encode_files(jobs, config, workers, holds_raw=holds_raw)) as outcomes:
        progress = tqdm(outcomes, total=len(jobs), unit="image", desc="pack", smoothing=0.05)
        for i, outcome in enumerate(progress):
            name = listing.paths[i]
            try:
                if isinstance(outcome, BadImageError):
                    raise outcome
                _add(writer, outcome, name, labels[i], split_of[i], tally)
            except BadImageError as error:
                if fail_on_bad:
                    raise PackError(f"{listing.root / name}: {error}") from None
                tally.skipped.append(Skipped(name=name, reason=str(error)))
    if not tally.names:
        first = tally.skipped[0]
        raise PackError(
            f"no usable image among {len(tally.skipped)} in {listing.root}; the first is "
            f"{first.name}: {first.reason}"
        )
    return tally


def _add(
    writer: ShardWriter | BetonWriter, made: Made, name: str, label: int, split: str, tally: _Tally
) -> None:
    sample = made.sample
    place = {"mode": sample.mode, "width": sample.width, "height": sample.height, "label": label}
    if isinstance(writer, ShardWriter):
        writer.begin(name, split)
    writer.add(sample.data, **place)
    tally.names.append(name)
    tally.digests += made.digest
    tally.labels.append(label)
    tally.split_sizes[split] += 1
    tally.how[sample.how] += 1
    if sample.peak is not None:
        tally.peaks.append(sample.peak)
    if sample.moments is not None:
        tally.moments += sample.moments
        tally.num_moments += 1


def _jobs(listing: Listing, config: EncodeConfig) -> Sequence[Job]:
    limit = MOMENTS_FULL if config.verify == "full" else MOMENTS_HEADER
    first = DEFAULT_SPLIT if DEFAULT_SPLIT in listing.splits else next(iter(listing.splits))
    if first.startswith("fold"):  # every fold is training data of some run
        span = (0, max(b for name, (_, b) in listing.splits.items() if name.startswith("fold")))
    else:
        span = listing.splits[first]
    chosen = moment_choice(span, len(listing.paths), limit)
    return _JobList(listing.root, listing.paths, chosen)


class _JobList(Sequence[Job]):
    """The jobs of a listing, made when asked for: there may be millions."""

    def __init__(self, root: Path, paths: Sequence[str], chosen: np.ndarray) -> None:
        self._root, self._paths, self._chosen = root, paths, chosen

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, index: int | slice) -> Job | list[Job]:  # type: ignore[override]
        if isinstance(index, slice):
            return [self._job(i) for i in range(*index.indices(len(self)))]
        return self._job(index)

    def _job(self, index: int) -> Job:
        return Job(path=f"{self._root}/{self._paths[index]}", want_moments=self._chosen[index])


@contextmanager
def _closing(outcomes: Iterator[Outcome]) -> Iterator[Iterator[Outcome]]:
    try:
        yield outcomes
    finally:
        outcomes.close()  # type: ignore[attr-defined]


def _manifest(
    listing: Listing, config: EncodeConfig, tally: _Tally, found_with: Mapping[str, Any]
) -> Manifest:
    splits = {}
    start = 0
    for name in listing.splits:
        splits[name] = (start, start + tally.split_sizes[name])
        start += tally.split_sizes[name]
    mean = std = None
    if tally.num_moments:
        first, second = tally.moments / tally.num_moments
        mean = tuple(round(float(v), 6) for v in first)
        std = tuple(round(float(v), 6) for v in np.sqrt(np.maximum(second - first**2, 0)))
    packed = Packed(
        names=tally.names,
        labels=np.array(tally.labels, np.int64),
        splits=splits,
        digests=np.frombuffer(tally.digests, "<u8").reshape(-1, 2),
        skipped=tally.skipped,
        stored=dict(tally.how.most_common()),
        notes=_sixteen_bit_notes(tally.peaks, config.depth),
    )
    settings = {"layout": dict(found_with), "encode": asdict(config)}
    report, left_out = make_report(listing, packed, settings)
    return Manifest(
        classes=listing.classes,
        splits=splits,
        encoding={**config.to_dict(), "layout": listing.layout, "measured": tally.num_moments},
        mean=mean,  # type: ignore[arg-type]
        std=std,  # type: ignore[arg-type]
        skipped=left_out,
        report=report,
    )


def _sixteen_bit_notes(peaks: Sequence[int], depth: int) -> list[str]:
    """Says by which scale 16-bit images became 8-bit ones, for somebody to contradict."""
    if not peaks:
        return []
    scale = f"1/{((1 << depth) - 1) / 255:.4g}"
    narrower = [bits for bits in DEPTHS if max(peaks) < 1 << bits < 1 << depth]
    advice = f" (--depth {narrower[0]} if they hold {narrower[0]} bits)" if narrower else ""
    return [
        f"16-bit images: {len(peaks)}, scaled by {scale}; the highest value is {max(peaks)}{advice}"
    ]


def _page_size(listing: Listing, config: EncodeConfig) -> int:
    """FFCV's default, smaller for small data sets, larger where large samples need it."""
    if config.format == "raw" and config.max_side:
        return min(max(DEFAULT_PAGE_SIZE, _power_of_two(3 * config.max_side**2)), MAX_PAGE_SIZE)
    total = largest = 0
    for path in listing.paths:
        with suppress(OSError):  # reported when it is read
            size = os.stat(f"{listing.root}/{path}").st_size  # noqa: PTH116 (millions of them)
            total, largest = total + size, max(largest, size)
        if config.max_side and total >= SMALL_SET_BYTES:
            return DEFAULT_PAGE_SIZE
    if config.format == "raw":
        return min(max(4 * DEFAULT_PAGE_SIZE, _power_of_two(32 * largest)), MAX_PAGE_SIZE)
    # A file that is encoded anew may grow, as a WebP does.
    needed = min(_power_of_two(4 * largest), MAX_PAGE_SIZE)
    return max(MIN_PAGE_SIZE if total < SMALL_SET_BYTES else DEFAULT_PAGE_SIZE, needed)


def _power_of_two(num_bytes: int) -> int:
    """The smallest power of two that is at least this."""
    return 1 << max(0, num_bytes - 1).bit_length()


def _result(manifest: Manifest, tally: _Tally, num_bytes: int, started: float) -> Result:
    return Result(
        manifest=manifest,
        names=tally.names,
        labels=np.array(tally.labels, np.int64),
        num_bytes=num_bytes,
        seconds=time.perf_counter() - started,
    )

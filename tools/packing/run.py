"""Packs a listing: encodes in parallel, writes in order, and gives the output its name."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from headrace.pipeline.bars import bar
from headrace.pipeline.containers.beton_writer import BetonWriter
from headrace.pipeline.containers.manifest import DEFAULT_SPLIT, Manifest, Skipped
from headrace.pipeline.containers.shard_writer import ShardWriter
from headrace.pipeline.errors import BadImageError, ConfigError, FailedError
from headrace.pipeline.layouts.listing import Listing
from headrace.tools.packing.encode import EncodeConfig, Encoded
from headrace.tools.packing.level_counts import LevelCount
from headrace.tools.packing.output import Output
from headrace.tools.packing.page_size import choose_page_size
from headrace.tools.packing.parallel import Job, Outcome, encode_files, moment_choice
from headrace.tools.packing.pending import PendingFile, PendingShards
from headrace.tools.packing.tally import Tally

# Samples to measure mean and std from: enough for two digits and more. With header verification
# nothing else is decoded, so that these few decide the speed.
MOMENTS_FULL, MOMENTS_HEADER = 1024, 200


class PackError(FailedError):
    """The data set cannot be packed as asked."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a run has written.

    Attributes:
        manifest: as it stands in the file, its report included.
        names, labels: (N,) of the samples.
        levels: which smaller sizes samples have.
        image_bytes: of the samples without them.
        num_bytes: of the file, or of all files together.
        seconds: that it took.
    """

    manifest: Manifest
    names: Sequence[str]
    labels: np.ndarray
    levels: Sequence[LevelCount]
    image_bytes: int
    num_bytes: int
    seconds: float


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
        size = page_size or choose_page_size(listing, config)
        capacity = len(listing.paths)
        writer = BetonWriter(pending.file, capacity, size, may_grow=page_size is None)
        tally = _write_all(listing, writer, config, workers, fail_on_bad)
        manifest = tally.manifest(listing, config, found_with or {})
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
    check_for_shards(config)
    started = time.perf_counter()
    single = out.path.stem if out.kind == "tar" else None
    with PendingShards(out) as pending:
        writer = ShardWriter(pending.folder, single, shard_bytes)
        try:
            tally = _write_all(listing, writer, config, workers, fail_on_bad)
            manifest = tally.manifest(listing, config, found_with or {})
            writer.finish(manifest, tally.names)
        finally:
            writer.abort()
        num_bytes = sum(file.stat().st_size for file in pending.folder.iterdir())
        pending.commit()
    return _result(manifest, tally, num_bytes, started)


def check_for_shards(config: EncodeConfig) -> None:
    """Refuses settings that ask for raw pixels, which no shard holds.

    Raises:
        ConfigError: naming the flag.
    """
    for flag, asked, wanted in (
        ("--format", config.format, "raw"),
        ("--lossless", config.lossless, "always"),
    ):
        if asked == wanted:
            raise ConfigError(f"shards hold JPEGs: leave {flag} {wanted} out, or write a .beton")


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
) -> Tally:  # fmt: skip
    tally = Tally(skipped=list(listing.missing))
    if fail_on_bad:
        check_complete(listing)
    jobs = _jobs(listing, config)
    split_of = [name for name, (a, b) in listing.splits.items() for _ in range(a, b)]
    labels = listing.labels.tolist()
    holds_raw = isinstance(writer, BetonWriter)
    with _closing(encode_files(jobs, config, workers, holds_raw=holds_raw)) as outcomes:
        progress = bar(outcomes, total=len(jobs), unit="image", desc="pack", smoothing=0.05)
        for i, outcome in enumerate(progress):
            name = listing.paths[i]
            try:
                if isinstance(outcome, BadImageError):
                    raise outcome
                _write(writer, outcome.sample, name, labels[i], split_of[i])
                tally.add(outcome, name, labels[i], split_of[i])
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


def _write(
    writer: ShardWriter | BetonWriter, sample: Encoded, name: str, label: int, split: str
) -> None:
    if isinstance(writer, ShardWriter):
        writer.begin(name, split)
    writer.add(
        sample.data, mode=sample.mode, width=sample.width, height=sample.height, label=label,
        levels=sample.levels,
    )  # fmt: skip


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


def _result(manifest: Manifest, tally: Tally, num_bytes: int, started: float) -> Result:
    return Result(
        manifest=manifest,
        names=tally.names,
        labels=np.array(tally.labels, np.int64),
        levels=tally.levels,
        image_bytes=tally.image_bytes,
        num_bytes=num_bytes,
        seconds=time.perf_counter() - started,
    )

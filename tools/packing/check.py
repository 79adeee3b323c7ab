"""Compares packed records with the source they were made of: images, labels, splits, pixels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np

from headrace.pipeline.bars import bar
from headrace.pipeline.containers.beton import MODE_RAW
from headrace.pipeline.containers.manifest import Manifest
from headrace.pipeline.errors import BadImageError, BadSampleError, ConfigError
from headrace.pipeline.layouts.listing import Listing
from headrace.pipeline.layouts.listing_report import NO_IMAGE
from headrace.pipeline.pixels import decode_jpeg_rgb
from headrace.pipeline.records import Records
from headrace.tools.packing.class_rows import class_title
from headrace.tools.packing.encode import EncodeConfig, Encoded, encode_sample
from headrace.tools.packing.finding import unknown_settings
from headrace.tools.packing.verify_levels import MOST_LOST_DB, psnr_db

_TASK_SAMPLES = 32
_NO_FILES_OF_A_SET = ("hidden", "__MACOSX", "lost+found", "linked folder")


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Something that is not as the source has it: a file or class, and what is wrong."""

    name: str
    what: str


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What a comparison found.

    Attributes:
        differences: one for each file or class concerned.
        images: how many files of the source are packed.
        left_out: how many are not, and are listed with a reason.
        pixels: how many of the packed ones had their pixels compared.
    """

    differences: tuple[Difference, ...]
    images: int
    left_out: int
    pixels: int


@dataclass(frozen=True, kw_only=True)
class _Matched:
    """Records and files of one name, and what is wrong with the others.

    Attributes:
        pairs: (record index, place in the listing).
        left_out: files that the records list as left out.
        wrong: of names, splits and labels.
    """

    pairs: list[tuple[int, int]]
    left_out: int
    wrong: list[Difference]


def encode_config(manifest: Manifest) -> EncodeConfig:
    """The settings that samples were encoded with.

    Raises:
        ConfigError: the manifest does not say, or says something that this version does not know.
    """
    if manifest.report is not None and "encode" in manifest.report.settings:
        values = dict(manifest.report.settings["encode"])
    else:  # packed before there were reports
        values = dict(manifest.encoding)
        values["reencode"] = not values.pop("passthrough", True)
        values.setdefault("lossless", "never")
        for key in ("layout", "measured"):
            values.pop(key, None)
    unknown = sorted(values.keys() - {spec.name for spec in fields(EncodeConfig)})
    if unknown or "format" not in values:
        raise unknown_settings(f"the setting {unknown[0]}" if unknown else "settings")
    return EncodeConfig(**values)


def compare(
    records: Records, listing: Listing, *, num_pixels: int | None, workers: int
) -> Comparison:
    """Compares records with a listing of their source.

    Every image must be packed, or be listed with a reason; nothing else may be packed; labels, by
    the names of their classes, and splits must be the same. Of the pixels: the packer's own work
    is done again in memory. Bytes that come out the same are right. Where they do not, raw pixels
    and JPEGs that were stored byte for byte are wrong; what was encoded by another version of the
    libraries may lose at most MOST_LOST_DB more than encoding it again does.

    Args:
        records: packed; opened from a .beton or shards.
        listing: found with the settings of the pack.
        num_pixels: so many images, evenly spread, have their pixels compared; None for all.
        workers: threads.

    Raises:
        ConfigError: the records hold no file names, or are a folder themselves.
    """
    if records.kind == "folder":
        raise ConfigError(f"{records.path} is a folder, not a packed file: name the file to check")
    if len(records) and records.name(0).startswith("#"):
        raise ConfigError(f"{records.path} holds no file names to find its images by in a folder")
    matched = _match(records, listing)
    pairs = matched.pairs
    if num_pixels is not None and num_pixels < len(pairs):
        chosen = np.linspace(0, len(pairs) - 1, num_pixels).round().astype(int)
        pairs = [pairs[i] for i in chosen]
    # What levels hold is compared with the samples, not with the source: see verify.py.
    config = replace(encode_config(records.manifest), levels=0)
    wrong = [
        *matched.wrong,
        *_missing_classes(records.manifest.classes, listing.classes),
        *_more_left_out(records.manifest, listing),
        *_compare_pixels(records, listing, pairs, config, workers),
    ]
    return Comparison(
        differences=tuple(wrong),
        images=len(matched.pairs),
        left_out=matched.left_out,
        pixels=len(pairs),
    )


def _match(records: Records, listing: Listing) -> _Matched:
    """Finds each file's record; a file may be in several splits, and so several times there."""
    packed: dict[str, list[int]] = {}
    for i in range(len(records)):
        packed.setdefault(records.name(i), []).append(i)
    record_split = _split_numbers(records.splits, len(records))
    source_split = _split_numbers(listing.splits, len(listing.paths))
    excused = {skipped.name for skipped in records.manifest.skipped}
    result = _Matched(pairs=[], left_out=0, wrong=[])
    absent = []
    for place, name in enumerate(listing.paths):
        split = source_split[place]
        candidates = packed.get(name)
        if not candidates:
            absent.append(name)
            continue
        index = next((i for i in candidates if record_split[i] == split), candidates[0])
        candidates.remove(index)
        result.pairs.append((index, place))
        what = _wrong_place(records, listing, (index, place), (record_split[index], split))
        if what is not None:
            result.wrong.append(Difference(name=name, what=what))
    left_out = [*absent, *(s.name for s in listing.missing)]
    report = records.manifest.report
    if report is not None:  # before there were reports nothing was said of what was ignored
        left_out += [s.name for s in listing.ignored]
    lost = [name for name in left_out if name not in excused]
    if report is not None and report.beyond:  # too many to be named
        lost = lost[report.beyond :]
    result.wrong.extend(
        Difference(name=name, what="is not packed, and nothing says why") for name in lost
    )
    result.wrong.extend(
        Difference(name=name, what="is packed, the source does not have it (as an image to pack)")
        for name, indices in packed.items()
        for _ in indices
    )
    return replace(result, left_out=len(left_out) - len(lost))


def _split_numbers(splits: dict[str, tuple[int, int]], count: int) -> list[str | None]:
    found: list[str | None] = [None] * count
    for name, (start, stop) in splits.items():
        found[start:stop] = [name] * (stop - start)
    return found


def _wrong_place(
    records: Records, listing: Listing, pair: tuple[int, int], splits: tuple[str | None, str | None]
) -> str | None:
    """What is wrong with the split and label of a record, None if nothing is."""
    index, place = pair
    packed, right = splits
    if packed != right:
        return f"is in the split {packed}, the source says {right}"
    label = class_title(records.manifest.classes, int(records.labels[index]))
    wanted = class_title(listing.classes, int(listing.labels[place]))
    return None if label == wanted else f"has the label {label!r}, the source says {wanted!r}"


def _missing_classes(packed: Sequence[str], source: Sequence[str]) -> list[Difference]:
    in_packed, in_source = set(packed), set(source)
    only_source = [name for name in source if name not in in_packed]
    only_packed = [name for name in packed if name not in in_source]
    return [
        *(Difference(name=f"class {n}", what="is not in the file") for n in only_source),
        *(Difference(name=f"class {n}", what="is not in the source") for n in only_packed),
    ]


def _more_left_out(manifest: Manifest, listing: Listing) -> list[Difference]:
    """Files that are counted only, such as images of a format that needs a package."""
    if manifest.report is None:
        return []
    known: Counter[str] = Counter()
    for group in manifest.report.left_out:
        known[group.kind] += group.count
    found: Counter[str] = Counter()
    for group in listing.left_out:
        if not group.reason.startswith(NO_IMAGE) and group.kind not in _NO_FILES_OF_A_SET:
            found[group.kind] += group.count
    return [
        Difference(
            name=kind,
            what=f"files: the source has {count}, the pack has left out {known[kind]}",
        )
        for kind, count in found.items()
        if count > known[kind]
    ]


def _compare_pixels(
    records: Records, listing: Listing, pairs: Sequence[tuple[int, int]], config: EncodeConfig,
    workers: int,
) -> Iterator[Difference]:  # fmt: skip
    def task(start: int) -> list[Difference]:
        found = []
        for index, place in pairs[start : start + _TASK_SAMPLES]:
            name = listing.paths[place]
            what = _wrong_pixels(records, index, listing.root / name, config)
            if what is not None:
                found.append(Difference(name=name, what=what))
        return found

    starts = range(0, len(pairs), _TASK_SAMPLES)
    with (
        ThreadPoolExecutor(workers) as pool,
        bar(total=len(pairs), unit="image", desc="check") as progress,
    ):
        for begin in range(0, len(starts), 4 * workers):
            for found in pool.map(task, starts[begin : begin + 4 * workers]):
                yield from found
                progress.update(min(_TASK_SAMPLES, len(pairs) - progress.n))


def _wrong_pixels(records: Records, index: int, path: Path, config: EncodeConfig) -> str | None:
    """What is wrong with the stored bytes of a record, None if nothing is."""
    try:
        data = path.read_bytes()
        stored = np.asarray(records.view(index))
        made = _made_again(data, stored, config, records.kind == "beton")
        size = int(records.widths[index]), int(records.heights[index])
        if size != (made.width, made.height):
            return f"is stored as {size[0]}x{size[1]} px, it would be {made.width}x{made.height}"
        if int(records.modes[index]) != made.mode:
            return "is stored in another format than the settings of the pack give"
        if np.array_equal(stored, np.frombuffer(made.data, np.uint8)):
            return None
        if made.why is None:
            return "the stored bytes are not those of the file"
        if made.mode == MODE_RAW:
            return "the stored pixels are not those of the file"
        return _too_far(records.decode(index), data, made, config)
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"
    except BadImageError as error:
        return f"the file cannot be used any more: {error}"
    except BadSampleError as error:
        return f"the stored image cannot be decoded: {error}"


def _made_again(data: bytes, stored: np.ndarray, config: EncodeConfig, holds_raw: bool) -> Encoded:
    """What the settings of a pack make of a file."""
    made = encode_sample(data, config, want_moments=False, holds_raw=holds_raw)
    if made.why is not None or np.array_equal(stored, np.frombuffer(made.data, np.uint8)):
        return made
    # Only where a file was decoded does its header show to be at fault, or its data to be PIL's.
    config = replace(config, verify="full")
    return encode_sample(data, config, want_moments=False, holds_raw=holds_raw)


def _too_far(stored: np.ndarray, data: bytes, made: Encoded, config: EncodeConfig) -> str | None:
    """Whether stored pixels are further from the source than a JPEG of today's libraries is."""
    plain = encode_sample(data, replace(config, format="raw"), want_moments=False)
    source = np.frombuffer(plain.data, np.uint8).reshape(stored.shape)
    again = decode_jpeg_rgb(np.frombuffer(made.data, np.uint8))
    found, wanted = psnr_db(stored, source), psnr_db(again, source)
    if found >= wanted - MOST_LOST_DB:
        return None
    return f"its pixels are {found:.1f} dB from the file's, expected {wanted:.1f} dB (PSNR)"

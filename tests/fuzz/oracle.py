"""What must hold of a file, however damaged: it is refused in one line, or loads what it says.

What it says is decided by the tables and the reference decoder; damage that nobody made up
checksums for must be told, so then that is what was packed, too.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

from headrace.pipeline.batch import Batch
from headrace.pipeline.class_names import class_names
from headrace.pipeline.containers.beton import MODE_JPEG
from headrace.pipeline.errors import BadSampleError, ConfigError, RecordsError
from headrace.pipeline.jpeg_header import jpeg_size
from headrace.pipeline.loader import open_loader
from headrace.pipeline.plan import EpochPlan
from headrace.pipeline.planned import PlannedLoader
from headrace.pipeline.records import Records
from tests.builders import reference_images
from tests.fuzz.bases import SHARDS
from tests.fuzz.damage import Damage

SIZE_PX = 16
LENIENT = "native", "dali", "ffcv"
"""They decode by other means than the reference, and no further than the box: of a JPEG that is
damaged inside, and has no checksum or a made-up one, they may show what can be shown."""
RESIDENT_BYTES = 16 << 20
TOLERANCE = 16, 1.5
"""Largest difference of a value, largest mean over an image; raw pixels that are noise are
harder to resize alike than photos, of which docs/loaders.md speaks."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What became of a case.

    Attributes:
        kind: `refused`, `bad samples` or `loads`.
        findings: what must not be, one line each.
    """

    kind: str
    findings: list[str]


def judge(damage: Damage, path: Path, sound: Path, loaders: list[str]) -> Verdict:
    """Opens damaged files and loads an epoch by each loader.

    Args:
        path: the damaged files, of `damage`.
        sound: those that they were.
        loaders: names.
    """
    findings: list[str] = []
    try:
        records = Records.open(path)
    except RecordsError as error:
        return Verdict(kind="refused", findings=list(_wrong_text(error, path)))
    except Exception as error:
        return Verdict(kind="refused", findings=[_unexpected("opening", error)])
    good: dict[int, bool] = {}
    with records:
        try:
            good = _read_all(records, path, findings)
            if records.has_checksums and _is_told(damage):
                findings += _differs(records, good, sound)
            for name in loaders:
                findings += _loaded(records, damage, name, path)
        except Exception as error:
            findings.append(_unexpected("reading", error))
    return Verdict(kind="loads" if all(good.values()) else "bad samples", findings=findings)


def _is_told(damage: Damage) -> bool:
    """Whether checksums were left as they were; an .npz that is written anew has its zip's anew."""
    of_bytes = all(edit[0] in ("file", "empty", "gone") for edit in damage.edits)
    return not damage.resum and (damage.base not in SHARDS or of_bytes)


def _read_all(records: Records, path: Path, findings: list[str]) -> dict[int, bool]:
    """What tables say, and which samples are good."""
    good = {}
    for index in range(len(records)):
        assert isinstance(records.name(index), str)
        try:
            image = records.decode(index)
            assert image.shape == (*records.size(index), 3), "a size that the tables do not say"
            good[index] = True
        except BadSampleError as error:
            findings += _wrong_text(error, None)
            good[index] = False
    for split in records.splits:
        records.split(split)
    try:
        class_names(records)
    except RecordsError as error:
        findings += _wrong_text(error, path)
    return good


def _differs(records: Records, good: dict[int, bool], sound: Path) -> Iterator[str]:
    """How good samples differ from those that were packed."""
    with Records.open(sound) as packed:
        if len(records) != len(packed):
            yield f"{len(records)} samples, packed were {len(packed)}"
            return
        for what in ("classes", "splits", "mean", "std", "encoding"):
            if getattr(records.manifest, what) != getattr(packed.manifest, what):
                yield f"other {what} than packed"
        for index in (i for i, is_good in good.items() if is_good):
            if records.labels[index] != packed.labels[index]:
                yield f"sample {index} has another label than packed"
            if records.name(index) != packed.name(index):
                yield f"sample {index} has another name than packed"
            if not np.array_equal(records.decode(index), packed.decode(index)):
                yield f"sample {index} has other pixels than packed"


def _loaded(records: Records, damage: Damage, name: str, path: Path) -> Iterator[str]:
    """What is wrong with an epoch of a loader."""
    if not len(records) or (name == "ffcv" and records.kind != "beton"):
        return
    try:
        loader = open_loader(
            records,
            split=None,
            loader=name,
            size=SIZE_PX,
            batch_size=len(records),
            train=False,
            eval_crop=1.0,
            eval_sharpness=damage.sharpness,
            workers=0 if name == "torchvision" else 1,
            check_bytes="all",
            on_bad_sample="skip",
            resident_memory=RESIDENT_BYTES / psutil.virtual_memory().available,
        )
    except ConfigError as error:
        if name != "resident" or "resident loader needs" not in str(error):
            yield _unexpected(f"{name}: opening", error)
        return
    except RecordsError as error:
        yield f"{name}: opens records and refuses them: {error}"
        return
    except Exception as error:
        yield _unexpected(f"{name}: opening", error)
        return
    with loader:
        plan = loader.plan(0)
        expected, bad = _expected(records, plan)
        try:
            batches = list(loader.epoch(0))
        except BadSampleError as error:
            yield from _wrong_text(error, None)
            if len(bad) < len(plan.indices):
                yield f"{name}: {error}; by the reference some are good"
            return
        except Exception as error:
            yield _unexpected(f"{name}: an epoch", error)
            return
        yield from _compare(loader, plan, batches, expected, bad)


def _expected(records: Records, plan: EpochPlan) -> tuple[dict[int, np.ndarray], set[int]]:
    """Images by the reference for each place of the plan, and the places of bad samples."""
    expected, bad = {}, set()
    for place in range(len(plan.indices)):
        try:
            (expected[place],) = reference_images(
                records, plan, slice(place, place + 1), plan.shape
            )
        except BadSampleError:
            bad.add(place)
    return expected, bad


def _compare(
    loader: PlannedLoader,
    plan: EpochPlan,
    batches: list[Batch],
    expected: dict[int, np.ndarray],
    bad: set[int],
) -> Iterator[str]:
    """What is wrong with an epoch's batches, in which others take the places of bad samples."""
    name, labels = loader.name, loader.records.labels
    images = [image for batch in batches for image in batch.images.numpy()]
    found = [int(index) for batch in batches for index in batch.indices]
    if len(found) != len(plan.indices):
        yield f"{name}: {len(found)} samples of {len(plan.indices)}"
        return
    if [int(label) for batch in batches for label in batch.labels] != labels[found].tolist():
        yield f"{name}: labels that the tables do not say"
    if name == "resident" and _is_shrunk(loader, plan):
        return
    for place, (image, index) in enumerate(zip(images, found, strict=True)):
        replaced = index != int(plan.indices[place])
        if replaced and place not in bad:
            yield f"{name}: sample {plan.indices[place]} is bad"
        elif not replaced and place in bad:
            if name not in LENIENT or not _is_whole(loader, plan, place):
                yield f"{name}: sample {index} is good"
        elif not replaced:
            difference = np.abs(image.astype(int) - expected[place])
            if difference.max() > TOLERANCE[0] or difference.mean() > TOLERANCE[1]:
                yield f"{name}: sample {index} differs by {difference.max()}"


def _is_shrunk(loader: PlannedLoader, plan: EpochPlan) -> bool:
    """Whether a made-up size may leave no room for whole squares, so that all are shrunk, and
    read from another of their sizes."""
    longest = int(loader.records.sizes(plan.indices).max())
    return 2 * 3 * len(plan.indices) * longest**2 > RESIDENT_BYTES


def _is_whole(loader: PlannedLoader, plan: EpochPlan, place: int) -> bool:
    """Whether a sample is a JPEG of the size that the tables say, as far as can be told."""
    records, index = loader.records, int(plan.indices[place])
    level = int(plan.read_levels(slice(place, place + 1))[0])
    if records.modes[index] != MODE_JPEG or records.is_damaged(index, level):
        return False
    return jpeg_size(records.view(index, level)) == records.size(index, level)


def _wrong_text(error: Exception, path: Path | None) -> Iterator[str]:
    """What is wrong with the words of an error that is allowed."""
    text = str(error)
    if len(text.splitlines()) != 1 or not text.isprintable():
        yield f"not one printable line: {text[:200]!r}"
    if len(text) > 1000:
        yield f"an error of {len(text)} characters: {text[:100]!r}"
    if path is not None and path.stem not in text:
        yield f"does not name the file: {text[:200]!r}"


def _unexpected(when: str, error: Exception) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{Path(last.filename).name}:{last.lineno}"
    return f"{when}: {type(error).__name__} at {where}: {str(error)[:200]!r}"

"""Samples that cannot be decoded: named or replaced, by every loader, and nothing else suffers."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from headrace.pipeline.errors import BadSampleError
from headrace.pipeline.loader import open_loader
from headrace.pipeline.planned import PlannedLoader
from headrace.pipeline.records import Records
from tests.builders import (
    StoredSample,
    available_loaders,
    make_records,
    photo,
    reference_images,
    samples,
    stored,
)

BATCH = 8
SIDE = 61
SLOT = 3
"""Where the bad sample of each batch is; the last batch has two."""
LARGEST = 8


def square(seed: int, variant: str = "420", name: str = "") -> StoredSample:
    return stored(photo(seed, SIDE, SIDE), variant, label=1, name=name)


def truncated() -> StoredSample:
    sample = square(900, name="truncated.jpg")
    return replace(sample, data=sample.data[: len(sample.data) // 3])


def header_only() -> StoredSample:
    sample = square(901, name="header_only.jpg")
    return replace(sample, data=sample.data[:90])


def garbage() -> StoredSample:
    noise = np.random.default_rng(0).integers(0, 256, 3000, dtype=np.uint8)
    return replace(square(902, name="garbage.jpg"), data=noise.tobytes())


def one_byte() -> StoredSample:
    return replace(square(903, name="one_byte.jpg"), data=b"\xff")


def announced_smaller() -> StoredSample:
    return replace(square(904, name="smaller.jpg"), height=SIDE - 10, width=SIDE - 10)


def announced_larger() -> StoredSample:
    return replace(square(905, name="larger.jpg"), height=SIDE + 30, width=SIDE + 30)


def announced_huge() -> StoredSample:
    """A few kB that say they are 30,000 px wide and high."""
    sample = square(907, name="huge.jpg")
    frame = sample.data.index(b"\xff\xc0")
    sides = struct.pack(">HH", 30_000, 30_000)
    return replace(sample, data=sample.data[: frame + 5] + sides + sample.data[frame + 9 :])


def in_format(form: str) -> StoredSample:
    """A sound image of another format in a JPEG's place."""
    file = io.BytesIO()
    Image.fromarray(photo(906, SIDE, SIDE)[:, :, ::-1]).save(file, form)
    return replace(square(906, name="another.jpg"), data=file.getvalue())


def another_format() -> StoredSample:
    return in_format("GIF")


def a_png() -> StoredSample:
    return in_format("PNG")


def a_webp() -> StoredSample:
    return in_format("WEBP")


def a_tiff() -> StoredSample:
    return in_format("TIFF")


def a_bmp() -> StoredSample:
    return in_format("BMP")


def a_jpeg_2000() -> StoredSample:
    return in_format("JPEG2000")


BAD = (
    truncated,
    header_only,
    garbage,
    one_byte,
    announced_smaller,
    announced_larger,
    another_format,
    announced_huge,
    a_png,
    a_webp,
    a_tiff,
    a_bmp,
    a_jpeg_2000,
)
FOREIGN = (another_format, a_png, a_webp, a_tiff, a_bmp, a_jpeg_2000)


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Records]:
    """One kind of bad sample in each batch of the evaluation order, then a batch with two, then a
    sound one."""
    content = [square(i, "raw" if i % 5 == 0 else "420") for i in range(BATCH * (len(BAD) + 2))]
    for batch, make in enumerate(BAD):
        content[batch * BATCH + SLOT] = make()
    for slot in (SLOT, SLOT + 1):
        content[len(BAD) * BATCH + slot] = garbage()
    path = tmp_path_factory.mktemp("bad") / "bad.beton"
    with make_records(path, content) as opened:
        yield opened


def open_whole(records: Records, name: str, **settings: object) -> PlannedLoader:
    """Ascending order, whole images."""
    keywords = {"size": 24, "batch_size": BATCH, "train": False, "eval_crop": 1.0, "workers": 2}
    return open_loader(records, loader=name, **{**keywords, **settings})  # type: ignore[arg-type]


@pytest.fixture(scope="module", params=available_loaders())
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def loader(records: Records, name: str) -> Iterator[PlannedLoader]:
    with open_whole(records, name) as opened:
        yield opened


@pytest.fixture
def skipping(records: Records, name: str) -> Iterator[PlannedLoader]:
    with open_whole(records, name, on_bad_sample="skip") as opened:
        yield opened


@pytest.mark.parametrize("batch", range(len(BAD)), ids=[make.__name__ for make in BAD])
def test_a_bad_sample_is_named(loader: PlannedLoader, batch: int) -> None:
    with pytest.raises(BadSampleError) as caught:
        next(loader.epoch(0, start=batch))
    index = batch * BATCH + SLOT
    assert caught.value.index == index
    assert caught.value.name == loader.records.name(index)
    assert caught.value.reason
    assert f"sample {index} ({caught.value.name}) cannot be decoded" in str(caught.value)
    assert "replace that image (and pack again what was packed)" in str(caught.value)
    assert '--on-bad-sample skip in training, on_bad_sample="skip" in Python' in str(caught.value)


def test_the_reason_tells_both_sizes(loader: PlannedLoader) -> None:
    with pytest.raises(BadSampleError, match="is 61x61 px, the tables say 51x51"):
        next(loader.epoch(0, start=BAD.index(announced_smaller)))


@pytest.mark.parametrize("make", FOREIGN, ids=[make.__name__ for make in FOREIGN])
def test_what_is_no_jpeg_is_refused_alike(
    loader: PlannedLoader, make: Callable[[], StoredSample]
) -> None:
    with pytest.raises(BadSampleError) as caught:
        next(loader.epoch(0, start=BAD.index(make)))
    assert caught.value.reason == "it is not a JPEG"


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_few_bytes_that_announce_gigabytes_take_none(
    tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    path = tmp_path_factory.mktemp("huge") / "huge.beton"
    make_records(path, [square(0), announced_huge(), square(1), square(2)]).close()
    code = (
        "import sys; from pathlib import Path; from headrace import open_loader\n"
        f"with open_loader(sys.argv[1], loader={name!r}, train=False, batch_size=4, workers=0,\n"
        "                 on_bad_sample='skip') as loader:\n"
        "    (batch,) = loader.epoch(0)\n"
        "    assert loader.num_skipped == 1\n"
        "print(Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0])"
    )
    run = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert int(run.stdout.split()[-1]) < 1_500_000, "kB; 2,700,000 are what the pixels would take"


def test_the_next_epoch_is_sound_after_an_error(loader: PlannedLoader) -> None:
    with pytest.raises(BadSampleError):
        list(loader.epoch(0))
    (batch,) = loader.epoch(0, start=len(BAD) + 1)
    expected = reference_images(loader.records, loader.plan(0), slice(-BATCH, None), 24)
    difference = np.abs(batch.images.numpy().astype(np.int16) - expected)
    assert difference.max() <= LARGEST


def test_skip_puts_the_plan_s_next_sample_in_its_place(skipping: PlannedLoader) -> None:
    records, plan = skipping.records, skipping.plan(0)
    batches = list(skipping.epoch(0))
    assert len(batches) == plan.num_batches
    assert skipping.num_skipped == len(BAD) + 2
    found = np.concatenate([batch.indices for batch in batches])
    expected = plan.indices.copy()
    expected[np.arange(len(BAD)) * BATCH + SLOT] += 1
    first = len(BAD) * BATCH + SLOT
    expected[[first, first + 1]] = first + 2
    assert np.array_equal(found, expected)
    images = np.concatenate([batch.images.numpy() for batch in batches]).astype(np.int16)
    assert np.array_equal(np.concatenate([b.labels for b in batches]), records.labels[found])
    for place, index in enumerate(found):
        at = slice(index, index + 1)  # the order is ascending, so places are indices
        reference = reference_images(records, plan, at, 24)[0]
        assert np.abs(images[place] - reference).max() <= LARGEST, (place, index)


def test_skip_counts_each_epoch(skipping: PlannedLoader) -> None:
    for epoch in range(2):
        list(skipping.epoch(epoch))
    assert skipping.num_skipped == 2 * (len(BAD) + 2)


def test_nothing_left_to_replace_with(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    path = tmp_path_factory.mktemp("bad") / "all_bad.beton"
    with make_records(path, [garbage(), truncated(), garbage()]) as records:
        with open_whole(records, name, on_bad_sample="skip") as loader:
            with pytest.raises(BadSampleError):
                list(loader.epoch(0))


def test_harmless_oddities_are_loaded(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    """Bytes behind the end, bytes between markers (libjpeg warns of them), and CMYK."""
    plain = square(1).data
    scan = plain.rindex(b"\xff\xdb", 0, 400)
    file = io.BytesIO()
    Image.fromarray(photo(5, SIDE, SIDE)).convert("CMYK").save(file, "JPEG")
    odd = [plain + b"trailing bytes", plain[:scan] + bytes(20) + plain[scan:], file.getvalue()]
    content = [replace(square(1), data=data) for data in odd] + samples(3, low=61, high=61)
    path = tmp_path_factory.mktemp("odd") / "odd.beton"
    with make_records(path, content) as records, open_whole(records, name) as loader:
        (batch,) = loader.epoch(0)
        expected = reference_images(records, loader.plan(0), slice(0, len(content)), 24)
    difference = np.abs(batch.images.numpy().astype(np.int16) - expected)
    assert difference.max() <= LARGEST

"""Which level a crop is read from, where it lies there, and files that lie about their levels."""

from __future__ import annotations

import contextlib
import json
import math
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.pipeline.containers import beton
from headrace.pipeline.containers.level_table import LEVEL
from headrace.pipeline.containers.manifest import HEADER
from headrace.pipeline.crops.settings import CropConfig
from headrace.pipeline.errors import BadSampleError, ConfigError, HeadraceError, RecordsError
from headrace.pipeline.levels import (
    MAX_LEVELS,
    boxes_at,
    level_side,
    level_words,
    pick_levels,
)
from headrace.pipeline.loader import open_loader
from headrace.pipeline.plan import PlanConfig, make_plan
from headrace.pipeline.records import Records
from tests.builders import photo, samples, stored, with_levels, write_beton, write_by_writer

SIDES = st.tuples(st.integers(1, 5000), st.integers(1, 5000))


@st.composite
def cut_images(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Sizes (n, 2) and boxes (n, 4) inside them."""
    sizes = np.array(draw(st.lists(SIDES, min_size=1, max_size=5)))
    boxes = []
    for height, width in sizes.tolist():
        h, w = draw(st.integers(1, height)), draw(st.integers(1, width))
        boxes.append((draw(st.integers(0, height - h)), draw(st.integers(0, width - w)), h, w))
    return sizes, np.array(boxes, np.int32)


@given(
    cut=cut_images(),
    target=st.tuples(st.integers(1, 512), st.integers(1, 512)),
    sharpness=st.floats(0.01, 4),
    lacking=st.integers(0, 2**MAX_LEVELS - 1),
)
def test_the_smallest_level_that_is_sharp_enough(
    cut: tuple[np.ndarray, np.ndarray], target: tuple[int, int], sharpness: float, lacking: int
) -> None:
    sizes, boxes = cut
    has = [not lacking >> level & 1 for level in range(MAX_LEVELS)]
    picked = pick_levels(boxes, target, sizes, np.tile(has, (len(sizes), 1)), sharpness)
    for size, box, level in zip(sizes.tolist(), boxes.tolist(), picked.tolist(), strict=True):
        fits = [
            number
            for number in range(1, MAX_LEVELS + 1)
            if has[number - 1]
            and all(
                side * level_side(whole, number) / whole >= max(1, sharpness * out) * (1 + 1e-12)
                for side, whole, out in zip(box[2:], size, target, strict=True)
            )
        ]
        # What is within rounding of the limit may be read from either.
        assert level >= max(fits, default=0)
        if level:
            assert has[level - 1]
            for side, whole, out in zip(box[2:], size, target, strict=True):
                there = side * level_side(whole, level) / whole
                assert there >= max(1, sharpness * out) * (1 - 1e-12)


@given(cut=cut_images(), sharpness=st.floats(0.001, 2), target=st.integers(1, 300))
def test_a_box_stays_inside_its_level_and_moves_by_half_a_pixel_at_most(
    cut: tuple[np.ndarray, np.ndarray], sharpness: float, target: int
) -> None:
    sizes, boxes = cut
    everything = np.ones((len(sizes), MAX_LEVELS), bool)
    levels = pick_levels(boxes, (target, target), sizes, everything, sharpness)
    found = boxes_at(boxes, sizes, levels)
    there = level_side(sizes, levels.astype(np.int64)[:, None])
    assert (found[:, :2] >= 0).all() and (found[:, 2:] >= 1).all()
    assert (found[:, :2] + found[:, 2:] <= there).all()
    # The content of any place within a box moves as its edges do, in proportion.
    for edge, moved in (
        (boxes[:, :2], found[:, :2]),
        (boxes[:, :2] + boxes[:, 2:], found[:, :2] + found[:, 2:]),
    ):
        assert (np.abs(moved - edge * there / sizes) <= 0.5 + 1e-9).all()
    assert np.array_equal(found[levels == 0], boxes[levels == 0])


def test_shapes_that_need_their_height_most() -> None:
    """Both sides have to be sharp enough, each for what it becomes."""
    sizes = np.array([[400, 400]] * 3)
    boxes = np.array([[0, 0, 400, 400], [0, 0, 100, 400], [0, 0, 400, 100]], np.int32)
    has = np.ones((3, 2), bool)
    assert pick_levels(boxes, (100, 100), sizes, has, 1.0).tolist() == [2, 0, 0]
    assert pick_levels(boxes, (100, 100), sizes, has, 1.01).tolist() == [1, 0, 0]
    assert pick_levels(boxes, (100, 100), sizes, has, 0.5).tolist() == [2, 1, 1]
    assert pick_levels(boxes, (25, 100), sizes, has, 1.0).tolist() == [2, 2, 0]
    targets = np.array([[100, 100], [25, 100], [100, 25]])
    assert pick_levels(boxes, targets, sizes, has, 1.0).tolist() == [2, 2, 2]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for none in (math.inf, 1e308):
            assert pick_levels(boxes, (1, 100), sizes, has, none).tolist() == [0, 0, 0]


def test_a_single_pixel_is_enough_and_much_may_be_asked_for() -> None:
    whole = np.array([[0, 0, 400, 400]], np.int32)
    has, sizes = np.ones((1, 4), bool), np.array([[400, 400]])
    for sharpness, level in ((0.001, 4), (26, 3), (150, 1), (200, 1), (201, 0)):
        assert pick_levels(whole, (1, 1), sizes, has, sharpness).tolist() == [level]
    small = np.array([[0, 0, 16, 16]], np.int32)
    assert pick_levels(small, (1, 1), np.array([[16, 16]]), has, 0.01).tolist() == [4]


@given(
    seed=st.integers(0, 2**32),
    mode=st.sampled_from(["random-resized", "padded", "centre", "squash", "letterbox"]),
    train=st.booleans(),
)
def test_a_plan_is_the_same_but_for_what_it_reads(seed: int, mode: str, train: bool) -> None:
    heights, widths = np.random.default_rng(seed).integers(1, 900, (2, 40))
    has = np.random.default_rng(seed).random((40, 3)) < 0.7
    crop = CropConfig(size=48, crop_mode=mode, eval_mode=None, flip=0.5)
    config = PlanConfig(batch_size=7, seed=seed, crop=crop, train=train)
    plain = make_plan(heights, widths, range(40), config, 3)
    plan = make_plan(heights, widths, range(40), config, 3, stored=has)
    for name in ("indices", "boxes", "flips", "bounds", "targets"):
        assert np.array_equal(getattr(plan, name), getattr(plain, name))
    assert plain.levels is None and plain.level_boxes is None
    everything = slice(0, 40)
    levels, boxes = plan.read_levels(everything), plan.read_boxes(everything)
    read = levels > 0
    assert has[plan.indices[read], levels[read] - 1].all()
    assert np.array_equal(boxes[~read], plan.boxes[~read])
    sides = np.stack([heights, widths], 1)[plan.indices]
    assert (boxes[:, :2] + boxes[:, 2:] <= level_side(sides, levels[:, None].astype(int))).all()


def test_what_is_letterboxed_is_as_sharp_as_it_is_shown() -> None:
    """A flat image, of which a square shows few rows, and one that is as high as it is wide."""
    heights, widths = np.array([100, 400]), np.array([400, 400])
    crop = CropConfig(size=100, eval_mode="letterbox", eval_crop=1.0)
    config = PlanConfig(crop=crop, train=False)
    plan = make_plan(heights, widths, range(2), config, 0, stored=np.ones((2, 3), bool))
    assert plan.targets is not None and plan.targets[:, 2:].tolist() == [[25, 100], [100, 100]]
    assert plan.read_levels(slice(0, 2)).tolist() == [2, 2]
    narrow = make_plan(widths, heights, range(2), config, 0, stored=np.ones((2, 3), bool))
    assert narrow.read_levels(slice(0, 2)).tolist() == [2, 2]


def test_a_level_is_named_by_its_number_and_share() -> None:
    assert [level_words(level) for level in (0, 1, 3)] == [
        "",
        "its level 1 (1/2): ",
        "its level 3 (1/8): ",
    ]


def test_training_and_evaluation_have_a_sharpness_each() -> None:
    sides, has = np.full(50, 400), np.ones((50, 2), bool)
    for train, settings in ((True, {"sharpness": math.inf}), (False, {"eval_sharpness": math.inf})):
        for keywords in ({}, settings):
            crop = CropConfig(size=64, **keywords)  # type: ignore[arg-type]
            plan = make_plan(
                sides, sides, range(50), PlanConfig(crop=crop, train=train), 0, stored=has
            )
            assert (plan.levels is None) == (keywords == settings)


@pytest.mark.parametrize("value", [0.0, -1.0, math.nan])
def test_a_sharpness_that_cannot_be(value: float) -> None:
    with pytest.raises(ConfigError, match=r"sharpness is .*, expected a number above 0, or inf"):
        CropConfig(sharpness=value)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = [with_levels(sample, i % 4) for i, sample in enumerate(samples(9, low=60))]
    return write_by_writer(tmp_path / "levels.beton", [*made, stored(photo(1, 50, 60), "raw")])


def test_a_file_says_which_levels_it_has(file: Path) -> None:
    with Records.open(file) as records:
        assert records.levels.sum(1).tolist() == [0, 1, 2, 3, 0, 1, 2, 3, 0, 0]
        assert not records.levels.flags.writeable
        for index, count in enumerate(records.levels.sum(1).tolist()):
            for level in range(count + 1):
                image = records.decode(index, level)
                assert image.shape == (*records.size(index, level), 3)
                assert not records.view(index, level).flags.writeable
        indices, levels = np.array([3, 7, 2]), np.array([3, 0, 1], np.uint8)
        part = records.storage.part(indices, levels)
        for slot, (index, level) in enumerate(zip(indices, levels, strict=True)):
            assert part.view(slot).tobytes() == records.view(index, level).tobytes()


def test_level_pages_hold_no_sample(tmp_path: Path) -> None:
    """Whole pages: FFCV reads those of which an allocation entry names a byte, and no others."""
    blob = bytes(400_000)  # many pages need not be many images
    made = [
        samples(1)[0].__class__(
            data=blob, height=9, width=9, levels=(blob[:150_000], blob[:40_000])
        )
        for _ in range(60)
    ]
    data = np.fromfile(write_by_writer(tmp_path / "pages.beton", made), np.uint8)
    tables = beton.read_tables(data, tmp_path)
    levels = Records.open(tmp_path / "pages.beton").storage.levels  # type: ignore[attr-defined]

    def pages(ptrs: np.ndarray, sizes: np.ndarray) -> set[int]:
        first, last = ptrs // tables.page_size, (ptrs + sizes - 1) // tables.page_size
        return {*first.ravel().tolist(), *last.ravel().tolist()}

    assert pages(tables.ptrs, tables.sizes).isdisjoint(pages(levels.ptrs, levels.sizes))
    # One level a page, but for what is left over at the end.
    both = pages(levels.ptrs[:, 0], levels.sizes[:, 0]) & pages(
        levels.ptrs[:, 1], levels.sizes[:, 1]
    )
    assert len(both) <= 2
    assert len(data) < 1.15 * 60 * (400_000 + 190_000)


def test_a_file_without_levels_is_what_it_was(tmp_path: Path) -> None:
    everything = samples(9)
    with Records.open(write_by_writer(tmp_path / "a.beton", everything)) as records:
        assert records.levels.shape == (9, 0)
        plain = write_beton(
            tmp_path / "b.beton", everything, Records.open(tmp_path / "a.beton").manifest
        )
    ours, plainly = (np.fromfile(path, np.uint8) for path in (tmp_path / "a.beton", plain))
    assert len(ours) == len(plainly)
    tables = beton.read_tables(plainly, plain)
    assert tables.manifest is not None
    # All but the pointers, and the page of checksums and manifest.
    (start, _), end = tables.manifest, tables.end
    ours[start:end], plainly[start:end] = 0, 0
    pointers = slice(beton.HEADER.itemsize, beton.SAMPLES_OFFSET)
    ours[pointers], plainly[pointers] = 0, 0
    assert (ours == plainly).all()


def _table(data: bytearray, count: int) -> np.ndarray:
    """(count, L) LEVEL of a file's bytes, to be written to."""
    place = _levels_place(data)
    entries = np.frombuffer(data, LEVEL, count * place["count"], place["offset"])
    return entries.reshape(count, place["count"])


def _levels_place(data: bytearray) -> dict[str, int]:
    tables = beton.read_tables(np.frombuffer(bytes(data), np.uint8), Path())
    assert tables.manifest is not None
    offset, _ = tables.manifest
    header = np.frombuffer(data, HEADER, 1, offset)[0]
    start = offset + HEADER.itemsize
    found: dict[str, int] = json.loads(data[start : start + int(header["json"])])["levels"]
    return found


@pytest.mark.parametrize(
    ("ptr", "size", "sample"),
    [(1 << 63, 10, 1), (0, 10, 1), (5, 10, 1), (1 << 22, 2**32 - 1, 1), (1 << 22, 0, 1),
     (2**64 - 5, 10, 1), (1 << 22, 10, 9)],
)  # fmt: skip
def test_tables_of_levels_that_lie_are_refused(
    file: Path, ptr: int, size: int, sample: int
) -> None:
    data = bytearray(file.read_bytes())
    _table(data, 10)[sample, 0] = (ptr, size)
    file.write_bytes(data)
    with pytest.raises(RecordsError, match=f"is damaged at level 1 of sample {sample}: {size} by"):
        Records.open(file)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"count": 3', b'"count": 9'),
        (b'"count": 3', b'"count": 0'),
        (b'"count": 3', b'"count":-3'),
        (b'"count": 3', b'"countx":3'),
        (b'"levels": {"offset": ', b'"levels": {"offset":9'),
        (b'"levels": {"offset": ', b'"levels": {"offset":-'),
        (b'"levels": {"offset": ', b'"levels": {"offset":.'),
        (b'"levels": {"offset": ', b'"levels": ["offset", '),
    ],
)
def test_a_manifest_that_lies_of_levels_is_refused(file: Path, old: bytes, new: bytes) -> None:
    data = file.read_bytes()
    assert data.count(old) == 1 and len(old) == len(new)
    file.write_bytes(data.replace(old, new))
    with pytest.raises(RecordsError, match="damaged"):
        Records.open(file)


@given(changes=st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 255)), max_size=8))
def test_no_damage_to_levels_gets_past_an_error_of_ours(
    tmp_path_factory: pytest.TempPathFactory,
    changes: list[tuple[int, int]],
) -> None:
    folder = tmp_path_factory.getbasetemp()
    file = folder / "fuzzed_levels.beton"
    made = [with_levels(sample, 2) for sample in samples(3, low=60, high=70)]
    data = bytearray(write_by_writer(file, made).read_bytes())
    # The levels, their table and the manifest, which is all that lies behind the samples.
    start = int(beton.read_tables(np.frombuffer(bytes(data), np.uint8), file).sizes.sum())
    start += beton.MIN_PAGE_SIZE
    for place, value in changes:
        data[start + place % (len(data) - start)] = value
    file.write_bytes(data)
    with contextlib.suppress(HeadraceError), Records.open(file) as records:
        for index, has in enumerate(records.levels):
            for level in np.flatnonzero(has) + 1:
                with contextlib.suppress(BadSampleError):
                    records.decode(index, int(level))


def test_a_damaged_level_is_a_bad_sample_that_says_so(tmp_path: Path) -> None:
    made = [with_levels(sample, 1) for sample in samples(4, low=100)]
    other = with_levels(samples(1, low=60, high=61)[0], 1)
    made[2] = made[2].__class__(**{**vars(made[2]), "levels": other.levels})
    with (
        Records.open(write_by_writer(tmp_path / "bad.beton", made)) as records,
        open_loader(records, loader="torchvision", size=16, batch_size=4, workers=0) as loader,
        pytest.raises(BadSampleError, match=r"its level 1 \(1/2\): is .* px, the tables say"),
    ):
        list(loader)


def test_a_position_is_of_one_sharpness_and_of_the_levels_there_were(
    file: Path, tmp_path: Path
) -> None:
    settings = {"loader": "torchvision", "size": 16, "batch_size": 2, "workers": 0}
    with open_loader(file, **settings) as loader:  # type: ignore[arg-type]
        state = loader.state_dict()
        with open_loader(file, **settings) as other:  # type: ignore[arg-type]
            other.load_state_dict(state)
    with (
        open_loader(file, **settings, sharpness=2.0) as loader,  # type: ignore[arg-type]
        pytest.raises(ConfigError, match=r"another plan: sharpness was 1\.0, is 2\.0"),
    ):
        loader.load_state_dict(state)
    everything = [with_levels(sample, 1) for sample in samples(9, low=60)]
    everything.append(stored(photo(1, 50, 60), "raw"))
    fewer = write_by_writer(tmp_path / "fewer.beton", everything)
    with (
        open_loader(fewer, **settings) as loader,  # type: ignore[arg-type]
        pytest.raises(ConfigError, match=r"is of other data .*, here are 10 samples; their order"),
    ):
        loader.load_state_dict(state)

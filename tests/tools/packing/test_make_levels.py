"""Packing with levels: which an image gets, how large they are, and what --verify says of them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import simplejpeg
from hypothesis import given
from hypothesis import strategies as st

from headrace.pipeline.containers.beton import MODE_RAW
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.levels import MAX_LEVELS, level_side
from headrace.pipeline.records import Records
from headrace.pipeline.resampling.boxes import resize_image
from headrace.tools.info import main as info
from headrace.tools.pack import main as pack
from headrace.tools.packing.encode import EncodeConfig, encode_sample
from headrace.tools.packing.make_levels import LEAST_SIDE_PX
from headrace.tools.packing.verify_levels import LEAST_LIKENESS_DB, psnr_db
from tests.builders import jpeg_bytes, photo, samples, with_levels, write_by_writer

WITH = EncodeConfig(levels="auto", max_side=0)


@given(
    height=st.integers(20, 420),
    width=st.integers(20, 420),
    most=st.sampled_from([0, 1, 2, 4, "auto"]),
    variant=st.sampled_from(["444", "420", "gray"]),
)
def test_an_image_gets_the_levels_that_it_is_large_enough_for(
    height: int, width: int, most: int | str, variant: str
) -> None:
    data = jpeg_bytes(photo(1, height, width), variant, 95)
    sample = encode_sample(data, EncodeConfig(levels=most), want_moments=False)  # type: ignore[arg-type]
    assert bytes(sample.data) == data
    limit = MAX_LEVELS if most == "auto" else int(most)
    assert len(sample.levels) <= limit
    for level, stored in enumerate(sample.levels, 1):
        if stored is None:
            continue
        sides = level_side(height, level), level_side(width, level)
        assert min(sides) >= LEAST_SIDE_PX
        found = simplejpeg.decode_jpeg_header(stored)
        assert found[:2] == sides and (found[2] == "Gray") == (variant == "gray")
    # What is left out is too small, or no gain.
    if limit and level_side(min(height, width), 1) >= LEAST_SIDE_PX and not sample.levels:
        assert len(data) < 5000


def test_levels_are_the_image_resized(tmp_path: Path) -> None:
    image = photo(3, 301, 420)
    for data, config in (
        (jpeg_bytes(image, "444", 95), WITH),
        (jpeg_bytes(image, "444", 95), replace(WITH, verify="header")),
        (jpeg_bytes(image, "420", 95), replace(WITH, max_side=350)),
        (jpeg_bytes(image, "420", 95), replace(WITH, reencode=True, level_quality=40)),
    ):
        sample = encode_sample(data, config, want_moments=False)
        assert len(sample.levels) == 2
        whole = simplejpeg.decode_jpeg(bytes(sample.data))
        for level, stored in enumerate(sample.levels, 1):
            assert stored is not None
            small = simplejpeg.decode_jpeg(stored)
            # Means of squares, in place of the packer's own resampler.
            step = 2**level
            rows, columns = (side // step * step for side in whole.shape[:2])
            shape = rows // step, step, columns // step, step, 3
            means = whole[:rows, :columns].reshape(shape).mean((1, 3))
            assert psnr_db(small[: shape[0], : shape[2]], means) > 26


def test_an_image_of_few_bytes_gets_no_larger_levels() -> None:
    data = jpeg_bytes(photo(1, 400, 400), "420", 8)
    sample = encode_sample(data, replace(WITH, level_quality=95), want_moments=False)
    sizes = [len(level) for level in sample.levels if level]
    assert sample.levels[:1] != () and sample.levels[0] is None
    assert all(size <= 0.75 * len(data) for size in sizes)


def test_raw_pixels_have_no_levels() -> None:
    config = replace(WITH, lossless="always")
    sample = encode_sample(_png(photo(1, 300, 300)), config, want_moments=False)
    assert sample.mode == MODE_RAW and sample.levels == ()
    with pytest.raises(ConfigError, match="--levels auto: raw pixels are read as fast"):
        EncodeConfig(levels="auto", format="raw")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"levels": 5}, "levels 5: expected 0 to 4, or auto"),
        ({"levels": -1}, "levels -1: expected 0 to 4, or auto"),
        ({"levels": "all"}, "levels all: expected 0 to 4, or auto"),
        ({"level_quality": 0}, "level quality 0: expected 1 to 100"),
    ],
)
def test_wrong_settings_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        EncodeConfig(**settings)  # type: ignore[arg-type]


def test_packed_shown_and_verified(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for i in range(6):
        folder = tmp_path / "in" / "train" / "ab"[i % 2]
        folder.mkdir(parents=True, exist_ok=True)
        side = 60 if i == 5 else 200 + 30 * i
        (folder / f"{i}.jpg").write_bytes(jpeg_bytes(photo(i, side, side + 9), "420", 95))
    for out in ("a.beton", "shards/", "a.tar"):
        given = [
            str(tmp_path / "in"),
            f"{tmp_path}/{out}",
            "--levels",
            "2",
            "--level-quality",
            "80",
        ]
        assert pack(given) == 0
        packed = capsys.readouterr().out
        path = f"{tmp_path}/{out}".rstrip("/")
        with Records.open(path) as records:
            assert sorted(records.levels.sum(1).tolist()) == [0, 2, 2, 2, 2, 2]
            assert records.manifest.encoding["levels"] == 2
            assert records.manifest.encoding["level_quality"] == 80
        assert info([path, "--verify", "--check", str(tmp_path / "in")]) == 0
        text = capsys.readouterr().out
        assert [line for line in packed.splitlines() if "smaller sizes" in line] == [
            line for line in text.splitlines() if "smaller sizes" in line
        ]
        assert "smaller sizes: 1/2 of 5 images, " in text and "1/4 of 5 images, " in text
        assert "6 images, 0 problems" in text
        assert info([path, "--json"]) == 0
        levels = json.loads(capsys.readouterr().out)["levels"]
        assert [(level["side"], level["samples"]) for level in levels] == [("1/2", 5), ("1/4", 5)]


@pytest.mark.parametrize("flags", [[], ["--lossless", "always", "--reencode"]])
def test_a_pack_says_where_none_came_about(
    flags: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    side = 200 if flags else 2 * LEAST_SIDE_PX - 2
    for name in "ab":
        (tmp_path / "in" / name).mkdir(parents=True)
        (tmp_path / "in" / name / "0.jpg").write_bytes(jpeg_bytes(photo(1, side, 200), "420", 95))
    out = str(tmp_path / "o.beton")
    assert pack([str(tmp_path / "in"), out, "--levels", "auto", *flags]) == 0
    assert "note: --levels auto: no image has smaller sizes; " in capsys.readouterr().out
    assert info([out]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert f"its shorter side is {2 * LEAST_SIDE_PX - 1} px or more" in text


def test_a_quality_of_levels_without_levels_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="50 does nothing without --levels; add --levels auto"):
        pack([str(tmp_path), str(tmp_path / "o.beton"), "--level-quality", "50"])


@pytest.mark.parametrize("variant", ["420", "444", "gray"])
def test_patterns_that_jpeg_destroys_are_their_images_all_the_same(
    variant: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Saturated noise of blocks as large as a level's pixels; and the levels of another such.

    Earlier packs subsampled the chroma of levels.
    """
    rng = np.random.default_rng(0)
    for number in range(4):
        folder = tmp_path / "in" / "ab"[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        blocks = rng.integers(0, 2, (100, 100, 3)).astype(np.uint8) * 255
        kind = "gray" if variant == "gray" else "444"
        data = jpeg_bytes(blocks.repeat(2, 0).repeat(2, 1), kind)
        (folder / f"{number}.jpg").write_bytes(data)
    out = tmp_path / "o.beton"
    if variant == "420":
        monkeypatch.setattr("headrace.tools.packing.make_levels.SUBSAMPLING", "420")
    flags = ["--levels", "1"] + ([] if variant == "420" else ["--level-quality", "1"])
    assert pack([str(tmp_path / "in"), str(out), *flags]) == 0
    with Records.open(out) as records:
        levels = [records.view(index, 1).tobytes() for index in range(4)]
        image = resize_image(records.decode(0), 100, 100)
        assert psnr_db(records.decode(0, 1), image) < LEAST_LIKENESS_DB
    assert info([str(out), "--verify"]) == 0
    swapped = out.read_bytes().replace(levels[0], levels[1][: len(levels[0])].ljust(len(levels[0])))
    out.write_bytes(swapped)
    capsys.readouterr()
    assert info([str(out), "--verify"]) == 1
    assert "bad: 0 (a/0.jpg): its level 1" in capsys.readouterr().err


def test_verify_finds_levels_that_are_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = [with_levels(s, 2) for s in samples(6, low=150, high=150)]
    other = np.asarray(255 - photo(77, 75, 75))
    made[1] = replace(made[1], levels=(jpeg_bytes(other), made[1].levels[1]))
    made[2] = replace(made[2], levels=(made[2].levels[0], b"\xff\xd8 no JPEG"))
    made[3] = replace(made[3], levels=(made[3].levels[1], None))
    assert made[4].levels[0] is not None
    made[4] = replace(made[4], levels=(made[4].levels[0][:-900], None))
    path = write_by_writer(tmp_path / "wrong.beton", made)
    assert info([str(path), "--verify", "--json"]) == 1
    found = {p["index"]: p["problem"] for p in json.loads(capsys.readouterr().out)["problems"]}
    assert sorted(found) == [1, 2, 3, 4]
    assert "level 1 (1/2): is " in found[1] and "expected 16 dB or more" in found[1]
    assert "level 2 (1/4): it is not a JPEG" in found[2]
    assert "level 1 (1/2): is 38x38 px, the tables say 75x75" in found[3]
    assert "level 1 (1/2): Premature end" in found[4]


def _png(image: np.ndarray) -> bytes:
    import io

    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()

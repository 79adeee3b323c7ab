"""The packer: what goes through, what is encoded anew, what is skipped, and how it says so."""

from pathlib import Path

import numpy as np
import pytest
import simplejpeg
from PIL import Image

from headrace.pipeline.errors import BadImageError
from headrace.pipeline.jpeg_header import parse_jpeg_header
from headrace.pipeline.pixels import decode_any_rgb
from headrace.pipeline.records import Records
from headrace.tools.pack import main
from headrace.tools.packing.decode import check_jpeg
from tests.builders import jpeg_bytes, photo


def _class_folder(root: Path, name: str = "train/a") -> Path:
    folder = root / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _pack(source: Path, out: Path, *options: str) -> Records:
    assert main([str(source), str(out), *options]) == 0
    return Records.open(out)


def _by_name(records: Records) -> dict[str, int]:
    return {Path(records.name(i)).name: i for i in range(len(records))}


def test_a_fitting_jpeg_is_stored_byte_for_byte(tmp_path: Path) -> None:
    folder = _class_folder(tmp_path)
    kinds = {f"{v}.jpg": jpeg_bytes(photo(1, 41, 67), v) for v in ("444", "422", "420", "gray")}
    for name, data in kinds.items():
        (folder / name).write_bytes(data)
    with _pack(tmp_path, tmp_path / "o.beton") as records:
        assert {n: bytes(records.view(i)) for n, i in _by_name(records).items()} == kinds
        assert set(records.heights.tolist()) == {41} and set(records.widths.tolist()) == {67}


def test_whatever_else_is_encoded_upright_and_within_the_limit(tmp_path: Path) -> None:
    folder = _class_folder(tmp_path)
    picture = Image.fromarray(photo(2, 96, 128))
    for orientation in range(2, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        picture.save(folder / f"turned{orientation}.jpg", exif=exif, quality=95)
    picture.save(folder / "progressive.jpg", progressive=True, quality=95)
    picture.convert("CMYK").save(folder / "cmyk.jpg", quality=95)
    for suffix in ("png", "webp", "bmp", "gif", "tiff"):
        picture.save(folder / f"x.{suffix}")
    picture.quantize(200).save(folder / "palette.png")
    picture.convert("L").save(folder / "gray.png")
    picture.resize((700, 525)).save(folder / "large.jpg", quality=95)
    with _pack(tmp_path, tmp_path / "o.beton", "--max-side", "128", "--quality", "97") as records:
        assert not records.manifest.skipped
        for name, i in _by_name(records).items():
            source = decode_any_rgb(np.fromfile(folder / name, np.uint8))
            stored = records.decode(i)
            assert max(stored.shape) <= 128
            if name != "large.jpg":
                assert stored.shape == source.shape
                assert np.abs(stored.astype(int) - source).mean() < 8, name
        large = records.decode(_by_name(records)["large.jpg"])
        assert large.shape == (96, 128, 3)
        wanted = np.asarray(picture.resize((700, 525)).resize((128, 96), Image.Resampling.BILINEAR))
        assert np.abs(large.astype(int) - wanted).mean() < 5


def test_sixteen_bit_and_transparent_images_keep_their_look(tmp_path: Path) -> None:
    folder = _class_folder(tmp_path)
    ramp = np.linspace(0, 65535, 64 * 48).reshape(48, 64).astype(np.uint16)
    Image.fromarray(ramp).save(folder / "deep.png")
    clear = Image.fromarray(photo(3, 48, 64)).convert("RGBA")
    clear.putalpha(0)
    clear.save(folder / "clear.png")
    with _pack(tmp_path, tmp_path / "o.beton", "--quality", "98") as records:
        names = _by_name(records)
        deep = records.decode(names["deep.png"])[..., 0].astype(int)
        assert np.abs(deep - (ramp >> 8)).max() <= 4
        assert records.decode(names["clear.png"]).min() >= 253


def test_bad_images_are_skipped_with_a_reason_or_fail(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, out = tmp_path / "in", tmp_path / "o.beton"
    folder = _class_folder(source)
    good = jpeg_bytes(photo(4, 60, 80))
    bad = {
        "cut.jpg": good[: len(good) // 2],
        "empty.jpg": b"",
        "head.jpg": good[:100],
        "text.jpg": b"not an image at all",
    }
    for name, data in {**bad, "good.jpg": good}.items():
        (folder / name).write_bytes(data)
    (folder / "dangling.jpg").symlink_to(tmp_path / "nowhere.jpg")
    (folder / "._good.jpg").write_bytes(b"finder")
    (folder / "loop").symlink_to(source)
    with _pack(source, out) as records:
        assert [records.name(i) for i in range(len(records))] == ["train/a/good.jpg"]
        skipped = {Path(s.name).name: s.reason for s in records.manifest.skipped}
        assert set(skipped) == {*bad, "dangling.jpg"}
        assert "empty" in skipped["empty.jpg"] and "Premature end" in skipped["cut.jpg"]
    assert "5 skipped" in capsys.readouterr().out
    (folder / "dangling.jpg").unlink()
    assert main([str(source), str(tmp_path / "p.beton"), "--on-error", "fail"]) == 1
    assert "cut.jpg: Premature end" in capsys.readouterr().err
    assert not list(tmp_path.glob("p.beton*"))


def test_no_usable_image_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (_class_folder(tmp_path / "in") / "x.jpg").write_bytes(b"nothing")
    assert main([str(tmp_path / "in"), str(tmp_path / "o.beton")]) == 1
    assert "no usable image among 1" in capsys.readouterr().err
    assert not list(tmp_path.glob("o.beton*"))


def test_header_verification_trusts_the_data(tmp_path: Path) -> None:
    folder = _class_folder(tmp_path)
    good = jpeg_bytes(photo(5, 60, 80))
    for i in range(3):
        (folder / f"{i}.jpg").write_bytes(good)
    val = _class_folder(tmp_path, "val/a")
    (val / "cut.jpg").write_bytes(good[: len(good) * 3 // 4])
    with _pack(tmp_path, tmp_path / "h.beton", "--verify", "header") as records:
        assert len(records) == 4 and records.manifest.mean is not None
    with _pack(tmp_path, tmp_path / "f.beton") as records:
        assert len(records) == 3 and records.split("val") == range(3, 3)


def test_a_small_decode_sees_the_damage_that_a_full_one_sees() -> None:
    rng = np.random.default_rng(0)
    good = jpeg_bytes(photo(6, 120, 160), "420", 92)
    check_jpeg(good)
    for _ in range(60):
        damaged = bytearray(good)
        place = int(rng.integers(650, len(good) - 2))
        damaged[place] ^= 1 << int(rng.integers(8))
        del damaged[len(good) - int(rng.integers(0, 2)) * 100 :]
        outcome = []
        for check in (check_jpeg, simplejpeg.decode_jpeg):
            try:
                check(bytes(damaged))
                outcome.append(True)
            except (BadImageError, ValueError):
                outcome.append(False)
        assert outcome[0] == outcome[1]


def test_same_bytes_whatever_the_number_of_workers(tmp_path: Path) -> None:
    source = tmp_path / "in"
    for i in range(40):
        path = _class_folder(source, f"{('train', 'val')[i % 2]}/{'ab'[i // 20]}") / f"{i}.jpg"
        path.write_bytes(jpeg_bytes(photo(i, 30 + i, 90)))
    for workers in ("1", "3"):
        _pack(source, tmp_path / f"{workers}.beton", "--max-side", "64", "--workers", workers)
    assert (tmp_path / "1.beton").read_bytes() == (tmp_path / "3.beton").read_bytes()


def test_manifest_tells_splits_classes_names_and_colours(tmp_path: Path) -> None:
    source = tmp_path / "in"
    for split, colour in (("training", 200), ("validation", 10)):
        for name in ("pear", "apple"):
            image = np.full((20, 30, 3), (colour, 100, 50), np.uint8)
            folder = _class_folder(source, f"{split}/Fruit/{name}")
            (folder / "1.jpg").write_bytes(jpeg_bytes(image, "444", 98))
    with _pack(source, tmp_path / "o.beton") as records:
        assert records.manifest.classes == ("apple", "pear")
        assert records.splits == {"train": (0, 2), "val": (2, 4)}
        assert records.labels.tolist() == [0, 1, 0, 1]
        assert records.name(3) == "validation/Fruit/pear/1.jpg"
        mean, std = records.manifest.mean, records.manifest.std
        assert mean is not None and std is not None
        assert np.allclose(mean, np.array([200, 100, 50]) / 255, atol=0.01)
        assert max(std) < 0.02
        assert records.manifest.encoding["max_side"] == 512


def test_raw_and_reencoded(tmp_path: Path) -> None:
    folder = _class_folder(tmp_path / "in")
    data = jpeg_bytes(photo(7, 60, 80), "444", 98)
    (folder / "x.jpg").write_bytes(data)
    with _pack(tmp_path / "in", tmp_path / "raw.beton", "--format", "raw") as records:
        assert records.modes.tolist() == [1]
        assert np.array_equal(records.decode(0), simplejpeg.decode_jpeg(data))
    with _pack(tmp_path / "in", tmp_path / "new.beton", "--reencode") as records:
        stored = bytes(records.view(0))
        assert len(stored) < len(data)
        header = parse_jpeg_header(stored)
        assert header is not None and header.components[0][1] == 0x22


def test_output_is_not_replaced_unless_forced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from headrace.pipeline.errors import ConfigError

    (_class_folder(tmp_path / "in") / "x.jpg").write_bytes(jpeg_bytes(photo(8, 40, 40)))
    out = tmp_path / "o.beton"
    out.write_text("precious")
    with pytest.raises(ConfigError, match="--force"):
        main([str(tmp_path / "in"), str(out)])
    assert out.read_text() == "precious"
    assert len(_pack(tmp_path / "in", out, "--force")) == 1
    with pytest.raises(ConfigError, match="does not exist"):
        main([str(tmp_path / "in"), str(tmp_path / "no" / "o.beton")])


def test_a_folder_of_images_is_never_replaced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from headrace.pipeline.errors import ConfigError

    source = tmp_path / "in"
    (_class_folder(source) / "x.jpg").write_bytes(jpeg_bytes(photo(8, 40, 40)))
    with pytest.raises(ConfigError, match="holds more than shards"):
        main([str(source), f"{source}/", "--force"])
    with pytest.raises(ConfigError, match="is a folder"):
        main([str(source), str(source), "--force"])
    assert (source / "train" / "a" / "x.jpg").exists()
    for _ in range(2):
        assert main([str(source), f"{tmp_path}/shards/", "--force"]) == 0
    assert len(Records.open(tmp_path / "shards")) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--max-side", "-1"], "--max-side -1"),
        (["--quality", "0"], "quality 0"),
        (["--page-size", "3"], "--page-size 3: expected a power of two from 2 to 2048"),
        (["--val-fraction", "2"], "--val-fraction is 2"),
        (["--folds", "2"], "--folds 2: folds of a single training sample; add samples"),
        (["--workers", "0"], "--workers 0"),
        (["--shard-size", "1", "--format", "raw"], "shards hold JPEGs"),
    ],
)
def test_impossible_settings_name_the_value(
    tmp_path: Path, options: list[str], message: str
) -> None:
    from headrace.pipeline.errors import ConfigError

    (_class_folder(tmp_path / "in") / "x.jpg").write_bytes(jpeg_bytes(photo(9, 40, 40)))
    with pytest.raises(ConfigError, match=message):
        main([str(tmp_path / "in"), str(tmp_path / "o"), *options])
    assert [p.name for p in tmp_path.iterdir()] == ["in"]


def test_a_sample_never_straddles_two_pages(tmp_path: Path) -> None:
    folder = _class_folder(tmp_path / "in")
    for i in range(12):
        image = photo(i, 300, 400 + i)
        Image.fromarray(image).save(folder / f"{i}.png", compress_level=1)
    out = tmp_path / "o.beton"
    with _pack(tmp_path / "in", out, "--format", "raw", "--page-size", "2") as records:
        starts, sizes = records.storage.ptrs, records.storage.sizes  # type: ignore[attr-defined]
        assert (starts >> 21 == (starts + sizes - 1) >> 21).all()
        assert len(np.unique(starts >> 21)) > 1

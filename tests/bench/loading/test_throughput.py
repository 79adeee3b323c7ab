"""bench/throughput.py and bench/scaling.py on a handful of images."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import headrace.bench.scaling
import headrace.bench.throughput
from headrace.bench.core.isolated_process import UnavailableError
from headrace.bench.loading.ceilings import JPEG_CEILINGS, RAW_CEILINGS, ceiling_of, open_ceiling
from headrace.bench.loading.compare_speed import repeats_for
from headrace.bench.loading.comparison import CompareConfig, names_for
from headrace.bench.loading.image_forms import ImageForms
from headrace.bench.loading.image_sets import folder_image_set, packed_image_set
from headrace.bench.loading.loader_process import LoaderProcess
from headrace.bench.loading.loader_under_test import Job, Source
from headrace.bench.loading.peers import webdataset_shards
from headrace.bench.loading.repeat_records import repeat_records
from headrace.bench.loading.sources import PEERS, open_source
from headrace.bench.loading.throughput_report import add_ratios, in_table_order, panels
from headrace.bench.loading.timed_loader import Run
from headrace.bench.throughput import ThroughputSettings
from headrace.pipeline.command_line import run_command
from headrace.pipeline.errors import ConfigError, HeadraceError, MissingPackageError
from headrace.pipeline.flags import parse
from headrace.pipeline.records import Records
from tests.builders import (
    jpeg_bytes,
    make_records,
    photo,
    samples,
    with_levels,
    write_by_writer,
)

ROW_KEYS = {
    "loader",
    "records",
    "size",
    "crop_scale",
    "images_per_s",
    "images_per_s_iqr",
    "first_batch_s",
    "cpu_percent",
    "peak_rss_mb",
    "ceiling_share",
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "a.beton"
    make_records(path, samples(12), {"train": 9, "val": 3}).close()
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for i in range(6):
        file = tmp_path / "images" / "train" / f"class{i % 2}" / f"{i}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(jpeg_bytes(photo(i, 50, 60)))
    return tmp_path / "images"


def job(name: str, path: Path, **changes: object) -> Job:
    base = Job(
        name=name,
        path=str(path),
        split="train",
        size=32,
        batch_size=4,
        workers=1,
        crop_scale=(0.08, 1.0),
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def test_throughput_runs_and_reports(
    data: Path, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = f"--data {data} --folder {folder} --loaders torchvision --size 32 --workers 1 "
    arguments += "--repeats 1 --min-seconds 0 --batch-size 4 --no-ceilings --memory 1 "
    arguments += f"--json {tmp_path / 'r.json'} --plot {tmp_path / 'r.png'}"
    assert headrace.bench.throughput.main(arguments.split()) == 0
    out = capsys.readouterr().out
    assert "peer:course-script" in out and "growth MB" in out
    document = json.loads((tmp_path / "r.json").read_text())
    assert str(tmp_path) not in json.dumps(document)
    rows = document["rows"]
    assert all(set(row) >= ROW_KEYS for row in rows)
    assert rows[0]["loader"] == "torchvision" and rows[0]["records"].startswith("jpeg-")
    course = next(row for row in rows if row["loader"] == "peer:course-script")
    assert course["records"] == "folder" and course["crop_scale"] is None and course["ratio"] == 1
    assert all(row["images_per_s"] > 0 and row["peak_rss_mb"] > 0 for row in rows)
    assert {entry["loader"] for entry in document["memory"]} == {
        "torchvision",
        "peer:course-script",
    }
    assert (tmp_path / "r.png").stat().st_size > 5000


def test_scaling_runs_and_reports(data: Path, tmp_path: Path) -> None:
    arguments = f"--data {data} --loaders torchvision --size 32 --workers 1 --batch-size 8 "
    arguments += "--records 50 200 --repeats 1 --min-seconds 0 "
    arguments += f"--json {tmp_path / 's.json'} --plot {tmp_path / 's.png'}"
    assert headrace.bench.scaling.main(arguments.split()) == 0
    document = json.loads((tmp_path / "s.json").read_text())
    assert [row["value"] for row in document["opening"]] == [50, 200]
    assert {row["what"] for row in document["rows"]} == {"workers", "batch size", "records"}
    assert (tmp_path / "s.png").stat().st_size > 5000


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ("--loaders nonsense", "--loaders nonsense: expected all, none, or of torchvision"),
        ("--peers peer:nobody", "--peers nobody: expected"),
        ("--data /no/such/file.beton", "does not exist"),
        ("--folder /no/such/folder", "is not a folder"),
    ],
)
def test_wrong_choices_are_named(arguments: str, text: str) -> None:
    with pytest.raises(HeadraceError, match=text):
        headrace.bench.throughput.main(arguments.split())


@pytest.mark.parametrize(
    "flag",
    [
        "--size",
        "--crop-scale",
        "--data",
        "--size 0",
        "--crop-scale 1",
        "--crop-scale 0,1",
        "--repeats x",
    ],
)
def test_wrong_flags_are_one_line(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        run_command(lambda: headrace.bench.throughput.main(flag.split()))
    assert caught.value.code == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith(f"error: {flag.split()[0]}")


@pytest.mark.parametrize(
    ("words", "field", "value"),
    [
        ("", "memory", 0),
        ("--memory", "memory", 10),
        ("--memory 3 --seed 1", "memory", 3),
        ("--memory --seed 1", "seed", 1),
        ("--crop-scale 0.08,1 0.8,1", "crop_scale", ((0.08, 1.0), (0.8, 1.0))),
        ("--size 128 224", "size", (128, 224)),
    ],
)
def test_flags_of_several_values_or_none(words: str, field: str, value: object) -> None:
    found = parse(ThroughputSettings, "x", words.split())
    assert getattr(found, field) == value


@pytest.mark.parametrize(
    ("words", "ceilings", "repeats"),
    [
        ("", False, 3),
        ("--ceilings --repeats 7", True, 7),
        ("--data a", True, 5),
        ("--data a --no-ceilings", False, 5),
    ],
)
def test_a_try_without_data_is_short(words: str, ceilings: bool, repeats: int) -> None:
    found = parse(ThroughputSettings, "x", words.split()).comparison()
    assert (found.ceilings, found.repeats) == (ceilings, repeats)


def test_a_repeated_file_holds_the_same_images(data: Path, tmp_path: Path) -> None:
    out = repeat_records(data, tmp_path / "more.beton", split="train", count=20)
    with Records.open(data) as old, Records.open(out) as new:
        assert len(new) == 20 and new.splits == {"train": (0, 20)}
        assert new.manifest.classes == old.manifest.classes
        for i in range(20):
            assert new.view(i).tobytes() == old.view(i % 9).tobytes()
            assert (new.labels[i], new.name(i)) == (old.labels[i % 9], old.name(i % 9))
        ptrs = new.storage.ptrs  # type: ignore[attr-defined]
        sizes = new.storage.sizes  # type: ignore[attr-defined]
        assert (ptrs >> 21 == ptrs + sizes - 1 >> 21).all(), "no sample straddles two pages"
    fewer = repeat_records(data, tmp_path / "fewer.beton", split="val", count=2)
    with Records.open(fewer) as new, Records.open(data) as old:
        assert [new.view(i).tobytes() for i in (0, 1)] == [old.view(i).tobytes() for i in (9, 10)]


def test_peers_get_the_same_bytes(data: Path, folder: Path, tmp_path: Path) -> None:
    forms = ImageForms(tmp_path)
    packed = packed_image_set(data, "train", 5)
    files = sorted(forms.path(packed, "folder").glob("*/*"))
    with Records.open(data) as records:
        assert sorted(f.read_bytes() for f in files) == sorted(
            records.view(i).tobytes() for i in range(5)
        )
    original = folder_image_set(folder, "train", 0)
    links = sorted(forms.path(original, "folder").glob("*/*"))
    assert len(links) == 6 and {link.parent.name for link in links} == {"00000", "00001"}
    assert all(link.resolve().is_file() for link in links)


def test_who_runs_where(data: Path, folder: Path) -> None:
    config = CompareConfig(loaders=["native", "torchvision"], peers=list(PEERS))
    packed, original = packed_image_set(data, "train", 0), folder_image_set(folder, "train", 0)
    alone = names_for(packed, config, with_folder=False)
    assert {"native", "peer:ffcv", "peer:course-script", "ceiling:decode-roi"} <= set(alone)
    assert "peer:course-script" not in names_for(packed, config, with_folder=True)
    on_folder = names_for(original, config, with_folder=True)
    assert "torchvision" in on_folder and "native" not in on_folder
    assert "peer:ffcv" not in on_folder and "peer:course-script" in on_folder
    raw = names_for(replace(packed, raw=True), config, with_folder=False)
    assert raw == ["native", "torchvision", "peer:ffcv", *RAW_CEILINGS]


@pytest.fixture
def process() -> Iterator[LoaderProcess]:
    with LoaderProcess("x") as process:
        yield process


def test_a_loader_that_cannot_run_gives_its_reason(process: LoaderProcess, data: Path) -> None:
    with pytest.raises(UnavailableError, match="has no split 'none'"):
        process.open(job("torchvision", data, split="none"))
    opened = process.open(job("torchvision", data))
    assert opened.images == 9 and opened.rest_images == 5
    assert process.run(0).images == 9
    assert process.peak_rss_mb > 0


def test_an_epoch_is_as_long_as_the_loader_is_fast() -> None:
    """Many short epochs tell it: the first of them may have been ready."""
    many = Run(images=4000, elapsed_s=2.0, cpu_s=0.0)
    assert repeats_for(many, images=100, min_s=0.05) == 1
    assert repeats_for(many, images=100, min_s=2.0) == 64
    assert repeats_for(many, images=100, min_s=1e9) == (1 << 18) // 100


def open_or_skip(job: Job) -> Source:
    try:
        return open_source(job)
    except MissingPackageError as error:
        assert "install" in str(error)
        pytest.skip(str(error))


FOLDER_PEERS = [name for name, (_, reads) in PEERS.items() if reads == "folder"]


@pytest.mark.parametrize("name", FOLDER_PEERS)
def test_folder_peers_deliver_an_epoch(name: str, folder: Path, tmp_path: Path) -> None:
    tree = ImageForms(tmp_path).path(folder_image_set(folder, "train", 0), "folder")
    source = open_or_skip(job(f"peer:{name}", tree, workers=0, batch_size=2, repeat=2))
    assert sum(source.epoch(0)) == 12
    assert sum(source.epoch(1)) == 12
    source.close()


def test_a_peer_left_early_runs_again(folder: Path, tmp_path: Path) -> None:
    tree = ImageForms(tmp_path).path(folder_image_set(folder, "train", 0), "folder")
    source = open_or_skip(job("peer:dali-dynamic", tree, batch_size=2, repeat=2))
    assert sum(source.epoch(0)) == 12
    left = source.epoch(1)
    next(left)
    left.close()  # type: ignore[attr-defined]
    assert sum(source.epoch(2)) == sum(source.epoch(3)) == 12
    source.close()


def test_shards_are_read_as_tensors(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("webdataset")
    tree = ImageForms(tmp_path).path(folder_image_set(folder, "train", 0), "folder")
    webdataset_shards.prepare(tree, tmp_path / "shards")
    source = open_source(
        job("peer:webdataset", tmp_path / "shards", workers=0, batch_size=2, repeat=2)
    )
    assert list(source.epoch(0)) == [2] * 6
    source.close()


@pytest.mark.parametrize("name", ["dali-dynamic", "torchcodec"])
def test_a_peer_that_is_not_installed_says_so(
    name: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("nvidia.dali.experimental.dynamic", "torchcodec", "torchcodec.decoders"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingPackageError, match=r"install headrace\[(dali|bench)\]"):
        open_source(job(f"peer:{name}", folder / "train"))


@pytest.mark.parametrize("name", JPEG_CEILINGS)
def test_ceilings_run(name: str, data: Path, tmp_path: Path) -> None:
    if "simplejpeg" not in name and "decode" in name:
        pytest.importorskip("nvidia.nvimgcodec")
    source = open_ceiling(job(name, data, workers=2))
    assert list(source.epoch(0)) == [9]
    source.close()
    make_records(tmp_path / "raw.beton", samples(3, variant="raw")).close()
    if name in RAW_CEILINGS:
        source = open_ceiling(job(name, tmp_path / "raw.beton"))
        assert list(source.epoch(0)) == [3]
        source.close()
    else:
        with pytest.raises(ConfigError, match=r"raw\.beton holds raw images"):
            open_ceiling(job(name, tmp_path / "raw.beton"))


@pytest.mark.parametrize("name", JPEG_CEILINGS)
def test_ceilings_read_what_loaders_read(name: str, tmp_path: Path) -> None:
    """Half sizes, where crops need no more; the images themselves are garbage."""
    if "simplejpeg" not in name and "decode" in name:
        pytest.importorskip("nvidia.nvimgcodec")
    made = [replace(with_levels(s, 1), data=b"\xff" * 999) for s in samples(6, low=200, high=260)]
    path = write_by_writer(tmp_path / "levels.beton", made)
    source = open_ceiling(job(name, path, crop_scale=(0.8, 1.0)))
    assert list(source.epoch(0)) == [6]
    source.close()


def test_the_ceiling_is_the_fastest_way_to_decode() -> None:
    speeds = {"ceiling:decode-roi": 5.0, "ceiling:decode-full": 3.0, "ceiling:resize": 90.0}
    assert ceiling_of(speeds) == ("ceiling:decode-roi", 5.0)
    assert ceiling_of({"ceiling:resize": 9.0, "ceiling:copy": 90.0}) == ("ceiling:copy", 90.0)
    assert ceiling_of({"native": 9.0}) is None


def test_ratios_prefer_the_same_images() -> None:
    def row(loader: str, records: str, size: int, speed: float) -> dict[str, object]:
        return {
            "loader": loader,
            "records": records,
            "size": size,
            "crop_scale": [0.08, 1.0],
            "images_per_s": speed,
            "images_per_s_iqr": 0.0,
        }

    rows = [
        row("native", "jpeg-500", 128, 300.0),
        row("base", "jpeg-500", 128, 100.0),
        row("base", "folder", 128, 50.0),
        row("native", "jpeg-500", 224, 10.0),
    ]
    add_ratios(rows, "base")
    assert [r["ratio"] for r in rows] == [3.0, 1.0, 1.0, None]
    assert in_table_order(rows)[-1]["records"] == "folder"
    assert [[bar.label for bar in panel.bars] for panel in panels(rows)] == [
        ["native", "base", "base (folder)"],
        ["native"],
    ]

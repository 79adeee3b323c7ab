"""The table that packs end with: it tells everything, fits a terminal, and is short otherwise."""

from pathlib import Path

import numpy as np
import pytest

from headrace.pipeline.command_line import called
from headrace.pipeline.containers.manifest import Manifest, Skipped
from headrace.pipeline.containers.pack_report import LeftOut, PackReport
from headrace.pipeline.layouts import listing_report
from headrace.pipeline.layouts.listing import Listing
from headrace.pipeline.records import Records
from headrace.tools.info import main as info
from headrace.tools.pack import main as pack
from headrace.tools.packing.class_rows import class_rows
from headrace.tools.packing.report import Packed, alike_names, known_report, make_report
from headrace.tools.packing.summary import Shape, report_lines
from tests.builders import jpeg_bytes, photo
from tests.tools.packing.messy_folder import make_messy_folder


@pytest.fixture(scope="module")
def messy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("messy")
    make_messy_folder(root / "in")
    assert pack([str(root / "in"), str(root / "o.beton"), "--workers", "1"]) == 0
    return root


def _report(path: Path) -> PackReport:
    with Records.open(path) as records:
        assert records.manifest.report is not None
        return records.manifest.report


def test_the_report_tells_everything(messy: Path) -> None:
    report = _report(messy / "o.beton")
    assert report.layout == "classes" and "folders" in report.why
    assert report.stored == {"stored byte for byte": 43}
    counts = {(group.kind, group.reason): group.count for group in report.left_out}
    assert counts["skipped", "the file is empty"] == 2
    assert counts["skipped", "a link to nothing"] == 1
    assert counts["ignored", "outside the split folders"] == 12
    assert any(kind == ".txt" for kind, _ in counts)
    assert set(report.alike) == {("Apple", "apple"), ("Ice cream", "ice_cream")}
    doubles = {double.what: double for double in report.doubles}
    leak = doubles["same bytes in two splits"]
    assert leak.count == 1 and leak.among == {"train + val": 1}
    assert leak.examples == (
        (("train/Apple/train_Apple_0000.jpg", "train"), ("val/Apple/copy.jpg", "val")),
    )
    assert doubles["same bytes with two labels"].count == 1
    assert doubles["same file name with two labels"].examples == (
        (("train/Pear/train_Pear_0002.jpg", "Pear"), ("train/apple/train_Pear_0002.jpg", "apple")),
    )
    with Records.open(messy / "o.beton") as records:
        assert len(records.manifest.skipped) == 4 + 12 and report.beyond == 0


def test_pack_and_info_show_it_and_name_the_rest(
    messy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = messy / "again.beton"
    assert pack([str(messy / "in"), str(out), "--workers", "1"]) == 0
    packed = capsys.readouterr().out
    assert info([str(out)]) == 0
    for text in (packed, capsys.readouterr().out):
        assert "43 stored byte for byte" in text
        assert "train/Pear/empty.jpg" in text and ": the file is empty" in text
        assert "12 ignored:" in text and "and 9 more: outside the split folders" in text
        assert "'Apple' / 'apple'; 'Ice cream' / 'ice_cream'" in text
        assert "same bytes in two splits: 1 in train + val" in text
        assert "1 other file that is no image: 1 .txt" in text
        assert "extra/of last year/11.jpg" not in text and "--show-all" in text
    assert f"{out} --show-all" in packed
    assert info([str(out), "--show-all"]) == 0
    assert "extra/of last year/11.jpg: outside the split folders" in capsys.readouterr().out


def test_a_pack_says_what_to_do_next(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a", "b"):
        (tmp_path / "my in" / name).mkdir(parents=True)
        for i in range(4):
            image = jpeg_bytes(photo(i + 10 * (name == "a"), 40, 40))
            (tmp_path / "my in" / name / f"{i}.jpg").write_bytes(image)
    out = tmp_path / "my o.beton"
    assert pack([str(tmp_path / "my in"), str(out)]) == 0
    said = capsys.readouterr().out.splitlines()
    assert "no split to validate on: --val-fraction 0.1" in " ".join(said)
    assert said[-1] == f"next: {called('train')} --data '{out}'"
    assert pack([str(tmp_path / "my in"), str(out), "--force", "--val-fraction", "0.5"]) == 0
    assert "to validate on" not in capsys.readouterr().out
    words = [str(tmp_path / "my in"), str(out), "--force"]
    assert pack([*words, "--dry-run"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"next: {called('pack', *words)}"
    for source, then in (
        (out, f"next: {called('train', '--data', out)}"),
        (tmp_path / "my in", f"next: {called('pack', tmp_path / 'my in', 'my in.beton')}"),
    ):
        assert info([str(source), "--grid", str(tmp_path / "grid.png")]) == 0
        assert capsys.readouterr().out.splitlines()[-1] == then
    (tmp_path / "alone").mkdir()
    (tmp_path / "my in" / "b").rename(tmp_path / "alone" / "b")
    assert pack([str(tmp_path / "alone"), str(out), "--force", "--layout", "classes"]) == 0
    only = "next: training needs two classes, and there is only b: add another one's folder"
    assert only in " ".join(capsys.readouterr().out.split())
    assert info([str(out), "--grid", str(tmp_path / "grid.png")]) == 0
    assert only in " ".join(capsys.readouterr().out.split())
    (tmp_path / "alone" / "c").mkdir()
    (tmp_path / "alone" / "c" / "x.jpg").write_bytes(b"no image")
    assert pack([str(tmp_path / "alone"), str(out), "--force"]) == 0
    assert only in " ".join(capsys.readouterr().out.split())  # the other's images are left out
    assert pack([str(tmp_path / "my in" / "a"), str(out), "--force", "--layout", "flat"]) == 0
    assert f"{called('predict')} RUN" in " ".join(capsys.readouterr().out.splitlines()[-2:])


@pytest.mark.parametrize("others", [0, 1])
def test_files_whose_content_was_taken_are_not_left_out(
    others: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for i in range(4):
        (folder / f"{i}.jpg").write_bytes(jpeg_bytes(photo(i, 40, 40)))
    (folder / "list.csv").write_text("".join(f"{i}.jpg,{i % 2}\n" for i in range(4)))
    (folder / "classes.txt").write_text("apple\npear\n")
    for i in range(others):
        (folder / f"readme{i}.txt").write_text("words")
    assert pack([str(folder), str(tmp_path / "o.beton")]) == 0
    said = capsys.readouterr().out
    assert "class names from classes.txt (2 names)" in said and "list list.csv (4 rows" in said
    assert ("1 other file that is no image: 1 .txt" in said) == bool(others)
    assert others or "no image" not in said
    assert info([str(tmp_path / "o.beton")]) == 0
    assert "class names from classes.txt" in capsys.readouterr().out
    names = tmp_path / "names.txt"
    names.write_text("a\nb\n")
    words = [str(folder), str(tmp_path / "o.beton"), "--force", "--class-names", str(names)]
    assert pack(words) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert f"class names from {names} (2 names)" in said
    assert f"{1 + others} other file" in said, "classes.txt named nothing then"


def test_the_terminal_is_filled_and_not_overrun(messy: Path) -> None:
    with Records.open(messy / "o.beton") as records:
        classes = records.manifest.classes
        rows = class_rows(classes, records.labels, records.splits, records.name)
        for width in (80, 100):
            lines = report_lines(
                _report(messy / "o.beton"), rows, records.manifest.skipped, Shape(width=width)
            )
            assert max(map(len, lines)) <= width
    header = next(line for line in lines if "train" in line and "such as" in line)
    assert header.split() == ["train", "val", "such", "as"]
    row = next(line for line in lines if line.startswith("  Pear "))
    assert row.split()[1:3] == ["5", "3"] and "train/Pear/train_Pear_0000.jpg" in row


def test_where_there_is_nothing_to_say_nothing_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for i in range(6):
        file = tmp_path / "in" / "ab"[i % 2] / f"{i // 2}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(jpeg_bytes(photo(i, 20, 30)))
    assert pack([str(tmp_path / "in"), str(tmp_path / "o.beton")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 10, lines
    assert "no split to validate on" in lines[8] and lines[9].startswith("next: ")
    assert [line.split()[0] for line in lines[4:8]] == ["train", "a", "b", "all"]
    # That each class numbers its files from 0 is counted, and no reason to look.
    assert _report(tmp_path / "o.beton").doubles[0].count == 3


def test_many_classes_that_number_their_files_are_no_reason_to_look(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for i in range(36):
        file = tmp_path / "in" / f"class{i % 12}" / f"{i // 12}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(jpeg_bytes(photo(i, 20, 30)))
    assert pack([str(tmp_path / "in"), str(tmp_path / "o.beton")]) == 0
    assert "same file name" not in capsys.readouterr().out
    (double,) = _report(tmp_path / "o.beton").doubles
    assert (double.count, double.of) == (3, 3)


@pytest.mark.parametrize(
    ("names", "alike"),
    [
        (["Apple", "apple ", "pear"], [("Apple", "apple ")]),
        (["ice cream", "ice_cream", "icecream"], [("ice cream", "ice_cream", "icecream")]),
        (["caf\u00e9", "cafe\u0301"], [("caf\u00e9", "cafe\u0301")]),
        (["1_1", "11", "1-1"], []),
        (["-", "_", "+"], []),
        (["b\udce4r", "B\udce4R"], [("b\udce4r", "B\udce4R")]),
    ],
)
def test_class_names_that_look_alike(names: list[str], alike: list[tuple[str, ...]]) -> None:
    assert list(alike_names(names)) == alike


def test_beyond_a_bound_images_left_out_are_counted_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing_report, "MOST_NAMED", 5)
    ignored = tuple(Skipped(name=f"{i}.jpg", reason="in no list") for i in range(9))
    listing = Listing(
        root=tmp_path,
        layout="list",
        paths=["a.jpg"],
        labels=np.zeros(1, np.int64),
        classes=("a",),
        splits={"train": (0, 1)},
        ignored=ignored,
    )
    packed = Packed(
        names=["a.jpg"],
        labels=np.zeros(1, np.int64),
        splits={"train": (0, 1)},
        digests=None,
        skipped=[Skipped(name="bad.jpg", reason="cut")],
    )
    report, named = make_report(listing, packed, {})
    assert [file.name for file in named] == ["bad.jpg", "0.jpg", "1.jpg", "2.jpg", "3.jpg"]
    assert report.beyond == 5
    assert [(group.kind, group.count) for group in report.left_out] == [
        ("skipped", 1),
        ("ignored", 9),
    ]
    lines = report_lines(report, [], named, Shape(lines=1 << 50))
    assert "  10 images left out:" in lines and "    5 more are named nowhere" in lines


def test_reasons_that_differ_in_a_size_are_one() -> None:
    sizes = ("its 5 bytes do not fit", "its 7 bytes do not fit", "cut", "9x4 px", "9x4 px")
    skipped = [Skipped(name=f"{i}.jpg", reason=reason) for i, reason in enumerate(sizes)]
    assert [(group.reason, group.count) for group in listing_report.by_reason("", skipped)] == [
        ("its some bytes do not fit", 2),
        ("9x4 px", 2),
        ("cut", 1),
    ]
    many = [Skipped(name=f"{i}.jpg", reason=f"listed in {i}.csv") for i in range(1500)]
    groups = listing_report.by_reason("", many)
    assert len(groups) == 1001 and sum(group.count for group in groups) == 1500
    assert (groups[0].reason, groups[0].count) == ("other reasons", 500)


def test_a_file_without_a_report_says_what_its_manifest_does() -> None:
    skipped = (Skipped(name="x.jpg", reason="cut"), Skipped(name="y.jpg", reason="cut"))
    report = known_report(Manifest(encoding={"layout": "names"}, skipped=skipped))
    assert report.layout == "names"
    assert report.left_out == (
        LeftOut(kind="skipped", reason="cut", count=2, examples=("x.jpg", "y.jpg")),
    )

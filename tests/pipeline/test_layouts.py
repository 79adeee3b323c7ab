"""Folder layouts: what is found, how it is split and labelled, and what is refused."""

import errno
import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.pipeline.containers.manifest import Skipped
from headrace.pipeline.errors import ConfigError, RecordsError
from headrace.pipeline.layouts.discovery import discover
from headrace.pipeline.layouts.listing import Listing, natural_key
from headrace.pipeline.layouts.splitting import make_folds, take_validation
from tests.pipeline.small_trees import labels_of


def _touch(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return root


def _lines(skipped: Iterable[Skipped]) -> list[str]:
    return [f"{s.name}: {s.reason}" for s in skipped]


def test_class_folders_at_any_depth_below_splits(tmp_path: Path) -> None:
    _touch(tmp_path, "training/Fruit/Apple/1.JPG", "training/Milk/2.png", "Validation/Milk/3.jpeg")
    _touch(tmp_path, "evaluation/Fruit/Apple/4.webp", "icons/Apple.jpg")
    listing = discover(tmp_path)
    assert listing.layout == "classes"
    assert listing.splits == {"train": (0, 2), "val": (2, 3), "test": (3, 4)}
    assert listing.classes == ("Apple", "Milk")
    assert listing.labels.tolist() == [0, 1, 1, 0]
    assert _lines(listing.ignored) == ["icons/Apple.jpg: outside the split folders"]


def test_class_folders_without_splits_and_inside_a_lone_folder(tmp_path: Path) -> None:
    _touch(tmp_path, "set/v1/cat/10.jpg", "set/v1/cat/9.jpg", "set/v1/dog/1.jpg")
    listing = discover(tmp_path)
    assert listing.splits == {"train": (0, 3)}
    assert listing.paths == ["set/v1/cat/9.jpg", "set/v1/cat/10.jpg", "set/v1/dog/1.jpg"]
    assert listing.classes == ("cat", "dog")


def test_one_class_folder_alone_is_a_class(tmp_path: Path) -> None:
    assert discover(_touch(tmp_path, "cat/1.jpg", "cat/2.jpg")).classes == ("cat",)


def test_equal_names_are_two_classes_in_one_split_and_one_across_splits(tmp_path: Path) -> None:
    clash = _touch(tmp_path / "clash", "train/Fruit/Kiwi/1.jpg", "train/Juice/Kiwi/2.jpg")
    assert discover(clash).classes == ("Fruit/Kiwi", "Juice/Kiwi")
    moved = _touch(tmp_path / "moved", "train/Veg/Root/Leek/1.jpg", "val/Veg/Leek/2.jpg")
    listing = discover(moved)
    assert listing.classes == ("Leek",)
    assert "Veg/Leek and Veg/Root/Leek" in listing.notes[0]


def test_labels_in_file_names(tmp_path: Path) -> None:
    _touch(tmp_path, "train/0_1.jpg", "train/2_10.jpg", "train/2_9.jpg", "valid/1_0.jpg")
    _touch(tmp_path, "test/0001.jpg", "test/0002.jpg")
    listing = discover(tmp_path)
    assert listing.layout == "names"
    assert listing.paths[:3] == ["train/0_1.jpg", "train/2_9.jpg", "train/2_10.jpg"]
    assert listing.labels.tolist() == [0, 2, 2, 1, -1, -1]
    assert listing.classes == ("0", "1", "2")
    assert list(listing.splits) == ["train", "val", "test"]
    (tmp_path / "classes.txt").write_text("Bread\nMilk\nEgg\n")
    assert discover(tmp_path).classes == ("Bread", "Milk", "Egg")


def test_dates_in_file_names_are_no_labels(tmp_path: Path) -> None:
    listing = discover(_touch(tmp_path, "20240131_1.jpg", "20240203_7.jpg"))
    assert listing.layout == "flat" and listing.labels.tolist() == [-1, -1]


def test_a_stray_name_among_labelled_ones_is_refused(tmp_path: Path) -> None:
    _touch(tmp_path, "0_1.jpg", "1_1.jpg", "1_2.jpg", "cover.jpg")
    with pytest.raises(ConfigError, match=r"cover\.jpg is not named label_number"):
        discover(tmp_path)
    assert discover(tmp_path, layout="flat").labels.tolist() == [-1] * 4


def test_test_images_without_labels_beside_class_folders(tmp_path: Path) -> None:
    listing = discover(_touch(tmp_path, "train/cat/1.jpg", "train/dog/2.jpg", "test/1.jpg"))
    assert labels_of(listing) == {
        "train/cat/1.jpg": "cat",
        "train/dog/2.jpg": "dog",
        "test/1.jpg": None,
    }


def test_lists_per_split_with_a_choice_of_column(tmp_path: Path) -> None:
    _touch(tmp_path, "train/a/1.jpg", "train/a/2.jpg", "val/b/3.jpg")
    (tmp_path / "train.txt").write_text("train/a/1.jpg, 0, 1\ntrain/a/2.jpg, 1, 1\n")
    (tmp_path / "val.txt").write_text("val/b/3.jpg, 2, 0\nval/b/gone.jpg, 2, 0\n")
    (tmp_path / "classes.csv").write_text(
        "name,id,group,group id\nfig,0,fruit,1\npear,1,fruit,1\nmilk,2,dairy,0\n"
    )
    with pytest.raises(ConfigError, match=r"which column is the label\? .*--label-column"):
        discover(tmp_path, layout="list")
    fine = discover(tmp_path, layout="list", label_column=1)
    assert fine.labels.tolist() == [0, 1, 2] and fine.classes == ("fig", "pear", "milk")
    coarse = discover(tmp_path, layout="list", label_column=2)
    assert coarse.labels.tolist() == [1, 1, 0] and coarse.classes == ("dairy", "fruit")
    assert [(m.name, m.reason) for m in coarse.missing] == [
        ("val/b/gone.jpg", "listed in val.txt, not there")
    ]
    with pytest.raises(ConfigError, match="no label column '7'"):
        discover(tmp_path, layout="list", label_column="7")
    assert discover(tmp_path, label_column=2).labels.tolist() == [1, 1, 0]
    for name in ("train.txt", "val.txt"):
        (tmp_path / name).unlink()
    with pytest.raises(ConfigError, match="add the layout list"):
        discover(tmp_path, label_column=2)


def test_a_kaggle_csv_with_bare_ids(tmp_path: Path) -> None:
    _touch(tmp_path, "train/00a.jpg", "train/00b.jpg", "test/00c.jpg")
    (tmp_path / "labels.csv").write_text("id,breed\n00b,pug\n00a,akita\n")
    (tmp_path / "sample_submission.csv").write_text("id,akita,pug\n00c,0.5,0.5\n")
    listing = discover(tmp_path)
    passed = {s.name: s.reason for s in listing.passed_over}
    assert "neither labels nor splits" in passed["sample_submission.csv"]
    assert listing.paths == discover(tmp_path / "labels.csv").paths
    assert listing.layout == "list"
    assert labels_of(listing) == {
        "train/00b.jpg": "pug",
        "train/00a.jpg": "akita",
        "test/00c.jpg": None,
    }
    assert listing.splits == {"train": (0, 2), "test": (2, 3)}


def test_a_list_by_heading_and_by_whitespace(tmp_path: Path) -> None:
    _touch(tmp_path, "images/a b.jpg", "images/c.jpg")
    (tmp_path / "all.csv").write_text("filename,size,category\na b.jpg,10,old\nc.jpg,11,new\n")
    assert discover(tmp_path).classes == ("new", "old")
    assert discover(tmp_path, layout="list", label_column="size").labels.tolist() == [10, 11]
    (tmp_path / "all.csv").unlink()
    (tmp_path / "all.txt").write_text("images/c.jpg 3\n")
    listing = discover(tmp_path)
    assert listing.labels.tolist() == [3] and _lines(listing.ignored) == [
        "images/a b.jpg: in no list"
    ]


def test_class_names_beside_the_images_fit_or_are_a_question(tmp_path: Path) -> None:
    _touch(tmp_path, "1_1.jpg", "2_1.jpg", "1_2.jpg")
    names = tmp_path / "classes.txt"
    names.write_text("1 cat\n2 dog\n3 owl\n")
    assert discover(tmp_path).classes == ("0", "cat", "dog")
    names.write_text("café\nthé\nlait\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="is its first line class 0"):
        discover(tmp_path)
    assert discover(tmp_path, class_names=names).classes == ("café", "thé", "lait")
    names.write_text("cat\ndog\n")  # of 1 and 2, or a part of more: nobody can tell
    assert discover(tmp_path).classes == ("0", "1", "2")


def test_class_names_from_a_file(tmp_path: Path) -> None:
    data = _touch(tmp_path / "data", "cat/1.jpg", "dog/2.jpg")
    names = tmp_path / "names.txt"
    names.write_text("dog\ncat\nbird\n")
    listing = discover(data, class_names=names)
    assert listing.labels.tolist() == [1, 0] and listing.classes == ("dog", "cat", "bird")
    names.write_text("dog\n")
    with pytest.raises(ConfigError, match="class 'cat' is not in"):
        discover(data, class_names=names)
    numbered = _touch(tmp_path / "numbered", "0_1.jpg", "1_1.jpg")
    with pytest.raises(ConfigError, match="names 1 classes, but there is a label 1"):
        discover(numbered, class_names=names)


def test_hidden_files_and_link_loops_are_passed_over(tmp_path: Path) -> None:
    _touch(tmp_path, "a/1.jpg", "a/._1.jpg", "a/.DS_Store", "__MACOSX/a/1.jpg", ".cache/x.jpg")
    (tmp_path / "a" / "again").symlink_to(tmp_path)
    (tmp_path / "a" / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    listing = discover(tmp_path)
    assert listing.paths == ["a/1.jpg"]
    assert [m.name for m in listing.missing] == ["a/gone.jpg"]


def test_what_cannot_be_looked_at_is_left_out_and_listed(tmp_path: Path) -> None:
    _touch(tmp_path, "a/1.jpg", "b/2.jpg")
    (tmp_path / "self").symlink_to("self")
    (tmp_path / "a" / "x.jpg").symlink_to("x.jpg")
    (tmp_path / "a" / "y").symlink_to("z")
    (tmp_path / "a" / "z").symlink_to("y")
    (tmp_path / "b" / "gone.jpg").symlink_to("nowhere.jpg")
    (tmp_path / "b" / "gone").symlink_to("nowhere")
    os.mkfifo(tmp_path / "b" / "pipe.jpg")
    listing = discover(tmp_path)
    assert listing.paths == ["a/1.jpg", "b/2.jpg"]
    assert [(m.name, m.reason) for m in listing.missing] == [
        ("a/x.jpg", "a link that leads back to itself"),
        ("a/y", "a link that leads back to itself"),
        ("a/z", "a link that leads back to itself"),
        ("b/gone.jpg", "a link to nothing"),
        ("b/pipe.jpg", "not a file"),
        ("self", "a link that leads back to itself"),
    ]


def test_only_links_in_circles(tmp_path: Path) -> None:
    (tmp_path / "x.jpg").symlink_to("x.jpg")
    with pytest.raises(RecordsError, match=r"no image that can be read; .* x\.jpg: a link that"):
        discover(tmp_path)


def test_a_folder_that_cannot_be_read_is_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _touch(tmp_path, "a/1.jpg", "b/2.jpg", "locked/3.jpg", "c/d/4.jpg", "lost+found/5.jpg")
    scandir, stat = os.scandir, os.stat

    def refuse(path: str) -> Any:
        if str(path).endswith(("locked", "lost+found")):
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return scandir(path)

    def fail(path: str, **options: Any) -> os.stat_result:
        if str(path).endswith("c/d"):
            raise OSError(errno.EIO, "Input/output error", path)
        return stat(path, **options)

    monkeypatch.setattr(os, "scandir", refuse)  # root may read everything
    monkeypatch.setattr(os, "stat", fail)
    listing = discover(tmp_path)
    assert listing.paths == ["a/1.jpg", "b/2.jpg"]
    assert [(m.name, m.reason) for m in listing.missing] == [
        ("c/d/", "cannot be read: Input/output error"),
        ("locked/", "cannot be read: Permission denied"),
    ]
    (left,) = listing.left_out
    assert left.examples == ("lost+found",) and left.count == 1
    with pytest.raises(PermissionError, match="lost"):
        discover(tmp_path / "lost+found")


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(RecordsError, match="does not exist"):
        discover(tmp_path / "no")
    _touch(tmp_path, "readme.txt")
    with pytest.raises(RecordsError, match="holds no images"):
        discover(tmp_path)
    with pytest.raises(ConfigError, match="layout 'x': expected one of auto"):
        discover(tmp_path, layout="x")


def _listing(labels: list[int]) -> Listing:
    count = len(labels)
    return Listing(
        root=Path(),
        layout="names",
        paths=[f"{i}.jpg" for i in range(count + 2)],
        labels=np.array([*labels, 0, 1], np.int64),
        classes=tuple("abcd"),
        splits={"train": (0, count), "test": (count, count + 2)},
    )


@given(
    labels=st.lists(st.integers(0, 3), min_size=6, max_size=80),
    folds=st.integers(2, 6),
    seed=st.integers(0, 9),
)
def test_folds_divide_every_class_evenly(labels: list[int], folds: int, seed: int) -> None:
    before = _listing(labels)
    after = make_folds(before, folds, seed)
    assert sorted(after.paths) == sorted(before.paths)
    by_path = dict(zip(before.paths, before.labels.tolist(), strict=True))
    assert [by_path[p] for p in after.paths] == after.labels.tolist()
    parts = [Counter(after.labels[slice(*after.splits[f"fold{k}"])].tolist()) for k in range(folds)]
    for label in set(labels):
        counts = [part[label] for part in parts]
        assert max(counts) - min(counts) <= 1
    sizes = [sum(part.values()) for part in parts]
    assert max(sizes) - min(sizes) <= 1
    assert after.paths[-2:] == before.paths[-2:]
    assert make_folds(before, folds, seed).paths == after.paths


@given(labels=st.lists(st.integers(0, 3), min_size=8, max_size=80), seed=st.integers(0, 9))
def test_validation_takes_its_share_of_every_class(labels: list[int], seed: int) -> None:
    after = take_validation(_listing(labels), 0.25, seed)
    assert list(after.splits) == ["train", "val", "test"]
    val = Counter(after.labels[slice(*after.splits["val"])].tolist())
    for label, count in Counter(labels).items():
        if count > 1:
            assert 1 <= val[label] < count and abs(val[label] - count / 4) <= 1
    with pytest.raises(ConfigError, match="validation split already"):
        take_validation(after, 0.25, seed)


@given(st.lists(st.text("ab01_", max_size=6)))
def test_natural_order_is_total_and_numeric(names: list[str]) -> None:
    ordered = sorted(names, key=natural_key)
    assert sorted({*names}, key=natural_key) == list(dict.fromkeys(ordered))
    assert natural_key("x2") < natural_key("x10")


def test_a_file_of_names_names_folders_called_by_numbers(tmp_path: Path) -> None:
    for i in range(12):
        path = tmp_path / "data" / str(i) / "x.jpg"
        path.parent.mkdir(parents=True)
        path.write_bytes(b"")
    names = tmp_path / "names.txt"
    names.write_text("".join(f"class {chr(97 + i)}\n" for i in range(12)))
    listing = discover(tmp_path / "data", class_names=names)
    assert listing.classes[10] == "class k"
    assert [listing.paths[i] for i in (2, 10)] == ["2/x.jpg", "10/x.jpg"]
    assert listing.labels.tolist() == list(range(12))
    names.write_text("a\nb\n")
    with pytest.raises(ConfigError, match="names 2 classes, but there is a label 11"):
        discover(tmp_path / "data", class_names=names)

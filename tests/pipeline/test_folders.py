"""Folders as evidence: which are splits, which classes, which say nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from headrace.pipeline.errors import ConfigError
from headrace.pipeline.layouts.config import LayoutConfig
from headrace.pipeline.layouts.discovery import discover
from headrace.pipeline.layouts.split_words import split_folders, split_in
from headrace.pipeline.layouts.splitting import make_folds, merge_splits, take_validation
from tests.pipeline.small_trees import sizes_of, write_tree


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("train", ("train", "")),
        ("trainLabels", ("train", "labels")),
        ("Test_Images", ("test", "images")),
        ("ISIC_2019_Training_Input", ("train", "isic 2019 input")),
        ("trainval", ("train", "")),
        ("train_val", ("train", "")),
        ("train_test_split", None),
        ("restaurant", None),
        ("trainers", None),
        ("contest", None),
    ],
)
def test_splits_in_names(name: str, split: tuple[str, str] | None) -> None:
    assert split_in(name) == split


def test_words_that_splits_share_count_for_nothing() -> None:
    assert split_folders(["seg_train", "seg_test", "seg_pred"]) == {
        "seg_train": "train",
        "seg_test": "test",
    }
    assert split_folders(["train station", "harbour"]) == {}


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("seg_train", "seg_test"),
        ("training_set", "test_set"),
        ("train_data", "test_data"),
        ("Train", "Test"),
        ("train1", "test1"),
    ],
)
def test_split_folders_that_hold_themselves(tmp_path: Path, train: str, test: str) -> None:
    names = [
        f"{s}/{s}/{c}/{i}.jpg" for s in (train, test) for c in ("cats", "dogs") for i in (0, 1)
    ]
    listing = discover(write_tree(tmp_path, [*names, "seg_pred/seg_pred/9.jpg"]))
    assert listing.classes == ("cats", "dogs")
    assert sizes_of(listing) == {"train": 4, "test": 4}
    assert [(s.name, s.reason) for s in listing.ignored] == [
        ("seg_pred/seg_pred/9.jpg", "outside the split folders")
    ]


@pytest.mark.parametrize("layout", ["auto", "classes"])
def test_a_class_called_train(tmp_path: Path, layout: str) -> None:
    names = [f"{c}/{i}.jpg" for c in ("bus", "car", "train") for i in range(3)]
    listing = discover(write_tree(tmp_path, names), layout=layout)
    assert listing.classes == ("bus", "car", "train") and sizes_of(listing) == {"train": 9}


def test_folders_that_may_be_splits_or_classes_are_a_question(tmp_path: Path) -> None:
    write_tree(tmp_path, ["train/1.jpg", "test/2.jpg", "bus/3.jpg", "car/4.jpg"])
    with pytest.raises(ConfigError, match=r"a split, or something as bus .*--split .*--layout"):
        discover(tmp_path)
    assert discover(tmp_path, layout="classes").classes == ("bus", "car", "test", "train")
    given = LayoutConfig(split_folders=(("train", "train"), ("test", "test")))
    listing = discover(tmp_path, given)
    assert sizes_of(listing) == {"train": 1, "test": 1}
    assert {s.reason for s in listing.ignored} == {"outside the folders given with --split"}
    with pytest.raises(ConfigError, match="--split val=no: no image lies there"):
        discover(tmp_path, LayoutConfig(split_folders=(("val", "no"),)))


def test_the_source_itself_may_be_a_split(tmp_path: Path) -> None:
    write_tree(tmp_path, ["test/a/1.jpg", "test/b/2.jpg", "doc/c/3.jpg", "doc/a/4.jpg"])
    with pytest.raises(ConfigError, match=r"--split train=\. if all is one"):
        discover(tmp_path)
    for folder in (".", "./", ""):
        given = LayoutConfig(layout="flat", split_folders=(("train", folder),))
        assert sizes_of(discover(tmp_path, given)) == {"train": 4}


def test_given_split_folders_of_any_name(tmp_path: Path) -> None:
    write_tree(tmp_path, ["a/cat/1.jpg", "a/dog/2.jpg", "b/c/cat/3.jpg", "b/c/dog/4.jpg"])
    given = LayoutConfig(split_folders=(("train", "a"), ("holdout", "b/c/")))
    listing = discover(tmp_path, given)
    assert sizes_of(listing) == {"train": 2, "holdout": 2} and listing.classes == ("cat", "dog")


def test_splits_inside_the_classes(tmp_path: Path) -> None:
    names = [f"{c}/{s}/{i}.jpg" for c in ("cat", "dog") for s in ("train", "test") for i in (1, 2)]
    listing = discover(write_tree(tmp_path, names))
    assert listing.classes == ("cat", "dog") and sizes_of(listing) == {"train": 4, "test": 4}
    write_tree(tmp_path, ["owl/1.jpg"])
    with pytest.raises(ConfigError, match="called like splits, and not all folders"):
        discover(tmp_path)


def test_images_below_a_class_folder_belong_to_it(tmp_path: Path) -> None:
    write_tree(
        tmp_path, ["cats/1.jpg", "cats/2.jpg", "cats/extra/3.jpg", "dogs/1.jpg", "dogs/2.jpg"]
    )
    listing = discover(tmp_path)
    assert listing.classes == ("cats", "dogs") and listing.labels.tolist() == [0, 0, 0, 1, 1]
    assert any(
        "1 images of train in cats/extra belong to the class cats" in n for n in listing.notes
    )


def test_a_stray_image_above_class_folders_is_a_question(tmp_path: Path) -> None:
    names = [f"fruit/{c}/{i}.jpg" for c in ("apple", "pear") for i in range(3)]
    write_tree(tmp_path, [*names, "fruit/cover.jpg", "milk/1.jpg"])
    with pytest.raises(ConfigError, match=r"fruit holds 1 images itself and 6 .*--class-depth 1"):
        discover(tmp_path)
    assert discover(tmp_path, LayoutConfig(class_depth=1)).classes == ("fruit", "milk")


def test_the_depth_of_classes_may_be_given(tmp_path: Path) -> None:
    names = ["train/fruit/apple/1.jpg", "train/fruit/pear/2.jpg", "train/milk/3.jpg"]
    write_tree(tmp_path, [*names, "test/fruit/apple/4.jpg"])
    assert discover(tmp_path).classes == ("apple", "milk", "pear")
    assert discover(tmp_path, LayoutConfig(class_depth=1)).classes == ("fruit", "milk")


def test_parts_of_a_set_are_no_classes(tmp_path: Path) -> None:
    names = [f"part{1 + i % 2}/{i % 3}_{i}.jpg" for i in range(9)]
    listing = discover(write_tree(tmp_path / "named", names))
    assert listing.layout == "names" and listing.classes == ("0", "1", "2")
    assert any("part1 and part2 are parts of one set" in note for note in listing.notes)
    plain = write_tree(tmp_path / "plain", ["images_1/a.jpg", "images_2/b.jpg"])
    with pytest.raises(ConfigError, match="are images_1 and images_2 classes, or parts"):
        discover(plain)
    assert discover(plain, layout="classes").classes == ("images_1", "images_2")
    assert discover(plain, layout="flat").labels.tolist() == [-1, -1]


def test_a_folder_of_images_is_no_class(tmp_path: Path) -> None:
    names = ["train/images/1.jpg", "val/images/2.jpg", "test/images/3.jpg"]
    listing = discover(write_tree(tmp_path, names))
    assert listing.layout == "flat" and sizes_of(listing) == {"train": 1, "val": 1, "test": 1}


# Splits that share images, and splits that are made


def test_linked_splits_keep_their_images_and_are_named(tmp_path: Path) -> None:
    names = [f"{s}/{c}/{i}.jpg" for s in ("train", "test") for c in "ab" for i in (0, 1)]
    one = write_tree(tmp_path / "one", names)
    (one / "val").symlink_to("test")
    listing = discover(one)
    assert sizes_of(listing) == {"train": 4, "val": 4, "test": 4}
    assert any("4 images are in val and in test" in note for note in listing.notes)
    two = write_tree(tmp_path / "two", [name for name in names if name.startswith("train")])
    (two / "val").symlink_to("train")
    assert sizes_of(discover(two)) == {"train": 4, "val": 4}
    merged = discover(two, LayoutConfig(merge=("train", "val")))
    assert sizes_of(merged) == {"train": 4}
    assert "4 images were in both" in merged.notes[-1]


def test_a_class_folder_linked_to_another_is_said(tmp_path: Path) -> None:
    write_tree(tmp_path, ["cats/1.jpg", "dogs/2.jpg"])
    (tmp_path / "kittens").symlink_to("cats")
    listing = discover(tmp_path)
    assert listing.classes == ("cats", "dogs", "kittens")
    assert any("cats/1.jpg is cats and kittens" in note for note in listing.notes)


def test_merged_splits_may_be_split_again(tmp_path: Path) -> None:
    names = [
        f"{s}/{c}/{s}{i}.jpg" for s, n in (("train", 6), ("valid", 4), ("test", 2))
        for c in ("cat", "dog") for i in range(n)
    ]  # fmt: skip
    before = discover(write_tree(tmp_path, names))
    with pytest.raises(ConfigError, match="--merge train,val"):
        take_validation(before, 0.2, 0)
    listing = discover(tmp_path, LayoutConfig(merge=("train", "valid")))
    assert sizes_of(listing) == {"train": 20, "test": 4}
    by_path = dict(zip(before.paths, before.labels.tolist(), strict=True))
    assert dict(zip(listing.paths, listing.labels.tolist(), strict=True)) == by_path
    again = take_validation(listing, 0.2, 0)
    assert sizes_of(again) == {"train": 16, "val": 4, "test": 4}
    assert dict(zip(again.paths, again.labels.tolist(), strict=True)) == by_path
    assert len(make_folds(listing, 5, 0).splits) == 6
    with pytest.raises(ConfigError, match="--folds 1: expected 2 to 20, the number of training"):
        make_folds(listing, 1, 0)
    with pytest.raises(ConfigError, match="there is no split holdout, only train, val, test"):
        merge_splits(before, ("train", "holdout"))
    with pytest.raises(ConfigError, match="two different splits"):
        merge_splits(before, ("val", "valid"))


def test_a_class_that_splits_keep_in_different_places_is_counted_once(tmp_path: Path) -> None:
    names = ["train/Fruit/Pear/1.jpg", "train/Fruit/Plum/2.jpg", "val/Pear/3.jpg", "val/Plum/4.jpg"]
    listing = discover(write_tree(tmp_path, names))
    assert listing.classes == ("Pear", "Plum")
    assert listing.why == "classes: 4 images lie in folders of 2 names"

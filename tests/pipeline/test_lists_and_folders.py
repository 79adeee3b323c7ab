"""Lists that say splits, and lists that say the same as folders, more, or something else."""

from __future__ import annotations

from pathlib import Path

import pytest

from headrace.pipeline.errors import ConfigError
from headrace.pipeline.layouts.config import LayoutConfig
from headrace.pipeline.layouts.discovery import discover
from tests.pipeline.small_trees import labels_of, sizes_of, write_tree

# Splits


@pytest.mark.parametrize(
    ("heading", "cells"),
    [
        ("split", ("train", "train", "test", "test")),
        ("zz", ("TRAIN", "TRAIN", "TEST", "TEST")),
        ("is_test", ("False", "False", "True", "True")),
        ("is_train", ("1", "1", "0", "0")),
        ("Data set", ("Training", "Training", "Testing", "Testing")),
    ],
)
def test_a_column_of_splits(tmp_path: Path, heading: str, cells: tuple[str, ...]) -> None:
    rows = [f"{i}.jpg,{'abab'[i]},{cell}" for i, cell in enumerate(cells)]
    text = f"filename,label,{heading}\n" + "\n".join(rows) + "\n"
    write_tree(tmp_path, [f"im/{i}.jpg" for i in range(4)], labels_csv=text)
    listing = discover(tmp_path)
    assert sizes_of(listing) == {"train": 2, "test": 2}
    assert listing.paths == [f"im/{i}.jpg" for i in range(4)]
    assert f"column {heading} (test 2, train 2)" in listing.taken[-1]
    alone = discover(tmp_path, LayoutConfig(split_column="none", label_column="label"))
    assert sizes_of(alone) == {"train": 4}


def test_a_column_of_folds_and_one_that_says_no_split(tmp_path: Path) -> None:
    names = [f"im/{i}.jpg" for i in range(4)]
    folds = "f,label,fold\n" + "".join(f"{i}.jpg,{'ab'[i % 2]},{i // 2}\n" for i in range(4))
    assert sizes_of(discover(write_tree(tmp_path, names, labels_csv=folds))) == {
        "fold0": 2,
        "fold1": 2,
    }
    coded = folds.replace("fold", "partition")
    write_tree(tmp_path, names, labels_csv=coded)
    with pytest.raises(ConfigError, match=r"partition is called a split.*--split-column partition"):
        discover(tmp_path)
    taken = discover(tmp_path, LayoutConfig(split_column="partition"))
    assert sizes_of(taken) == {"part0": 2, "part1": 2}
    gaps = folds.replace("fold", "split").replace(",0\n", ",\n").replace(",1\n", ",train\n")
    write_tree(tmp_path, names, labels_csv=gaps)
    with pytest.raises(ConfigError, match="says no split in 2 of 4 rows"):
        discover(tmp_path)


def test_lists_that_only_divide(tmp_path: Path) -> None:
    names = [f"images/{c}/{i}.jpg" for c in ("pie", "sushi") for i in (1, 2)]
    write_tree(
        tmp_path, names, meta__train_txt="pie/1\nsushi/1\n", meta__test_txt="pie/2\nsushi/2\n"
    )
    listing = discover(tmp_path)
    assert sizes_of(listing) == {"train": 2, "test": 2}
    assert listing.classes == ("pie", "sushi") and listing.layout == "classes"
    assert [line.partition(" (")[0] for line in listing.taken] == [
        "list meta/test.txt", "list meta/train.txt",
    ]  # fmt: skip


def test_one_list_under_two_names_is_two_splits_and_said(tmp_path: Path) -> None:
    held = "im/4.jpg 0\nim/5.jpg 1\n"
    train = "".join(f"im/{i}.jpg {i % 2}\n" for i in range(4))
    names = [f"im/{i}.jpg" for i in range(6)]
    listing = discover(write_tree(tmp_path, names, train_txt=train, val_txt=held, test_txt=held))
    assert sizes_of(listing) == {"train": 4, "val": 2, "test": 2}
    assert any("2 images are in val and in test" in note for note in listing.notes)


def test_a_list_and_a_folder_of_different_splits(tmp_path: Path) -> None:
    names = ["train/1.jpg", "train/2.jpg", "test/3.jpg", "test/4.jpg"]
    write_tree(tmp_path, names, train_csv="f,label\n" + "".join(f"{n},{n[-5]}\n" for n in names))
    with pytest.raises(ConfigError, match=r"puts test/3\.jpg into train, its folder into test"):
        discover(tmp_path)
    asked = LayoutConfig(lists=(tmp_path / "train.csv",))
    assert sizes_of(discover(tmp_path, asked)) == {"train": 4}


# Lists against folders


def _classes(tmp_path: Path, second: str) -> Path:
    names = [f"{c}/{c}{i}.jpg" for c in ("x", "y") for i in (1, 2)]
    labels = dict(zip(names, ("p", "p", "q", second), strict=True))
    text = "f,label\n" + "".join(f"{name},{label}\n" for name, label in labels.items())
    return write_tree(tmp_path, names, labels_csv=text)


def test_folders_and_a_list_that_agree(tmp_path: Path) -> None:
    listing = discover(_classes(tmp_path, "q"))
    assert listing.layout == "classes" and listing.classes == ("x", "y")
    assert "labels.csv agrees with each folder on 4 images" in listing.notes
    assert discover(tmp_path, layout="list").classes == ("p", "q")


def test_folders_and_a_list_that_differ_are_a_question(tmp_path: Path) -> None:
    _classes(tmp_path, "p")
    with pytest.raises(
        ConfigError, match=r"the same 4 images differently: 2 classes by folder, 2 .*--layout list"
    ):
        discover(tmp_path)
    assert discover(tmp_path, layout="classes").classes == ("x", "y")
    assert labels_of(discover(tmp_path, layout="list"))["y/y2.jpg"] == "p"


def test_a_list_that_labels_more_than_folders_do(tmp_path: Path) -> None:
    names = [f"train/{c}/{c}{i}.jpg" for c in ("x", "y") for i in (1, 2)] + ["test/3.jpg"]
    labels = dict(zip(names, "ppqqp", strict=True))
    text = "f,label\n" + "".join(f"{name},{label}\n" for name, label in labels.items())
    write_tree(tmp_path, names, labels_csv=text)
    assert labels_of(discover(tmp_path))["test/3.jpg"] == "x"
    few = "f,label\n" + "".join(f"{name},{labels[name]}\n" for name in (names[0], *names[2:]))
    write_tree(tmp_path, names, labels_csv=few)
    with pytest.raises(ConfigError, match="too few images in folders to tell"):
        discover(tmp_path)


def test_ids_that_two_folders_share(tmp_path: Path) -> None:
    names = [f"train/{i}.png" for i in range(1, 4)] + [f"test/{i}.png" for i in range(1, 7)]
    text = "id,label\n1,frog\n2,deer\n3,frog\n"
    listing = discover(write_tree(tmp_path / "named", names, trainLabels_csv=text))
    assert sizes_of(listing) == {"train": 3, "test": 6}
    assert [labels_of(listing)[f"train/{i}.png"] for i in (1, 2, 3)] == ["frog", "deer", "frog"]
    assert labels_of(listing)["test/1.png"] is None
    listing = discover(write_tree(tmp_path / "exact", names, key_csv=text))
    assert labels_of(listing)["train/2.png"] == "deer"
    write_tree(tmp_path / "open", [*names, "train/7.png"], key_csv=text)
    with pytest.raises(ConfigError, match=r"1 may be test/1\.png or train/1\.png.*--list-folder"):
        discover(tmp_path / "open")
    asked = discover(tmp_path / "open", LayoutConfig(list_folder="train"))
    assert labels_of(asked)["train/2.png"] == "deer"
    everywhere = LayoutConfig(list_folder=".", lists=(Path("key.csv"),))
    (tmp_path / "open" / "test" / "3.png").unlink()
    asked = discover(tmp_path / "open", everywhere)
    assert labels_of(asked)["train/3.png"] == "frog"
    assert [m.reason for m in asked.missing] == ["listed in key.csv, in several folders"] * 2

"""Trees and lists of which one split would be read otherwise than another, never in silence."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from headrace.pipeline.errors import ConfigError
from headrace.pipeline.layouts.config import LayoutConfig
from headrace.pipeline.layouts.discovery import discover
from tests.pipeline.small_trees import labels_of, sizes_of, write_tree


def _in(*folders: str, first: int = 0) -> list[str]:
    return [f"{folder}/{i}.jpg" for folder in folders for i in range(first, first + 4)]


def _rows(cells: Iterable[str], heading: str) -> str:
    return f"{heading}\n" + "".join(f"{i}.jpg,{cell}\n" for i, cell in enumerate(cells))


def _listed(root: Path, cells: Sequence[str], heading: str) -> None:
    """Images 0.jpg, 1.jpg ... and a list of them."""
    write_tree(root, [f"{i}.jpg" for i in range(len(cells))], labels_csv=_rows(cells, heading))


def test_classes_one_level_deeper_in_one_split_are_a_question(tmp_path: Path) -> None:
    inner = _in("train/cat/manx", "train/cat/tabby", "train/dog/pug", "train/dog/lab")
    write_tree(tmp_path, [*inner, *_in("test/cat", "test/dog")])
    with pytest.raises(ConfigError, match=r"test/cat holds images itself.*--class-depth 1 for cat"):
        discover(tmp_path)
    outer = labels_of(discover(tmp_path, LayoutConfig(class_depth=1)))
    assert outer == {path: path.split("/")[1] for path in outer}
    assert len(set(labels_of(discover(tmp_path, layout="classes")).values())) == 6


def test_folders_in_one_class_folder_and_in_no_other_are_a_question(tmp_path: Path) -> None:
    write_tree(tmp_path, _in("cat", "cat/blurred", "dog/pug", "dog/lab"))
    with pytest.raises(
        ConfigError, match=r"cat/blurred belongs to the class cat.*is dog the class"
    ):
        discover(tmp_path)
    assert discover(tmp_path, LayoutConfig(class_depth=1)).classes == ("cat", "dog")
    assert discover(tmp_path, layout="classes").classes == ("cat", "lab", "pug")


def test_a_lone_folder_that_no_other_split_has_is_a_question(tmp_path: Path) -> None:
    write_tree(tmp_path, _in("train/cat", "train/dog", "test/unknown"))
    with pytest.raises(ConfigError, match=r"no other split has a class unknown.*--layout classes"):
        discover(tmp_path)
    unlabelled = LayoutConfig(split_folders=(("train", "train"), ("test", "test/unknown")))
    assert discover(tmp_path, unlabelled).classes == ("cat", "dog")
    assert "unknown" in discover(tmp_path, layout="classes").classes
    text = _rows("cat dog cat dog".split(), "file,label")
    listing = discover(write_tree(tmp_path, [], test_csv=text))
    assert set(labels_of(listing).values()) == {"cat", "dog"}


def test_splits_that_share_no_class_are_told_apart(tmp_path: Path) -> None:
    write_tree(tmp_path, _in("train/a", "train/b", "test/c", "test/d"))
    assert discover(tmp_path).classes == ("a", "b", "c", "d")


def test_a_class_called_train_that_holds_folders_is_a_question(tmp_path: Path) -> None:
    write_tree(tmp_path, _in("train/steam", "train/diesel", "bus", "car"))
    with pytest.raises(ConfigError, match="is train a split, or something as bus beside it"):
        discover(tmp_path)
    assert discover(tmp_path, layout="classes").classes == ("bus", "car", "diesel", "steam")
    outer = discover(tmp_path, LayoutConfig(layout="classes", class_depth=1))
    assert outer.classes == ("bus", "car", "train")


@pytest.mark.parametrize("labelled", [False, True])
def test_a_split_of_loose_images_beside_folders_is_a_question(
    labelled: bool, tmp_path: Path
) -> None:
    write_tree(tmp_path, _in("fruit/apple", "fruit/pear", "milk/oat"))
    write_tree(tmp_path, _in("test", first=100))
    if labelled:  # the list of a few images does not say what the others are
        rows = "".join(f"{i}.jpg,{('oat', 'pear')[i % 2]}\n" for i in range(100, 104))
        write_tree(tmp_path, [], test_csv=f"file,label\n{rows}")
    with pytest.raises(ConfigError, match="is test a split, or something as fruit beside it"):
        discover(tmp_path)
    assert "test" in discover(tmp_path, layout="classes").classes


def test_a_list_of_other_images_answers_no_question_about_folders(tmp_path: Path) -> None:
    folders = [f"train/{kind}/{name}" for kind in ("color", "gray") for name in ("elm", "oak")]
    write_tree(tmp_path, [*_in(*folders), *_in("test", first=100)])
    rows = "".join(f"{i}.jpg,{('elm', 'oak')[i % 2]}\n" for i in range(100, 104))
    write_tree(tmp_path, [], test_csv=f"file,label\n{rows}")
    with pytest.raises(ConfigError, match="color and gray both hold folders called elm and oak"):
        discover(tmp_path)


@pytest.mark.parametrize("listed", [False, True])
def test_splits_inside_classes_by_any_of_their_names(listed: bool, tmp_path: Path) -> None:
    write_tree(tmp_path, _in("cat/training_set", "dog/training_set", "dog/test_set"))
    if listed:
        rows = [f"dog/test_set/{i}.jpg,dog\n" for i in range(4)] + ["cat/training_set/0.jpg,cat\n"]
        write_tree(tmp_path, [], labels_csv="path,label\n" + "".join(rows))
    listing = discover(tmp_path)
    assert labels_of(listing) == {path: path.split("/")[0] for path in listing.paths}
    assert sizes_of(listing) == {"train": 8, "test": 4}


def test_splits_inside_some_classes_by_any_of_their_names_are_a_question(tmp_path: Path) -> None:
    write_tree(tmp_path, _in("cat/training_set", "cat/test_set", "dog"))
    with pytest.raises(
        ConfigError, match="are called like splits, and not all folders are divided"
    ):
        discover(tmp_path)


def test_parts_with_dates_in_their_names_are_a_question(tmp_path: Path) -> None:
    write_tree(tmp_path, [f"fold{k}/2024{k}12{i}_1.jpg" for k in (1, 2) for i in range(4)])
    with pytest.raises(ConfigError, match="are fold1 and fold2 classes, or parts of one set"):
        discover(tmp_path)


@pytest.mark.parametrize("titles", ["label,label", "Label,label"])
def test_lists_with_one_heading_twice_are_a_question(titles: str, tmp_path: Path) -> None:
    for split, first in (("train", 0), ("test", 10)):
        rows = [f"{i}.jpg,{'ab'[i % 2]},{'xyz'[i % 3]}\n" for i in range(first, first + 10)]
        write_tree(tmp_path, [], **{f"{split}_csv": f"file,{titles}\n" + "".join(rows)})
    write_tree(tmp_path, [f"im/{i}.jpg" for i in range(20)])
    with pytest.raises(ConfigError, match=r"is the label\? [Ll]abel \(2 values.*; label \(3"):
        discover(tmp_path)


@pytest.mark.parametrize("classes", [("plane", "train"), ("bus", "car", "train"), ("val", "x")])
def test_a_one_hot_class_called_as_a_split_is_a_question(
    classes: tuple[str, ...], tmp_path: Path
) -> None:
    ones = [",".join("01"[i % len(classes) == k] for k in range(len(classes))) for i in range(12)]
    write_tree(
        tmp_path,
        [f"im/{i}.jpg" for i in range(12)],
        labels_csv=_rows(ones, ",".join(("file", *classes))),
    )
    with pytest.raises(ConfigError, match=r"is (train|val) a class\? say --split-column"):
        discover(tmp_path)
    listing = discover(tmp_path, LayoutConfig(split_column="none", label_columns=classes))
    names = labels_of(listing)
    assert names == {f"im/{i}.jpg": classes[i % len(classes)] for i in range(12)}


def test_columns_of_flags_for_each_split_are_splits(tmp_path: Path) -> None:
    cells = [f"{'ab'[i % 2]},{int(i < 4)},{int(i in (4, 5))},{int(i > 5)}" for i in range(8)]
    _listed(tmp_path, cells, "file,label,train,val,test")
    with pytest.raises(ConfigError, match="all say which rows are held out, and differ"):
        discover(tmp_path)
    assert sizes_of(discover(tmp_path, LayoutConfig(split_column="train"))) == {
        "train": 4,
        "test": 4,
    }


def test_a_one_hot_class_called_as_a_label_is_a_question(tmp_path: Path) -> None:
    ones = ("1,0,0", "0,1,0", "0,0,1", "0,1,0")
    _listed(tmp_path, ones, "file,x,y,z")
    with pytest.raises(ConfigError, match=r"which column is the label\? x .*--label-columns"):
        discover(tmp_path)
    listing = discover(tmp_path, LayoutConfig(label_columns=("x", "y", "z")))
    assert list(labels_of(listing).values()) == ["x", "y", "z", "y"]


def test_a_column_that_may_speak_of_good_images_is_a_question(tmp_path: Path) -> None:
    cells = [f"{'ab'[i % 2]},{int(i != 3)}" for i in range(8)]
    _listed(tmp_path, cells, "file,label,valid")
    with pytest.raises(ConfigError, match="rows are for validation, or which are good"):
        discover(tmp_path)
    asked = discover(tmp_path, LayoutConfig(split_column="valid"))
    assert sizes_of(asked) == {"train": 1, "val": 7}
    assert sizes_of(discover(tmp_path, LayoutConfig(split_column="none"))) == {"train": 8}


def test_a_heading_is_none_of_the_images(tmp_path: Path) -> None:
    write_tree(
        tmp_path, [*(f"{i}.jpg" for i in range(4)), "name.jpg"], l_csv=_rows("abab", "name,label")
    )
    assert labels_of(discover(tmp_path)) == {f"{i}.jpg": "abab"[i] for i in range(4)}


def test_a_heading_of_fewer_words_than_columns_leaves_out_the_numbers(tmp_path: Path) -> None:
    text = '"source" "label" "file"\n'  # as R writes tables
    text += "".join(
        f"{i + 1} {('web', 'cam')[i // 3 % 2]} {'ab'[i % 2]} {i}.jpg\n" for i in range(8)
    )
    write_tree(tmp_path, [f"im/{i}.jpg" for i in range(8)], list_txt=text)
    assert labels_of(discover(tmp_path)) == {f"im/{i}.jpg": "ab"[i % 2] for i in range(8)}


@pytest.mark.parametrize("heading", ["file path label source", "file path age label source"])
def test_a_heading_of_more_words_than_columns_tells_no_label(heading: str, tmp_path: Path) -> None:
    cells = [f"{'ab'[i % 2]} {('web', 'cam')[i // 3 % 2]}" for i in range(8)]
    text = heading + "\n" + "".join(f"{i}.jpg {cell}\n" for i, cell in enumerate(cells))
    write_tree(tmp_path, [f"im/{i}.jpg" for i in range(8)], list_txt=text)
    with pytest.raises(ConfigError, match=r"which column is the label\? number 1 .*number 2"):
        discover(tmp_path)
    asked = discover(tmp_path, LayoutConfig(label_column="1"))
    assert labels_of(asked) == {f"im/{i}.jpg": "ab"[i % 2] for i in range(8)}


def test_lists_of_one_name_are_read_together_or_not_at_all(tmp_path: Path) -> None:
    rows = ["a a", "b a", "b b", "a b"]
    for split in ("train", "test"):
        titles = "file label" + " label" * (split == "train")
        lines = [f"{i}.jpg {row if split == 'train' else row[0]}" for i, row in enumerate(rows)]
        write_tree(tmp_path, _in(split), **{f"{split}__labels_txt": "\n".join([titles, *lines])})
    with pytest.raises(ConfigError, match="which column is the label"):
        discover(tmp_path)


@pytest.mark.parametrize(("one", "other"), [("val", "dev"), ("train", "trainval")])
def test_two_words_that_may_be_two_splits_are_a_question(
    one: str, other: str, tmp_path: Path
) -> None:
    names = ("train", "val", "test")
    for form in ("folders", "lists", "column"):
        root = tmp_path / form
        where = {split: range(4 * k, 4 * k + 4) for k, split in enumerate((*names, other))}
        labels = {i: "ab"[i % 2] for i in range(16)}
        if form == "folders":
            write_tree(
                root, [f"{s}/{labels[i]}/{i}.jpg" for s, rows in where.items() for i in rows]
            )
        else:
            write_tree(root, [f"im/{i}.jpg" for i in labels])
        if form == "lists":
            for split, rows in where.items():
                text = "".join(f"{i}.jpg {labels[i]}\n" for i in rows)
                write_tree(root, [], **{f"{split}_txt": text})
        if form == "column":
            cells = (f"{labels[i]},{split}" for split, rows in where.items() for i in rows)
            write_tree(root, [], l_csv=_rows(cells, "file,label,split"))
        with pytest.raises(
            ConfigError, match=f"both (lists of |speak of )?{'val' if one == 'val' else 'train'}"
        ):
            discover(root)
    asked = discover(tmp_path / "column", LayoutConfig(split_column="split"))
    assert sizes_of(asked) == dict.fromkeys((*names, other), 4)
    pairs = tuple((one if s == other else s, s) for s in (*names, other))
    joined = discover(tmp_path / "folders", LayoutConfig(split_folders=pairs))
    assert sizes_of(joined)[one] == 8
    lists = tuple(Path(f"{s}.txt") for s in (*names, other))
    assert sizes_of(discover(tmp_path / "lists", LayoutConfig(lists=lists)))[one] == 8


def test_other_forms_of_a_word_are_the_same_split(tmp_path: Path) -> None:
    write_tree(tmp_path, _in("train/a", "training/b", "Validation/a", "val/b"))
    assert sizes_of(discover(tmp_path)) == {"train": 8, "val": 8}


def test_files_of_a_folder_that_is_missing_are_missing(tmp_path: Path) -> None:
    write_tree(tmp_path, _in("part1/img"))
    rows = [f"part1/img/{i}.jpg,{'ab'[i % 2]}\n" for i in range(3)]
    rows += ["part2/img/3.jpg,b\n", "part2/3.jpg,b\n"]
    write_tree(tmp_path, [], labels_csv="file,label\n" + "".join(rows))
    listing = discover(tmp_path)
    assert labels_of(listing) == {f"part1/img/{i}.jpg": "aba"[i] for i in range(3)}
    assert [one.name for one in listing.missing] == ["part2/img/3.jpg", "part2/3.jpg"]


@pytest.mark.parametrize("name", ["other", "crème", "another"])
def test_the_only_class_of_a_split_inside_it_is_a_question(name: str, tmp_path: Path) -> None:
    files = [f"{name}/valid/1.jpg", "cat/train/2.jpg", "dog/train/3.jpg", "cat/test/4.jpg"]
    with pytest.raises(ConfigError, match=f"no other split has a class {name}.*--layout classes"):
        discover(write_tree(tmp_path, files))

"""Trees that look like something else than they are: each is a question or a note, never silent."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from pathlib import Path

import pytest

from headrace.pipeline.errors import ConfigError
from headrace.pipeline.layouts.config import LayoutConfig
from headrace.pipeline.layouts.discovery import discover
from headrace.pipeline.layouts.lists.finding import Finder
from tests.pipeline.small_trees import labels_of


def _write(root: Path, images: Iterable[str], **texts: str) -> None:
    for path in images:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"x")
    for name, text in texts.items():
        (root / f"{name}.csv").write_text(text)


_SPLITS_OF_TRAIN = LayoutConfig(split_folders=(("train", "set/color"), ("train", "set/gray")))


def test_the_same_classes_in_several_folders_are_a_question(tmp_path: Path) -> None:
    versions = [f"set/{v}/{c}/{v}{i}.jpg" for v in ("color", "gray") for c in "ab" for i in "12"]
    _write(tmp_path, versions)
    with pytest.raises(ConfigError, match=r"both hold folders called a and b.*--split train=set/"):
        discover(tmp_path)
    joined = labels_of(discover(tmp_path, _SPLITS_OF_TRAIN))
    assert joined == {path: path.split("/")[2] for path in versions}
    own = labels_of(discover(tmp_path, layout="classes"))
    assert own == {path: "/".join(path.split("/")[1:3]) for path in versions}
    outermost = labels_of(discover(tmp_path, LayoutConfig(class_depth=1)))
    assert set(outermost.values()) == {"color", "gray"}


def test_a_part_of_each_class_is_a_question(tmp_path: Path) -> None:
    counts = {"cat/training_set": 8, "dog/training_set": 8, "dog/more": 4}
    _write(tmp_path, [f"{folder}/{i}.jpg" for folder, n in counts.items() for i in range(n)])
    with pytest.raises(ConfigError, match=r"cat and dog both hold a folder called training_set"):
        discover(tmp_path)
    outer = labels_of(discover(tmp_path, LayoutConfig(class_depth=1)))
    assert set(outer.values()) == {"cat", "dog"}


def test_a_folder_that_is_a_class_in_one_split_is_one_in_all(tmp_path: Path) -> None:
    _write(
        tmp_path, [f"{f}/{i}.jpg" for f in ("train/data", "train/noise", "test/data") for i in "12"]
    )
    assert labels_of(discover(tmp_path)) == {
        f"{split}/{name}/{i}.jpg": name
        for split, name in (("train", "data"), ("train", "noise"), ("test", "data"))
        for i in "12"
    }


def test_a_folder_around_classes_is_no_class_beside_other_images(tmp_path: Path) -> None:
    inside = [
        f"{split}/images/{c}/{i}.jpg" for split in ("train", "val") for c in "ab" for i in "12"
    ]
    test = [f"test/images/{i}.jpg" for i in "12"]
    _write(tmp_path, [*inside, *test, "train/thumbnails/1.jpg"])
    found = labels_of(discover(tmp_path))
    assert {found[path] for path in test} == {None}


def test_boxes_say_the_splits_where_folders_say_others(tmp_path: Path) -> None:
    paths = [f"train/{c}/{c}{i}.jpg" for c in ("n1a", "n2b") for i in range(4)]
    row = "{0},{1} 1 2 3 4,{2}\n"
    rows = [row.format(p, p.split("/")[1], "val" if p[-5] == "3" else "train") for p in paths]
    _write(tmp_path, [*paths, "test/x.jpg"], s="image,label,split\n" + "".join(rows))
    listing = discover(tmp_path)
    starts = {name: range(*ends) for name, ends in listing.splits.items()}
    assert {listing.paths[i] for i in starts["val"]} == {"train/n1a/n1a3.jpg", "train/n2b/n2b3.jpg"}


@pytest.mark.parametrize("names", [True, False])
def test_one_image_of_each_class_in_each_list_is_no_count(names: bool, tmp_path: Path) -> None:
    paths = [f"a/{split}{i}.jpg" for split in ("train", "val") for i in range(10)]
    _write(tmp_path, paths)
    for split in ("train", "val"):
        rows = [f"a/{split}{i}.jpg {i}\n" for i in range(10)]
        (tmp_path / f"{split}.txt").write_text("".join(rows))
    if names:
        (tmp_path / "classes.txt").write_text("".join(f"c{i}\n" for i in range(10)))
    found = labels_of(discover(tmp_path))
    assert found == {p: f"c{p[-5]}" if names else p[-5] for p in paths}


def test_folders_of_one_number_are_not_joined_by_names(tmp_path: Path) -> None:
    _write(tmp_path, [f"{name}/x{i}.jpg" for name in ("1", "01", "2") for i in "12"])
    names = tmp_path / "names.txt"
    for text, said in (
        ("1 a\n01 b\n2 c\n", "classes 01 and 1 are the same number"),
        ("zero\none\ntwo\n", "classes 01 and 1 are the same number"),
    ):
        names.write_text(text)
        with pytest.raises(ConfigError, match=said):
            discover(tmp_path, LayoutConfig(class_names=names))
    (tmp_path / "01/x1.jpg").unlink()
    (tmp_path / "01/x2.jpg").unlink()
    names.write_text("1 0\n2 x\n")
    with pytest.raises(ConfigError, match="calls a class as another one is numbered"):
        discover(tmp_path, LayoutConfig(class_names=names))


def test_folders_are_not_named_alike(tmp_path: Path) -> None:
    _write(tmp_path, [f"{name}/{i}.jpg" for name in "abc" for i in "12"])
    names = tmp_path / "names.txt"
    names.write_text("a x\nb x\nc a x\n")
    with pytest.raises(ConfigError, match="is not in"):
        discover(tmp_path, LayoutConfig(class_names=names))


def test_folders_of_odd_dashes_are_names(tmp_path: Path) -> None:
    _write(tmp_path, [f"{name}/{i}.jpg" for name in ("--5", "1", "-2") for i in "12"])
    assert set(discover(tmp_path).classes) == {"--5", "1", "-2"}


def test_a_copy_of_the_set_inside_it_is_a_question(tmp_path: Path) -> None:
    _write(
        tmp_path, [f"{f}{c}/{i}.jpg" for f in ("", "copy/") for c in ("no", "yes") for i in "12"]
    )
    with pytest.raises(ConfigError, match=r"outermost folder and copy .*--split train=copy "):
        discover(tmp_path)


def test_the_same_names_in_splits_inside_a_set_are_a_question(tmp_path: Path) -> None:
    _write(
        tmp_path,
        [f"split{k}/{s}/{c}/{k}.jpg" for k in "12" for s in ("train", "test") for c in "ab"],
    )
    with pytest.raises(ConfigError, match=r"--split (train|test)=split2/(train|test)"):
        discover(tmp_path)


def test_a_few_names_that_come_again_are_told_apart_by_paths(tmp_path: Path) -> None:
    folders = ["church/indoor", "church/outdoor", "market/indoor", "market/outdoor"]
    folders += ["a/abbey", "b/bar", "b/beach", "c/canyon", "f/field"]
    _write(tmp_path, [f"{folder}/1.jpg" for folder in folders])
    found = labels_of(discover(tmp_path))
    assert found["church/indoor/1.jpg"] == "church/indoor"
    assert found["b/beach/1.jpg"] == "beach"


@pytest.mark.parametrize("prefix", ["", "train/"])
def test_images_beside_masks_are_no_classes(tmp_path: Path, prefix: str) -> None:
    _write(tmp_path, [f"{prefix}{f}/{i}.png" for f in ("images", "masks") for i in "123"])
    with pytest.raises(ConfigError, match=rf"--split train={prefix}images"):
        discover(tmp_path)
    alone = discover(tmp_path, LayoutConfig(split_folders=(("train", f"{prefix}images"),)))
    assert alone.paths == [f"{prefix}images/{i}.png" for i in "123"]


def test_masks_beside_images_are_noted(tmp_path: Path) -> None:
    names = [f"{c}/{c} ({i}){m}.png" for c in ("ill", "well") for i in "12" for m in ("", "_mask")]
    _write(tmp_path, names)
    notes = discover(tmp_path).notes
    assert any("4 images" in note and "ill (1)_mask.png" in note for note in notes)


def test_classes_called_after_masks_are_no_masks(tmp_path: Path) -> None:
    _write(tmp_path, [f"{c}/{c}_{i}.png" for c in ("mask", "with_mask", "no_mask") for i in "12"])
    assert discover(tmp_path).notes == ()


def test_a_lone_folder_of_numbered_names_is_a_question(tmp_path: Path) -> None:
    _write(tmp_path, [f"food/{i % 5}_{i}.jpg" for i in range(20)])
    with pytest.raises(ConfigError, match="--layout names, --layout classes"):
        discover(tmp_path)
    found = labels_of(discover(tmp_path, layout="names"))
    assert found == {f"food/{i % 5}_{i}.jpg": str(i % 5) for i in range(20)}
    assert set(labels_of(discover(tmp_path, layout="classes")).values()) == {"food"}


@pytest.mark.parametrize(("named", "said"), [(0, "no image is named"), (3, "is not named label_n")])
def test_the_layout_names_needs_such_names(tmp_path: Path, named: int, said: str) -> None:
    _write(tmp_path, [f"{i}_{i}.jpg" if i < named else f"{i}.jpg" for i in range(9)])
    with pytest.raises(ConfigError, match=said):
        discover(tmp_path, layout="names")


def test_classes_beside_the_split_in_one_name_are_a_question(tmp_path: Path) -> None:
    _write(tmp_path, [f"{s}_{c}/{s}{i}.jpg" for s in ("train", "test") for c in ("open", "shut")
                      for i in "12"])  # fmt: skip
    with pytest.raises(ConfigError, match=r"test_open and test_shut are both test.*--layout flat"):
        discover(tmp_path)
    assert discover(tmp_path, layout="flat").splits == {"train": (0, 4), "test": (4, 8)}


def test_words_in_names_are_noted(tmp_path: Path) -> None:
    _write(tmp_path, [f"train/{c}.{i}.jpg" for c in ("cat", "dog") for i in range(5)])
    listing = discover(tmp_path)
    assert listing.layout == "flat"
    assert any("2 words (cat, dog)" in note for note in listing.notes)


def test_two_spellings_in_unicode_are_one_class(tmp_path: Path) -> None:
    nfd, nfc = (unicodedata.normalize(form, "pêche") for form in ("NFD", "NFC"))
    _write(tmp_path, [f"train/{nfd}/1.jpg", "train/poire/2.jpg", f"test/{nfc}/3.jpg"])
    assert set(discover(tmp_path).classes) == {nfc, "poire"}


def test_a_list_of_two_others_is_passed_over(tmp_path: Path) -> None:
    _write(tmp_path, [f"images/{i:03d}.jpg" for i in range(9)])
    parts = {"train": range(4), "val": range(4, 7), "trainval": range(7), "test": range(7, 9)}
    for name, numbers in parts.items():
        (tmp_path / f"{name}.txt").write_text("".join(f"{i:03d}.jpg c{i % 2}\n" for i in numbers))
    listing = discover(tmp_path)
    assert listing.splits == {"train": (0, 4), "val": (4, 7), "test": (7, 9)}
    assert any(s.name == "trainval.txt" and "train.txt" in s.reason for s in listing.passed_over)


def test_words_written_as_one_are_splits(tmp_path: Path) -> None:
    folders = [f"{s}set/{c}/{s}{i}.jpg" for s in ("train", "test") for c in "ab" for i in "12"]
    _write(tmp_path / "folders", folders)
    assert set(discover(tmp_path / "folders").splits) == {"train", "test"}
    _write(tmp_path / "lists", [f"{c}/{c}{i}.jpg" for c in "ab" for i in range(6)])
    for name, numbers in (("trainlist01", range(4)), ("testlist01", range(4, 6))):
        rows = "".join(f"{c}/{c}{i}.jpg\n" for c in "ab" for i in numbers)
        (tmp_path / "lists" / f"{name}.txt").write_text(rows)
    assert discover(tmp_path / "lists").splits == {"train": (0, 8), "test": (8, 12)}
    for name, rows in (("trainlist02", "a/a5.jpg\n"), ("testlist02", "a/a0.jpg\n")):
        (tmp_path / "lists" / f"{name}.txt").write_text(rows)
    with pytest.raises(ConfigError, match="both divide the images into splits, and differ"):
        discover(tmp_path / "lists")


def test_a_column_of_folds_divides_the_folder_train_if_asked(tmp_path: Path) -> None:
    _write(
        tmp_path,
        [f"train_images/{i}.jpg" for i in range(20)],
        train="image_id,label,kfold\n" + "".join(f"{i}.jpg,c{i % 2},{i % 5}\n" for i in range(20)),
    )
    with pytest.raises(ConfigError, match="--split-column none"):
        discover(tmp_path)
    listing = discover(tmp_path, LayoutConfig(split_column="kfold"))
    assert listing.splits == {f"fold{k}": (4 * k, 4 * k + 4) for k in range(5)}


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (["file,label"] + [f"{i}.png,c{i % 2}" for i in range(9)], "names of image files"),
        (["id,label"] + [f"1E+{i + 20},c{i % 2}" for i in range(9)], "no column names an image"),
        (["file,label"] + [f"{i}.jpg,0.{i}31" for i in range(9)], "it holds fractions"),
        (["file,rated"] + [f"{i}.jpg,{i % 40 * 7 + 100}" for i in range(80)], "is rated the label"),
        (["file,text"] + [f"{i}.jpg,word{i % 3}" for i in range(9)], "is text the label"),
        (["file,mark,by"] + [f"{i}.jpg,0.{i}1,{'ab'[i % 2]}" for i in range(9)], "is by the label"),
        (
            ["file,label,label_corrected"] + [f"{i}.jpg,{i % 2},{i % 3 % 2}" for i in range(9)],
            "which column is the label",
        ),
        (["file,label"] + [f"{i}.jpg,dog, {'ab'[i % 2]}" for i in range(9)], "put quotes around"),
        (["file,all"] + [f"{i}.jpg,{('a/b', 'b/a', 'b')[i % 3]}" for i in range(9)], "slashes"),
    ],
)
def test_what_a_list_may_mean_otherwise_is_a_question(
    tmp_path: Path, rows: list[str], said: str
) -> None:
    _write(tmp_path, [f"images/{i}.jpg" for i in range(len(rows) - 1)], meta="\n".join(rows))
    with pytest.raises(ConfigError, match=said):
        discover(tmp_path)


def test_numbers_in_one_list_and_names_in_another_are_refused(tmp_path: Path) -> None:
    _write(
        tmp_path,
        [f"images/p{i}.jpg" for i in range(9)],
        train="file,label\n" + "".join(f"p{i}.jpg,{i % 2}\n" for i in range(6)),
        val="file,label\n" + "".join(f"p{i}.jpg,{'ab'[i % 2]}\n" for i in range(6, 9)),
    )
    with pytest.raises(ConfigError, match=r"train.csv has numbers .*val.csv has names"):
        discover(tmp_path)


def test_lists_without_headings_may_order_their_columns_differently(tmp_path: Path) -> None:
    _write(tmp_path, [f"images/p{i}.jpg" for i in range(9)])
    train = "".join(f"p{i}.jpg {'ab'[i % 2]}\n" for i in range(6))
    (tmp_path / "train.txt").write_text(train)
    test = "".join(f"{'ab'[i % 2]} p{i}.jpg\n" for i in range(6, 9))
    (tmp_path / "test.txt").write_text(test)
    found = labels_of(discover(tmp_path))
    assert found == {f"images/p{i}.jpg": "ab"[i % 2] for i in range(9)}


def test_names_with_slashes_are_single_labels(tmp_path: Path) -> None:
    names = ("Corvus/corax", "Corvus/corone", "Pica/pica")
    rows = "".join(f"{i}.jpg,{names[i % 3]}\n" for i in range(9))
    _write(tmp_path, [f"images/{i}.jpg" for i in range(9)], meta="file,label\n" + rows)
    assert discover(tmp_path).classes == names


def test_images_listed_without_a_label_are_said_to_be_listed(tmp_path: Path) -> None:
    _write(
        tmp_path,
        [f"images/{i}.jpg" for i in range(9)],
        meta="file,label\n" + "".join(f"{i}.jpg,{'ab'[i % 2] if i else ''}\n" for i in range(8)),
    )
    ignored = {s.name: s.reason for s in discover(tmp_path).ignored}
    assert ignored == {"images/0.jpg": "listed without a label", "images/8.jpg": "in no list"}


def test_a_split_without_labels_is_noted(tmp_path: Path) -> None:
    _write(tmp_path, ["train/a/1.jpg", "train/b/2.jpg", "val/x3.jpg", "test/x4.jpg"])
    notes = discover(tmp_path).notes
    (note,) = notes
    assert note.startswith("no image of val has a label: ") and "val.txt" in note
    assert "(x3.jpg a), or move the images into folders val/CLASS" in note
    assert "may be meant" not in note
    (tmp_path / "val.txt").write_text("x3.jpg b\n")
    assert labels_of(discover(tmp_path))["val/x3.jpg"] == "b"


@pytest.mark.parametrize(
    ("entry", "path"),
    [
        ("a%20b%281%29.jpg", "images/a b(1).jpg"),
        ("https://example.org/x/c.jpg?alt=media#top", "images/c.jpg"),
        ("50%25.jpg", "images/50%25.jpg"),
        ("c.jpg", "images/c.jpg"),
    ],
)
def test_addresses_and_masks_of_the_same_name(entry: str, path: str) -> None:
    finder = Finder(["images/a b(1).jpg", "images/c.jpg", "images/50%25.jpg", "masks/c.jpg.png"])
    assert finder.find(entry).paths == (path,)


def test_two_values_of_one_split_are_a_question(tmp_path: Path) -> None:
    """As FER2013's PublicTest and PrivateTest: together they would hide the validation set."""
    uses = ("Training", "PublicTest", "PrivateTest")
    rows = "".join(f"{i}.jpg,{'ab'[i % 2]},{uses[i % 3]}\n" for i in range(12))
    _write(tmp_path, [f"im/{i}.jpg" for i in range(12)], labels="file,label,Usage\n" + rows)
    with pytest.raises(ConfigError, match="PublicTest and PrivateTest both speak of test; write"):
        discover(tmp_path)
    own = discover(tmp_path, LayoutConfig(split_column="Usage"))
    assert {name: stop - start for name, (start, stop) in own.splits.items()} == {
        "Training": 4,
        "PublicTest": 4,
        "PrivateTest": 4,
    }
    same = rows.replace("PublicTest", "test").replace("PrivateTest", "TEST")
    _write(tmp_path, [], labels="file,label,Usage\n" + same)
    assert list(discover(tmp_path).splits) == ["train", "test"]


@pytest.mark.parametrize("folders", [("A", "B"), ("monday", "friday"), ("x/s1", "x/s2", "x/s3")])
def test_folders_whose_names_tell_other_classes_are_a_question(
    tmp_path: Path, folders: tuple[str, ...]
) -> None:
    paths = [f"{f}/{m}_{i}{k}.jpg" for k, f in enumerate(folders) for m in "012" for i in "12"]
    _write(tmp_path, paths)
    with pytest.raises(ConfigError, match=r"which are the classes\? .*--layout classes if "):
        discover(tmp_path)
    asked = labels_of(discover(tmp_path, layout="classes"))
    assert set(asked.values()) == {folder.rpartition("/")[2] for folder in folders}
    parts = tuple((f"part{k}", folder) for k, folder in enumerate(folders))
    listing = discover(tmp_path, LayoutConfig(layout="names", split_folders=parts))
    assert list(listing.splits) == [name for name, _ in parts]
    assert labels_of(listing) == {path: path.rpartition("/")[2][0] for path in paths}


@pytest.mark.parametrize(
    "name", ["{c}_{i}.jpg", "{i}_100.jpg", "IMG_{i}.jpg", "{m}_{i}.jpg", "000{i}_{i}.jpg"]
)
def test_folders_whose_names_tell_nothing_else_are_classes(tmp_path: Path, name: str) -> None:
    makers = ("flipped", "indoor")
    paths = {
        f"{c}/" + name.format(c=c, i=i, m=makers[i % 2]): c
        for c in ("cat", "dog")
        for i in range(9)
    }
    _write(tmp_path, [*paths])
    assert labels_of(discover(tmp_path)) == paths

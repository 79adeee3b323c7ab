"""ImageNet as it is found: labels of val by boxes, names of folders, and what is told without."""

from __future__ import annotations

from pathlib import Path

import pytest

from headrace.pipeline.errors import ConfigError
from headrace.pipeline.layouts.config import LayoutConfig
from headrace.pipeline.layouts.discovery import discover
from headrace.pipeline.layouts.listing import Listing
from tests.pipeline.published_imagenet import (
    FOLDERS,
    GROUND_TRUTH,
    MAPPING,
    NAMES,
    TEST,
    TRAIN,
    VAL,
    boxes,
    counted,
)
from tests.pipeline.small_trees import labels_of, write_tree


def _write(root: Path, **lists: str) -> Path:
    return write_tree(root, [*TRAIN, *VAL], **lists)


def _reason(listing: Listing, name: str) -> str:
    return next(one.reason for one in listing.passed_over if one.name == name)


def _note(listing: Listing) -> str:
    (note,) = [note for note in listing.notes if note.startswith("no image of val has a label")]
    return note


def _labels_of_val(listing: Listing) -> set[str | None]:
    return {label for path, label in labels_of(listing).items() if path in VAL}


def test_labels_before_boxes_are_told(tmp_path: Path) -> None:
    listing = discover(_write(tmp_path, LOC_val_solution_csv=boxes(VAL)))
    assert listing.taken[1].startswith("label: column PredictionString (4 values in 12 rows: ")
    assert listing.taken[1].endswith("), before the numbers of its boxes")
    assert "LOC_val_solution.csv 12 others with the same classes" in listing.why


def test_a_list_of_some_images_with_boxes_leaves_no_others_out(tmp_path: Path) -> None:
    some = {path: TRAIN[path] for path in list(TRAIN)[::2]}
    listing = discover(_write(tmp_path, LOC_train_solution_csv=boxes(some)))
    assert not listing.ignored and listing.splits == {"train": (0, 16), "val": (16, 28)}
    listing = discover(
        _write(tmp_path, LOC_val_solution_csv=boxes(dict(list(VAL.items())[:8]))),
    )
    assert not listing.ignored
    assert list(labels_of(listing).values()).count(None) == 4


def test_a_class_that_no_boxed_image_of_train_has(tmp_path: Path) -> None:
    some = {path: right for path, right in TRAIN.items() if right[1] != FOLDERS[2]}
    lists = {"LOC_train_solution_csv": boxes(some), "LOC_val_solution_csv": boxes(VAL)}
    found = labels_of(discover(_write(tmp_path, **lists)))
    assert {path: found[path] for path in VAL} == {path: right[1] for path, right in VAL.items()}


def test_a_given_list_of_val_leaves_train_its_folders(tmp_path: Path) -> None:
    (tmp_path / "lists").mkdir()
    given = tmp_path / "lists" / "LOC_val_solution.csv"
    given.write_text(boxes(VAL))
    listing = discover(_write(tmp_path / "images"), LayoutConfig(lists=(given,)))
    right = {path: label for path, (_, label) in {**TRAIN, **VAL}.items()}
    assert labels_of(listing) == right


def test_a_part_of_the_classes_wants_the_list_to_be_named(tmp_path: Path) -> None:
    part = [path for path, (_, label) in {**TRAIN, **VAL}.items() if label in FOLDERS[:2]]
    write_tree(tmp_path, part[:-4], LOC_val_solution_csv=boxes(VAL))
    listing = discover(tmp_path)
    assert _labels_of_val(listing) == {None} and "passed over" in _note(listing)
    assert "--list LOC_val_solution.csv" in _reason(listing, "LOC_val_solution.csv")
    named = discover(tmp_path, LayoutConfig(lists=(tmp_path / "LOC_val_solution.csv",)))
    right = {path: label for path, (_, label) in {**TRAIN, **VAL}.items()}
    assert labels_of(named) == {path: right[path] for path in part[:-4]}
    assert named.classes == FOLDERS[:2]


@pytest.mark.parametrize(
    "text",
    [
        boxes(VAL).replace(" ", " 7 ", 1),  # numbers that are no boxes
        boxes(VAL).replace(FOLDERS[0], "7").replace(FOLDERS[1], "8"),  # box or class?
    ],
)
def test_cells_that_are_no_boxes_are_no_labels(tmp_path: Path, text: str) -> None:
    listing = discover(_write(tmp_path, LOC_val_solution_csv=text))
    assert _labels_of_val(listing) == {None}
    assert "LOC_val_solution.csv may be meant to tell them, and was not taken" in _note(listing)


def test_folders_that_are_numbers_are_told_from_no_box(tmp_path: Path) -> None:
    images = [f"train/{i % 3}/{i}.jpg" for i in range(12)] + [f"val/v{i}.jpg" for i in range(12)]
    text = "id,boxes\n" + "".join(f"v{i},{i % 3} 1 {i} 2 3\n" for i in range(12))
    listing = discover(write_tree(tmp_path, images, boxes_csv=text))
    assert {label for path, label in labels_of(listing).items() if path[0] == "v"} == {None}


def test_boxes_of_a_class_without_folder_are_a_question(tmp_path: Path) -> None:
    text = boxes(VAL).replace(FOLDERS[3], "n00000001")
    _write(tmp_path, LOC_val_solution_csv=text)
    with pytest.raises(ConfigError, match=r"'n00000001' is no folder's name: take the images of"):
        discover(tmp_path)


def test_numbers_alone_are_no_labels_of_val(tmp_path: Path) -> None:
    listing = discover(
        _write(
            tmp_path,
            ILSVRC2012_validation_ground_truth_txt=GROUND_TRUTH,
            ImageSets__CLS__val_txt=counted(VAL),
            Annotations__val__1_xml=f"<name>{FOLDERS[0]}</name>",
        )
    )
    assert _labels_of_val(listing) == {None}
    assert listing.classes == tuple(sorted(FOLDERS))
    note = _note(listing)
    assert f"write val.txt into {tmp_path}, with a line FILE CLASS for each image" in note
    assert "ILSVRC2012_validation_ground_truth.txt and ImageSets/CLS/val.txt and 1 .xml" in note
    assert "a number alone does not say which folder it means" in note


@pytest.mark.parametrize("chosen", ["list", "auto"])
def test_numbers_of_lines_are_never_labels(tmp_path: Path, chosen: str) -> None:
    lists = {"val_txt": counted(VAL), "test_txt": counted(TEST)}
    write_tree(tmp_path, [*TRAIN, *VAL, *TEST], **lists)
    listing = discover(tmp_path, layout=chosen)
    assert not {label for path, label in labels_of(listing).items() if path not in TRAIN} - {None}


def test_what_the_note_asks_for_is_understood(tmp_path: Path) -> None:
    _write(tmp_path, ImageSets__CLS__val_txt=counted(VAL), ground_truth_val_txt=GROUND_TRUTH)
    assert "write val.txt" in _note(discover(tmp_path))
    lines = [f"{path.rpartition('/')[2]} {label}\n" for path, (_, label) in VAL.items()]
    (tmp_path / "val.txt").write_text("".join(lines))
    right = {path: label for path, (_, label) in {**TRAIN, **VAL}.items()}
    assert labels_of(discover(tmp_path)) == right


def test_a_list_that_is_there_is_not_to_be_replaced(tmp_path: Path) -> None:
    assert "write val_labels.txt" in _note(discover(_write(tmp_path, val_txt=counted(VAL))))


# Names of folders


def test_names_behind_folders(tmp_path: Path) -> None:
    _write(tmp_path, LOC_val_solution_csv=boxes(VAL), LOC_synset_mapping_txt=MAPPING)
    file = tmp_path / "LOC_synset_mapping.txt"
    told = _reason(discover(tmp_path), "LOC_synset_mapping.txt")
    assert told.endswith(f"--class-names {file} calls the classes by its names")
    listing = discover(tmp_path, class_names=file)
    called = (*NAMES[:2], *(f"{folder} crane" for folder in FOLDERS[2:]))
    assert listing.classes == called
    titles = dict(zip(FOLDERS, called, strict=True))
    right = {path: titles[str(label)] for path, (_, label) in {**TRAIN, **VAL}.items()}
    assert labels_of(listing) == right
    assert _reason(listing, "LOC_synset_mapping.txt") == "it names the classes, as asked"


def test_names_stand_in_the_order_of_the_file(tmp_path: Path) -> None:
    names = tmp_path / "names.txt"
    names.write_text("".join(reversed(MAPPING.splitlines(keepends=True))) + "n00000001 more\n")
    listing = discover(_write(tmp_path / "images"), class_names=names)
    assert listing.classes[-1] == NAMES[0] and len(listing.classes) == 4
    assert any("has 1 more line, of folders that are not there" in n for n in listing.notes)
    assert labels_of(listing)[next(iter(TRAIN))] == NAMES[0]


@pytest.mark.parametrize(
    ("text", "called"),
    [
        ("2 red\n0 blue\n1 green\n", ("blue", "green", "red")),
        ("2 years\n1 year\n0 years\n", ("0 years", "year", "2 years")),
        ("0 years\n2 more\n", ("0 years", "2 more")),  # a line for each number from 0
    ],
)
def test_names_behind_folders_that_are_numbers(
    tmp_path: Path, text: str, called: tuple[str, ...]
) -> None:
    names = tmp_path / "names.txt"
    names.write_text(text)
    write_tree(tmp_path / "images", [f"{i % len(called)}/{i}.jpg" for i in range(6)])
    listing = discover(tmp_path / "images", class_names=names)
    assert listing.classes == called
    assert labels_of(listing)["1/1.jpg"] == called[1]


@pytest.mark.parametrize(
    "text",
    [
        MAPPING.replace(FOLDERS[1], "n00000001"),  # a folder has no line
        MAPPING.replace(f"{FOLDERS[1]} ", f"{FOLDERS[1]}\t\nx "),  # a line has no name
        MAPPING + f"{FOLDERS[0]} another\n",  # a folder has two
    ],
)
def test_names_that_leave_a_folder_open_are_refused(tmp_path: Path, text: str) -> None:
    names = tmp_path / "names.txt"
    names.write_text(text)
    with pytest.raises(ConfigError, match=r"is not in .*names\.txt: add it as a line, alone, or"):
        discover(_write(tmp_path / "images"), class_names=names)

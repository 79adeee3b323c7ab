"""Small trees of ImageNet (ILSVRC2012) as they are found: the tars, Kaggle's folders and lists."""

from __future__ import annotations

from tests.pipeline.published import Published, Right, tree

FOLDERS = ("n01440764", "n01443537", "n02012849", "n03126707")
NAMES = ("tench, Tinca tinca", "goldfish, Carassius auratus", "crane", "crane")
TRAIN: Right = {f"train/{c}/{c}_{26 + 7 * i}.JPEG": ("train", c) for c in FOLDERS for i in range(4)}
VAL: Right = {
    f"val/ILSVRC2012_val_0000{i:04}.JPEG": ("val", FOLDERS[(7 * i + i // 3) % 4])
    for i in range(1, 13)
}
VAL_WITHOUT: Right = dict.fromkeys(VAL, ("val", None))
TEST: Right = {f"test/ILSVRC2012_test_0000{i:04}.JPEG": ("test", None) for i in range(1, 10)}
MAPPING = "".join(f"{c} {name}\n" for c, name in zip(FOLDERS, NAMES, strict=True))
# In the order of the devkit, which is not that of the folders' names.
GROUND_TRUTH = "".join(f"{(3, 2, 4, 1)[FOLDERS.index(c or '')]}\n" for _, c in VAL.values())


def name_of(path: str) -> str:
    """As lists call an image: without folder and extension."""
    return path.rpartition("/")[2].removesuffix(".JPEG")


def boxes(right: Right, other: str = "") -> str:
    """A LOC_..._solution.csv; the second box of the image `other` is of another class."""
    rows = ["ImageId,PredictionString\n"]
    for i, (path, (_, label)) in enumerate(right.items()):
        cell = "".join(f"{label} {i} {2 * i + k} {i + 30} {2 * i + 40} " for k in range(1 + i % 3))
        cell += f"{FOLDERS[0]} 1 2 3 4 " * (name_of(path) == other)
        rows.append(f"{name_of(path)},{cell}\n")
    return "".join(rows)


def below(folder: str, right: Right) -> Right:
    return {f"{folder}/{path}": value for path, value in right.items()}


def counted(right: Right) -> str:
    """A list of ImageSets: each image and the number of its line."""
    names = [path.removeprefix("train/").rpartition("/train/")[2] for path in right]
    names = [name if name[0] == "n" else name_of(name) for name in names]
    return "".join(f"{name.removesuffix('.JPEG')} {i}\n" for i, name in enumerate(names, 1))


_with_boxes = {path: TRAIN[path] for i, path in enumerate(TRAIN) if i % 4}
_sets = "ImageSets/CLS-LOC"
_image_sets = {
    f"{_sets}/train_cls.txt": counted(TRAIN),
    f"{_sets}/train_loc.txt": counted(_with_boxes),
    f"{_sets}/val.txt": counted(VAL),
    f"{_sets}/test.txt": counted(TEST),
}
_lists = {
    "LOC_val_solution.csv": boxes(VAL),
    "LOC_train_solution.csv": boxes(_with_boxes),
    "LOC_synset_mapping.txt": MAPPING,
    "LOC_sample_submission.csv": "ImageId,PredictionString\n"
    + "".join(f"{name_of(path)},{FOLDERS[0]} 1 2 3 4 {FOLDERS[1]} 1 2 3 4\n" for path in TEST),
}

IMAGENET: dict[str, Published] = {
    "ImageNet, tars with the devkit's numbers": tree(
        TRAIN | VAL_WITHOUT, texts={"ILSVRC2012_validation_ground_truth.txt": GROUND_TRUTH}
    ),
    "ImageNet, folders with LOC_val_solution.csv": tree(
        TRAIN | VAL, texts={"LOC_val_solution.csv": boxes(VAL)}
    ),
    "ImageNet, Kaggle's tree": tree(
        below("ILSVRC/Data/CLS-LOC", TRAIN | VAL | TEST),
        texts=_lists | {f"ILSVRC/{path}": text for path, text in _image_sets.items()},
    ),
    "ImageNet, all lists in one folder": tree(TRAIN | VAL | TEST, texts=_lists | _image_sets),
    "ImageNet, Kaggle's ILSVRC": tree(
        below("Data/CLS-LOC", TRAIN | VAL_WITHOUT | TEST), texts=_image_sets
    ),
    "ImageNet, val.txt that counts": tree(
        TRAIN | VAL_WITHOUT, texts={"val.txt": counted(VAL)}
    ),
    "ImageNet, Caffe's val.txt of numbers": tree(
        TRAIN | VAL_WITHOUT,
        texts={
            "val.txt": "".join(
                f"{path[4:]} {FOLDERS.index(label or '')}\n" for path, (_, label) in VAL.items()
            )
        },
        refused="no folder's name: write the folders' names in the place of numbers",
        flags={"layout": "classes"},
    ),
    "ImageNet, boxes of two classes": tree(
        TRAIN | VAL_WITHOUT,
        texts={"LOC_val_solution.csv": boxes(VAL, other="ILSVRC2012_val_00000007")},
        refused="boxes of ILSVRC2012_val_00000007 are of several classes",
        flags={"layout": "classes"},
    ),
}  # fmt: skip

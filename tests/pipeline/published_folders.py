"""Small trees of well-known data sets whose folders or file names tell the classes."""

from __future__ import annotations

from tests.pipeline.published import Published, Right, tree


def _by_folder(pattern: str, splits: dict[str, str], classes: str, count: int = 2) -> Right:
    """Every split's folder with every class: pattern of {s}, {c} and {i}."""
    return {
        pattern.format(s=folder, c=c, i=f"{k}{n}{i}"): (split, c)
        for k, (folder, split) in enumerate(splits.items())
        for n, c in enumerate(classes.split())
        for i in range(count)
    }


_SPLITS = {"train": "train", "val": "val", "test": "test"}
_imagefolder = _by_folder("{s}/{c}/{i}.jpg", _SPLITS, "cat dog")
_caltech = _by_folder("101_ObjectCategories/{c}/image_{i}.jpg", {"": "train"}, "accordion ant")
_eurosat = _by_folder("EuroSAT/2750/{c}/{c}_{i}.jpg", {"": "train"}, "Forest River SeaLake")
_intel: Right = {
    **_by_folder("seg_train/seg_train/{c}/{i}.jpg", {"": "train"}, "forest sea"),
    **_by_folder("seg_test/seg_test/{c}/9{i}.jpg", {"": "test"}, "forest sea"),
}
_cats: Right = {
    **_by_folder("training_set/training_set/{c}/{c}.{i}.jpg", {"": "train"}, "cats dogs"),
    **_by_folder("test_set/test_set/{c}/{c}.9{i}.jpg", {"": "test"}, "cats dogs"),
}
_dogs = _by_folder("Images/{c}/x_{i}.jpg", {"": "train"}, "n02085620-Chihuahua n02085782-Spaniel")
_food101: Right = {
    f"images/{c}/{i}.jpg": ("test" if i % 4 == 3 else "train", c)
    for c, start in (("pie", 1000), ("sushi", 2000))
    for i in range(start, start + 8)
}


def _meta(split: str) -> str:
    rows = [p[7:-4] for p, (s, _) in _food101.items() if s == split]
    return "\n".join(rows) + "\n"


_seedlings: Right = {
    **{f"train/{c}/{c[:2]}{i}.png": ("train", c) for c in ("Maize", "Charlock") for i in (1, 2)},
    "test/0021e90e4.png": ("test", None),
    "test/003d61042.png": ("test", None),
}
_tiny: Right = {
    **{
        f"train/{c}/images/{c}_{i}.JPEG": ("train", c)
        for c in ("n01443537", "n01629819")
        for i in (0, 1)
    },
    "val/images/val_0.JPEG": ("val", "n01443537"),
    "val/images/val_1.JPEG": ("val", "n01629819"),
    "test/images/test_0.JPEG": ("test", None),
}
_gtsrb: Right = {
    **{f"Train/{c}/000{c}_0000{i}.png": ("train", str(c)) for c in (0, 1, 2) for i in (0, 1)},
    "Test/00000.png": ("test", "2"),
    "Test/00001.png": ("test", "0"),
}
_GTSRB_HEAD = "Width,Height,Roi.X1,Roi.Y1,Roi.X2,Roi.Y2,ClassId,Path\n"
_cub: Right = {
    f"images/{c}/{c[4:]}_{i}.jpg": ("train" if i == 1 else "test", c)
    for c in ("001.Albatross", "002.Auklet")
    for i in (1, 2)
}
_birds = _by_folder(
    "{s}/{c}/{i}.jpg", {"train": "train", "valid": "val", "test": "test"}, "JAY OWL"
)
_utk = tuple(f"part{1 + i % 2}/{20 + i % 5}_{i % 2}_{i % 3}_2017{i:05}.jpg" for i in range(12))
_mnist = _by_folder("{s}/{c}/{i}.png", {"training": "train", "testing": "test"}, "0 1 2")

FOLDERS: dict[str, Published] = {
    "ImageFolder with three splits": tree(_imagefolder),
    "Caltech-101": tree(_caltech),
    "EuroSAT": tree(_eurosat),
    "Intel scenes": tree(_intel),
    "cats and dogs, training_set": tree(_cats),
    "Stanford Dogs": tree(_dogs, texts={"lists/train_list.mat": "x"}),
    "Imagenette with its noisy labels": tree(
        _by_folder(
            "imagenette2/{s}/{c}/{i}.JPEG", {"train": "train", "val": "val"}, "n01440764 n02102040"
        ),
    ),
    "MNIST as PNG": tree(_mnist),
    "Food-101": tree(
        _food101,
        texts={
            "meta/train.txt": _meta("train"),
            "meta/test.txt": _meta("test"),
            "meta/classes.txt": "pie\nsushi\n",
            "meta/labels.txt": "Pie\nSushi\n",
            "meta/train.json": "{}",
            "license_agreement.txt": "text\n",
        },
    ),
    "Food-11 by names": tree(
        {
            **{f"training/{c}_{i}.jpg": ("train", str(c)) for c in (0, 1, 2) for i in (0, 1)},
            **{f"validation/{c}_{i}.jpg": ("val", str(c)) for c in (0, 1, 2) for i in (0, 1)},
            **{f"testing/000{i}.jpg": ("test", None) for i in (0, 1)},
        }
    ),
    "CUB-200": tree(
        _cub,
        texts={
            "images.txt": "".join(f"{i} {p[7:]}\n" for i, p in enumerate(_cub, 1)),
            "image_class_labels.txt": "1 1\n2 1\n3 2\n4 2\n",
            "train_test_split.txt": "1 1\n2 0\n3 1\n4 0\n",
            "classes.txt": "1 001.Albatross\n2 002.Auklet\n",
            "bounding_boxes.txt": "1 60.0 27.0 325.0 304.0\n2 1.0 2.0 3.0 4.0\n",
        },
    ),
    "Kaggle plant seedlings": tree(
        _seedlings,
        texts={"sample_submission.csv": "file,species\n0021e90e4.png,Maize\n003d61042.png,Maize\n"},
    ),
    "tiny-imagenet": tree(
        _tiny,
        texts={
            "val/val_annotations.txt": "val_0.JPEG\tn01443537\t0\t32\t44\t62\n"
            "val_1.JPEG\tn01629819\t52\t55\t57\t59\n",
            "train/n01443537/n01443537_boxes.txt": "n01443537_0.JPEG\t0\t10\t63\t58\n"
            "n01443537_1.JPEG\t6\t12\t40\t41\n",
            "wnids.txt": "n01443537\nn01629819\n",
            "words.txt": "n01443537\tgoldfish\nn01629819\tsalamander\n",
        },
    ),
    "GTSRB": tree(
        _gtsrb,
        more=("Meta/0.png", "Meta/1.png", "Meta/2.png"),
        texts={
            "Train.csv": _GTSRB_HEAD
            + "".join(
                f"{27 + i},26,5,5,22,20,{c},{p}\n"
                for i, (p, (s, c)) in enumerate(_gtsrb.items())
                if s == "train"
            ),
            "Test.csv": _GTSRB_HEAD + "53,54,6,5,48,49,2,Test/00000.png\n"
            "42,45,5,5,36,40,0,Test/00001.png\n",
            "Meta.csv": "Path,ClassId,ShapeId,ColorId,SignId\nMeta/0.png,0,1,0,3.29\n"
            "Meta/1.png,1,1,0,3.29\nMeta/2.png,2,1,0,3.29\n",
        },
    ),
    "birds with splits and paths": tree(
        _birds,
        texts={
            "birds.csv": "class id,filepaths,labels,data set,scientific name\n"
            + "".join(
                f"{'JAY OWL'.split().index(c or '')}.0,{p},{c},{p.partition('/')[0]},"
                f"{'Corvus' if c == 'JAY' else 'Strix'}\n"
                for p, (_, c) in _birds.items()
            ),
        },
    ),
    "UTKFace in parts": Published(images=_utk, refused="several numbers that may be labels"),
    "State Farm drivers": tree(
        {f"imgs/train/c{c}/img_{c}{i}.jpg": ("train", f"c{c}") for c in (0, 1) for i in (1, 2)},
        texts={
            "driver_imgs_list.csv": "subject,classname,img\np002,c0,img_01.jpg\n"
            "p002,c0,img_02.jpg\np012,c1,img_11.jpg\np014,c1,img_12.jpg\n",
        },
    ),
    "DTD with ten divisions": tree(
        {
            f"images/{c}/{c}_{i}.jpg": (s, c)
            for c in ("banded", "dotted")
            for i, s in ((1, "train"), (2, "test"))
        },
        texts={
            "labels/train1.txt": "banded/banded_1.jpg\ndotted/dotted_1.jpg\n",
            "labels/test1.txt": "banded/banded_2.jpg\ndotted/dotted_2.jpg\n",
            "labels/train2.txt": "banded/banded_2.jpg\ndotted/dotted_1.jpg\n",
            "labels/test2.txt": "banded/banded_1.jpg\ndotted/dotted_2.jpg\n",
        },
        refused="both divide the images into splits",
        flags={"lists": ("labels/train1.txt", "labels/test1.txt")},
    ),
    "LFW with its pairs": tree(
        {f"lfw/{n}/{n}_000{i}.jpg": ("train", n) for n in ("Al_Gore", "Bo_Li") for i in (1, 2)},
        texts={"pairs.txt": "10\t300\nAl_Gore\t1\t2\nBo_Li\t1\tAl_Gore\t2\n"},
    ),
}

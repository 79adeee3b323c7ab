"""Small trees laid out as well-known data sets are published, and what is right for each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Right = dict[str, tuple[str, str | None]]


@dataclass(frozen=True, kw_only=True)
class Published:
    """A tree, and what is right.

    Attributes:
        images: paths of empty image files.
        texts: path to text of the other files.
        right: path to (split, class or None); what is in it and nothing else is to be found.
        refused: text of the refusal, where the tree alone leaves a choice.
        flags: fields of LayoutConfig that then make it right.
    """

    images: tuple[str, ...]
    texts: dict[str, str] = field(default_factory=dict)
    right: Right = field(default_factory=dict)
    refused: str = ""
    flags: dict[str, Any] = field(default_factory=dict)


def _by_folder(pattern: str, splits: dict[str, str], classes: str, count: int = 2) -> Right:
    """Every split's folder with every class: pattern of {s}, {c} and {i}."""
    return {
        pattern.format(s=folder, c=c, i=f"{k}{n}{i}"): (split, c)
        for k, (folder, split) in enumerate(splits.items())
        for n, c in enumerate(classes.split())
        for i in range(count)
    }


def _tree(right: Right, *more: str, **texts: str) -> Published:
    return Published(images=(*right, *more), right=right, texts=texts)


_SPLITS = {"train": "train", "val": "val", "test": "test"}
_TRAIN_TEST = {"train": "train", "test": "test"}
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
_roboflow: Right = {
    f"{folder}/a{i}_jpg.rf.{folder}.jpg": (split, c)
    for folder, split in (("train", "train"), ("valid", "val"), ("test", "test"))
    for i, c in enumerate(("helmet", "none", "vest"))
}


def _roboflow_list(folder: str) -> str:
    rows = [
        f"{p.rpartition('/')[2]}, {int(c == 'helmet')}, {int(c == 'none')}, {int(c == 'vest')}"
        for p, (_, c) in _roboflow.items()
        if p.startswith(folder)
    ]
    return "filename, helmet, none, vest\n" + "\n".join(rows) + "\n"


_plants: Right = {
    **{f"images/Train_{i}.jpg": ("train", c) for i, c in enumerate(("rust", "scab", "healthy"))},
    "images/Test_0.jpg": ("test", None),
}
_cub: Right = {
    f"images/{c}/{c[4:]}_{i}.jpg": ("train" if i == 1 else "test", c)
    for c in ("001.Albatross", "002.Auklet")
    for i in (1, 2)
}
_cifar: Right = {
    **{f"train/{i}.png": ("train", "frog truck deer".split()[i % 3]) for i in range(1, 7)},
    **{f"test/{i}.png": ("test", None) for i in range(1, 13)},
}
_cifar_list = "id,label\n" + "".join(
    f"{i},{'frog truck deer'.split()[i % 3]}\n" for i in range(1, 7)
)
_ham: Right = {
    f"HAM10000_images_part_{1 + i % 2}/ISIC_002430{i}.jpg": ("train", ("bkl", "nv", "mel")[i % 3])
    for i in range(6)
}
_birds = _by_folder(
    "{s}/{c}/{i}.jpg", {"train": "train", "valid": "val", "test": "test"}, "JAY OWL"
)
_fashion: Right = {
    f"images/{10000 + 7 * i}.jpg": ("train", ("Shirts", "Watches", "Jeans")[i % 3])
    for i in range(9)
}
_pets: Right = {
    f"images/{name}_{i}.jpg": ("train" if i < 3 else "test", label)
    for name, label in (("Abyssinian", "1"), ("beagle", "2"), ("boxer", "3"))
    for i in (1, 2, 3, 4)
}


def _pets_list(split: str | None) -> str:
    rows = []
    for path, (where, label) in _pets.items():
        if split in (None, where):
            species = 1 if label == "1" else 2
            breed = {"1": 1, "2": 1, "3": 2}[label or ""]
            rows.append(f"{path[7:-4]} {label} {species} {breed}")
    return "\n".join(rows) + "\n"


_utk = tuple(f"part{1 + i % 2}/{20 + i % 5}_{i % 2}_{i % 3}_2017{i:05}.jpg" for i in range(12))
_imagenet_val: Right = {
    f"val/ILSVRC2012_val_0000000{i}.JPEG": ("val", str(i % 3)) for i in range(6)
}
_mnist = _by_folder("{s}/{c}/{i}.png", {"training": "train", "testing": "test"}, "0 1 2")
_isic_hot: Right = {
    f"ISIC_2019_Training_Input/ISIC_000000{i}.jpg": ("train", ("MEL", "NV", "BCC")[i % 3])
    for i in range(6)
}
_celeba = tuple(f"img_align_celeba/00000{i}.jpg" for i in range(1, 7))
_shuffled: Right = {f"all/{i}.jpg": ("train", "ab"[i % 2]) for i in range(8)}
_automl: Right = {
    "photos/a.jpg": ("train", "rose"), "photos/b.jpg": ("val", "tulip"),
    "photos/c.jpg": ("test", "rose"), "photos/d.jpg": ("train", "tulip"),
}  # fmt: skip

PUBLISHED: dict[str, Published] = {
    "ImageFolder with three splits": _tree(_imagefolder),
    "Caltech-101": _tree(_caltech),
    "EuroSAT": _tree(_eurosat),
    "Intel scenes": _tree(_intel),
    "cats and dogs, training_set": _tree(_cats),
    "Stanford Dogs": _tree(_dogs, **{"lists/train_list.mat": "x"}),
    "Imagenette with its noisy labels": Published(
        images=tuple(
            _by_folder(
                "imagenette2/{s}/{c}/{i}.JPEG",
                {"train": "train", "val": "val"},
                "n01440764 n02102040",
            )
        ),
        right=_by_folder(
            "imagenette2/{s}/{c}/{i}.JPEG", {"train": "train", "val": "val"}, "n01440764 n02102040"
        ),
    ),
    "MNIST as PNG": _tree(_mnist),
    "Food-101": Published(
        images=tuple(_food101),
        right=_food101,
        texts={
            "meta/train.txt": _meta("train"),
            "meta/test.txt": _meta("test"),
            "meta/classes.txt": "pie\nsushi\n",
            "meta/labels.txt": "Pie\nSushi\n",
            "meta/train.json": "{}",
            "license_agreement.txt": "text\n",
        },
    ),
    "Food-11 by names": _tree(
        {
            **{f"training/{c}_{i}.jpg": ("train", str(c)) for c in (0, 1, 2) for i in (0, 1)},
            **{f"validation/{c}_{i}.jpg": ("val", str(c)) for c in (0, 1, 2) for i in (0, 1)},
            **{f"testing/000{i}.jpg": ("test", None) for i in (0, 1)},
        }
    ),
    "CUB-200": Published(
        images=tuple(_cub),
        right=_cub,
        texts={
            "images.txt": "".join(f"{i} {p[7:]}\n" for i, p in enumerate(_cub, 1)),
            "image_class_labels.txt": "1 1\n2 1\n3 2\n4 2\n",
            "train_test_split.txt": "1 1\n2 0\n3 1\n4 0\n",
            "classes.txt": "1 001.Albatross\n2 002.Auklet\n",
            "bounding_boxes.txt": "1 60.0 27.0 325.0 304.0\n2 1.0 2.0 3.0 4.0\n",
        },
    ),
    "Oxford pets": Published(
        images=tuple(_pets),
        right=_pets,
        texts={
            "annotations/list.txt": "#Image CLASS-ID SPECIES BREED ID\n#ID: 1:37 Class ids\n"
            "#SPECIES: 1:Cat 2:Dog\n" + _pets_list(None),
            "annotations/trainval.txt": _pets_list("train"),
            "annotations/test.txt": _pets_list("test"),
        },
        refused="which column is the label",
        flags={"label_column": "1"},
    ),
    "Kaggle dog breeds": Published(
        images=("train/00a1.jpg", "train/00b2.jpg", "train/00c3.jpg", "test/00d4.jpg"),
        right={
            "train/00a1.jpg": ("train", "akita"),
            "train/00b2.jpg": ("train", "pug"),
            "train/00c3.jpg": ("train", "pug"),
            "test/00d4.jpg": ("test", None),
        },
        texts={
            "labels.csv": "id,breed\n00b2,pug\n00a1,akita\n00c3,pug\n",
            "sample_submission.csv": "id,akita,pug\n00d4,0.5,0.5\n",
        },
    ),
    "Kaggle plant seedlings": Published(
        images=tuple(_seedlings),
        right=_seedlings,
        texts={"sample_submission.csv": "file,species\n0021e90e4.png,Maize\n003d61042.png,Maize\n"},
    ),
    "Kaggle Cassava": Published(
        images=(
            "train_images/1000015157.jpg",
            "train_images/1000201771.jpg",
            "train_images/100042118.jpg",
            "test_images/2216849948.jpg",
        ),
        right={
            "train_images/1000015157.jpg": ("train", "0"),
            "train_images/1000201771.jpg": ("train", "3"),
            "train_images/100042118.jpg": ("train", "3"),
            "test_images/2216849948.jpg": ("test", None),
        },
        texts={
            "train.csv": "image_id,label\n1000015157.jpg,0\n1000201771.jpg,3\n100042118.jpg,3\n",
            "sample_submission.csv": "image_id,label\n2216849948.jpg,4\n",
            "label_num_to_disease_map.json": "{}",
        },
    ),
    "Kaggle APTOS": Published(
        images=(
            "train_images/000c1434d8d7.png",
            "train_images/001639a390f0.png",
            "train_images/0024cdab0c1e.png",
            "test_images/0005cfc8afb6.png",
            "test_images/003f0afdcd15.png",
        ),
        right={
            "train_images/000c1434d8d7.png": ("train", "2"),
            "train_images/001639a390f0.png": ("train", "4"),
            "train_images/0024cdab0c1e.png": ("train", "2"),
            "test_images/0005cfc8afb6.png": ("test", None),
            "test_images/003f0afdcd15.png": ("test", None),
        },
        texts={
            "train.csv": "id_code,diagnosis\n000c1434d8d7,2\n001639a390f0,4\n0024cdab0c1e,2\n",
            "test.csv": "id_code\n0005cfc8afb6\n003f0afdcd15\n",
            "sample_submission.csv": "id_code,diagnosis\n0005cfc8afb6,0\n003f0afdcd15,0\n",
        },
    ),
    "Kaggle CIFAR-10": Published(
        images=tuple(_cifar),
        right=_cifar,
        texts={
            "trainLabels.csv": _cifar_list,
            "sampleSubmission.csv": "id,label\n" + "".join(f"{i},cat\n" for i in range(1, 13)),
        },
    ),
    "Kaggle CIFAR-10, list renamed": Published(
        images=tuple(_cifar),
        right=_cifar,
        texts={"key.csv": _cifar_list},
    ),
    "Kaggle plant pathology": Published(
        images=tuple(_plants),
        right=_plants,
        texts={
            "train.csv": "image_id,healthy,multiple_diseases,rust,scab\nTrain_0,0,0,1,0\n"
            "Train_1,0,0,0,1\nTrain_2,1,0,0,0\n",
            "test.csv": "image_id\nTest_0\n",
            "sample_submission.csv": "image_id,healthy,multiple_diseases,rust,scab\n"
            "Test_0,0.25,0.25,0.25,0.25\n",
        },
    ),
    "Kaggle plant pathology 2021": Published(
        images=(
            "train_images/800113bb.jpg",
            "train_images/8002cb32.jpg",
            "train_images/80070f7f.jpg",
        ),
        texts={
            "train.csv": "image,labels\n800113bb.jpg,scab\n8002cb32.jpg,scab rust\n"
            "80070f7f.jpg,rust\n",
        },
        refused="several labels",
    ),
    "HAM10000": Published(
        images=tuple(_ham),
        right=_ham,
        texts={
            "HAM10000_metadata.csv": "lesion_id,image_id,dx,dx_type,age,sex,localization\n"
            + "".join(
                f"HAM_{i // 2},{p[22:-4]},{c},{'histo' if i < 4 else 'consensus'},{80 - 5 * i}.0,"
                f"{'male' if i < 3 else 'female'},{'scalp' if i % 2 else 'ear'}\n"
                for i, (p, (_, c)) in enumerate(_ham.items())
            ),
        },
    ),
    "tiny-imagenet": Published(
        images=tuple(_tiny),
        right=_tiny,
        texts={
            "val/val_annotations.txt": "val_0.JPEG\tn01443537\t0\t32\t44\t62\n"
            "val_1.JPEG\tn01629819\t52\t55\t57\t59\n",
            "train/n01443537/n01443537_boxes.txt": "n01443537_0.JPEG\t0\t10\t63\t58\n"
            "n01443537_1.JPEG\t6\t12\t40\t41\n",
            "wnids.txt": "n01443537\nn01629819\n",
            "words.txt": "n01443537\tgoldfish\nn01629819\tsalamander\n",
        },
    ),
    "GTSRB": Published(
        images=(*_gtsrb, "Meta/0.png", "Meta/1.png", "Meta/2.png"),
        right=_gtsrb,
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
    "GTSRB's final test with semicolons": Published(
        images=tuple(f"Images/0000{i}.ppm" for i in range(4)),
        right={f"Images/0000{i}.ppm": ("train", str((16, 1, 38, 16)[i])) for i in range(4)},
        texts={
            "GT-final.csv": "Filename;Width;Height;Roi.X1;Roi.Y1;Roi.X2;Roi.Y2;ClassId\n"
            "00000.ppm;53;54;6;5;48;49;16\n00001.ppm;42;45;5;5;36;40;1\n"
            "00002.ppm;48;52;6;6;43;47;38\n00003.ppm;27;29;5;5;22;24;16\n",
        },
    ),
    "Fashion product images": Published(
        images=tuple(_fashion),
        right=_fashion,
        texts={
            "styles.csv": "id,gender,masterCategory,subCategory,articleType,baseColour,year\n"
            + "".join(
                f"{p[7:-4]},{'Men' if i % 2 else 'Women'},{'Extra' if c == 'Watches' else 'Cloth'},"
                f"{'Bottomwear' if c == 'Jeans' else 'Top'},{c},{'Red' if i % 4 else 'Grey'},2012\n"
                for i, (p, (_, c)) in enumerate(_fashion.items())
            ),
        },
        refused="which column is the label",
        flags={"label_column": "articleType"},
    ),
    "Hugging Face imagefolder with metadata": Published(
        images=("train/0.jpg", "train/1.jpg", "train/2.jpg", "test/0.jpg", "test/1.jpg"),
        right={
            "train/0.jpg": ("train", "a"),
            "train/1.jpg": ("train", "b"),
            "train/2.jpg": ("train", "a"),
            "test/0.jpg": ("test", "b"),
            "test/1.jpg": ("test", "a"),
        },
        texts={
            "train/metadata.csv": "file_name,label\n0.jpg,a\n1.jpg,b\n2.jpg,a\n",
            "test/metadata.csv": "file_name,label\n0.jpg,b\n1.jpg,a\n",
        },
    ),
    "Hugging Face metadata as JSON lines": Published(
        images=("x/0.jpg", "x/1.jpg", "x/2.jpg"),
        right={"x/0.jpg": ("train", "2"), "x/1.jpg": ("train", "0"), "x/2.jpg": ("train", "2")},
        texts={
            "x/metadata.jsonl": '{"file_name": "0.jpg", "label": 2}\n{"file_name": "1.jpg", '
            '"label": 0}\n{"file_name": "2.jpg", "label": 2}\n',
        },
    ),
    "AutoML import": Published(
        images=tuple(_automl),
        right=_automl,
        texts={
            "import.csv": "TRAIN,gs://bucket/photos/a.jpg,rose\nVALIDATION,gs://bucket/photos/b.jpg,"
            "tulip\nTEST,gs://bucket/photos/c.jpg,rose\nTRAINING,gs://bucket/photos/d.jpg,tulip\n",
        },
    ),
    "Roboflow multi-class": Published(
        images=tuple(_roboflow),
        right=_roboflow,
        texts={f"{f}/_classes.csv": _roboflow_list(f) for f in ("train", "valid", "test")},
    ),
    "birds with splits and paths": Published(
        images=tuple(_birds),
        right=_birds,
        texts={
            "birds.csv": "class id,filepaths,labels,data set,scientific name\n"
            + "".join(
                f"{'JAY OWL'.split().index(c or '')}.0,{p},{c},{p.partition('/')[0]},"
                f"{'Corvus' if c == 'JAY' else 'Strix'}\n"
                for p, (_, c) in _birds.items()
            ),
        },
    ),
    "ImageNet validation by a list of numbers": Published(
        images=tuple(_imagenet_val),
        right=_imagenet_val,
        texts={"val.txt": "".join(f"{p[4:]} {c}\n" for p, (_, c) in _imagenet_val.items())},
    ),
    "ISIC 2019, one-hot": Published(
        images=tuple(_isic_hot),
        right=_isic_hot,
        texts={
            "ISIC_2019_Training_GroundTruth.csv": "image,MEL,NV,BCC,UNK\n"
            + "".join(
                f"ISIC_000000{i},{float(i % 3 == 0)},{float(i % 3 == 1)},{float(i % 3 == 2)},0.0\n"
                for i in range(6)
            ),
        },
    ),
    "CelebA attributes": Published(
        images=_celeba,
        texts={
            "list_attr_celeba.csv": "image_id,Bald,Male,Young\n"
            + "".join(
                f"00000{i}.jpg,{(-1, 1)[i % 2]},{(-1, 1)[i % 3 == 0]},1\n" for i in range(1, 7)
            ),
        },
        refused="which column is the label",
        flags={"label_column": "Male"},
        right={p: ("train", "1" if i % 3 == 0 else "-1") for i, p in enumerate(_celeba, 1)},
    ),
    "CelebA partition coded by numbers": Published(
        images=_celeba,
        texts={
            "list_eval_partition.csv": "image_id,partition\n"
            + "".join(f"00000{i}.jpg,{(i - 1) // 2}\n" for i in range(1, 7)),
        },
        refused="called a split",
    ),
    "UTKFace in parts": Published(images=_utk, refused="several numbers that may be labels"),
    "fastai's is_valid": Published(
        images=tuple(_shuffled),
        right={
            p: ("val" if i >= 6 else "train", c) for i, (p, (_, c)) in enumerate(_shuffled.items())
        },
        texts={
            "train_v2.csv": "image_name,tags,is_valid\n"
            + "".join(f"{i},{'ab'[i % 2]},{i >= 6}\n" for i in range(8)),
        },
    ),
    "Planet with tags": Published(
        images=("train-jpg/train_0.jpg", "train-jpg/train_1.jpg", "train-jpg/train_2.jpg"),
        texts={
            "train_v2.csv": "image_name,tags\ntrain_0,haze primary\ntrain_1,agriculture clear "
            "primary water\ntrain_2,clear primary\n",
        },
        refused="several labels",
    ),
    "ChestX-ray14": Published(
        images=tuple(f"images_00{1 + i % 2}/images/0000000{i}_000.png" for i in range(6)),
        texts={
            "Data_Entry_2017.csv": "Image Index,Finding Labels,Follow-up #,Patient ID\n"
            + "".join(
                f"0000000{i}_000.png,{('Mass', 'Mass|Nodule', 'No Finding')[i % 3]},{i},{i // 2}\n"
                for i in range(6)
            ),
        },
        refused="several labels",
    ),
    "Pokémon by name": Published(
        images=("images/abra.png", "images/absol.png", "images/aggron.png", "images/azelf.png"),
        texts={
            "pokemon.csv": "Name,Type1,Type2\nabra,Psychic,\nabsol,Dark,Ice\n"
            "aggron,Steel,Rock\nazelf,Psychic,\n"
        },
        refused="which column is the label",
        flags={"label_column": "Type1"},
        right={
            "images/abra.png": ("train", "Psychic"),
            "images/absol.png": ("train", "Dark"),
            "images/aggron.png": ("train", "Steel"),
            "images/azelf.png": ("train", "Psychic"),
        },
    ),
    "State Farm drivers": Published(
        images=tuple(f"imgs/train/c{c}/img_{c}{i}.jpg" for c in (0, 1) for i in (1, 2)),
        right={
            f"imgs/train/c{c}/img_{c}{i}.jpg": ("train", f"c{c}") for c in (0, 1) for i in (1, 2)
        },
        texts={
            "driver_imgs_list.csv": "subject,classname,img\np002,c0,img_01.jpg\n"
            "p002,c0,img_02.jpg\np012,c1,img_11.jpg\np014,c1,img_12.jpg\n",
        },
    ),
    "DTD with ten divisions": Published(
        images=tuple(f"images/{c}/{c}_{i}.jpg" for c in ("banded", "dotted") for i in (1, 2)),
        texts={
            "labels/train1.txt": "banded/banded_1.jpg\ndotted/dotted_1.jpg\n",
            "labels/test1.txt": "banded/banded_2.jpg\ndotted/dotted_2.jpg\n",
            "labels/train2.txt": "banded/banded_2.jpg\ndotted/dotted_1.jpg\n",
            "labels/test2.txt": "banded/banded_1.jpg\ndotted/dotted_2.jpg\n",
        },
        refused="both divide the images into splits",
        flags={"lists": ("labels/train1.txt", "labels/test1.txt")},
        right={
            f"images/{c}/{c}_{i}.jpg": (s, c)
            for c in ("banded", "dotted")
            for i, s in ((1, "train"), (2, "test"))
        },
    ),
    "LFW with its pairs": Published(
        images=tuple(f"lfw/{n}/{n}_000{i}.jpg" for n in ("Al_Gore", "Bo_Li") for i in (1, 2)),
        right={
            f"lfw/{n}/{n}_000{i}.jpg": ("train", n) for n in ("Al_Gore", "Bo_Li") for i in (1, 2)
        },
        texts={"pairs.txt": "10\t300\nAl_Gore\t1\t2\nBo_Li\t1\tAl_Gore\t2\n"},
    ),
}

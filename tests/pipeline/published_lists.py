"""Small trees of well-known data sets whose labels are in lists."""

from __future__ import annotations

from tests.pipeline.published import Published, Right, tree

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


_imagenet_val: Right = {
    f"val/ILSVRC2012_val_0000000{i}.JPEG": ("val", str(i % 3)) for i in range(6)
}
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

LISTS: dict[str, Published] = {
    "Oxford pets": tree(
        _pets,
        texts={
            "annotations/list.txt": "#Image CLASS-ID SPECIES BREED ID\n#ID: 1:37 Class ids\n"
            "#SPECIES: 1:Cat 2:Dog\n" + _pets_list(None),
            "annotations/trainval.txt": _pets_list("train"),
            "annotations/test.txt": _pets_list("test"),
        },
        refused="which column is the label",
        flags={"label_column": "1"},
    ),
    "Kaggle dog breeds": tree(
        {
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
    "Kaggle Cassava": tree(
        {
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
    "Kaggle APTOS": tree(
        {
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
    "Kaggle CIFAR-10": tree(
        _cifar,
        texts={
            "trainLabels.csv": _cifar_list,
            "sampleSubmission.csv": "id,label\n" + "".join(f"{i},cat\n" for i in range(1, 13)),
        },
    ),
    "Kaggle CIFAR-10, list renamed": tree(
        _cifar,
        texts={"key.csv": _cifar_list},
    ),
    "Kaggle plant pathology": tree(
        _plants,
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
    "HAM10000": tree(
        _ham,
        texts={
            "HAM10000_metadata.csv": "lesion_id,image_id,dx,dx_type,age,sex,localization\n"
            + "".join(
                f"HAM_{i // 2},{p[22:-4]},{c},{'histo' if i < 4 else 'consensus'},{80 - 5 * i}.0,"
                f"{'male' if i < 3 else 'female'},{'scalp' if i % 2 else 'ear'}\n"
                for i, (p, (_, c)) in enumerate(_ham.items())
            ),
        },
    ),
    "GTSRB's final test with semicolons": tree(
        {f"Images/0000{i}.ppm": ("train", str((16, 1, 38, 16)[i])) for i in range(4)},
        texts={
            "GT-final.csv": "Filename;Width;Height;Roi.X1;Roi.Y1;Roi.X2;Roi.Y2;ClassId\n"
            "00000.ppm;53;54;6;5;48;49;16\n00001.ppm;42;45;5;5;36;40;1\n"
            "00002.ppm;48;52;6;6;43;47;38\n00003.ppm;27;29;5;5;22;24;16\n",
        },
    ),
    "Fashion product images": tree(
        _fashion,
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
    "Hugging Face imagefolder with metadata": tree(
        {
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
    "Hugging Face metadata as JSON lines": tree(
        {"x/0.jpg": ("train", "2"), "x/1.jpg": ("train", "0"), "x/2.jpg": ("train", "2")},
        texts={
            "x/metadata.jsonl": '{"file_name": "0.jpg", "label": 2}\n{"file_name": "1.jpg", '
            '"label": 0}\n{"file_name": "2.jpg", "label": 2}\n',
        },
    ),
    "AutoML import": tree(
        _automl,
        texts={
            "import.csv": "TRAIN,gs://bucket/photos/a.jpg,rose\nVALIDATION,gs://bucket/photos/b.jpg,"
            "tulip\nTEST,gs://bucket/photos/c.jpg,rose\nTRAINING,gs://bucket/photos/d.jpg,tulip\n",
        },
    ),
    "Roboflow multi-class": tree(
        _roboflow,
        texts={f"{f}/_classes.csv": _roboflow_list(f) for f in ("train", "valid", "test")},
    ),
    "ImageNet validation by a list of numbers": tree(
        _imagenet_val,
        texts={"val.txt": "".join(f"{p[4:]} {c}\n" for p, (_, c) in _imagenet_val.items())},
    ),
    "ISIC 2019, one-hot": tree(
        _isic_hot,
        texts={
            "ISIC_2019_Training_GroundTruth.csv": "image,MEL,NV,BCC,UNK\n"
            + "".join(
                f"ISIC_000000{i},{float(i % 3 == 0)},{float(i % 3 == 1)},{float(i % 3 == 2)},0.0\n"
                for i in range(6)
            ),
        },
    ),
    "CelebA attributes": tree(
        {p: ("train", "1" if i % 3 == 0 else "-1") for i, p in enumerate(_celeba, 1)},
        texts={
            "list_attr_celeba.csv": "image_id,Bald,Male,Young\n"
            + "".join(
                f"00000{i}.jpg,{(-1, 1)[i % 2]},{(-1, 1)[i % 3 == 0]},1\n" for i in range(1, 7)
            ),
        },
        refused="which column is the label",
        flags={"label_column": "Male"},
    ),
    "CelebA partition coded by numbers": Published(
        images=_celeba,
        texts={
            "list_eval_partition.csv": "image_id,partition\n"
            + "".join(f"00000{i}.jpg,{(i - 1) // 2}\n" for i in range(1, 7)),
        },
        refused="called a split",
    ),
    "fastai's is_valid": tree(
        {p: ("val" if i >= 6 else "train", c) for i, (p, (_, c)) in enumerate(_shuffled.items())},
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
    "Pokémon by name": tree(
        {
            "images/abra.png": ("train", "Psychic"),
            "images/absol.png": ("train", "Dark"),
            "images/aggron.png": ("train", "Steel"),
            "images/azelf.png": ("train", "Psychic"),
        },
        texts={
            "pokemon.csv": "Name,Type1,Type2\nabra,Psychic,\nabsol,Dark,Ice\n"
            "aggron,Steel,Rock\nazelf,Psychic,\n"
        },
        refused="which column is the label",
        flags={"label_column": "Type1"},
    ),
}

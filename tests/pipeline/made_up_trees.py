"""Makes trees of folders up, alone and with lists, whose labels and splits are known."""

from __future__ import annotations

import random

from hypothesis import strategies as st

from tests.pipeline.made_up_lists import MadeUp

_SPLIT_STYLES = {
    "exact": {"train": "train", "val": "val", "test": "test"},
    "capitals": {"train": "Train", "val": "Valid", "test": "TEST"},
    "set": {"train": "training_set", "val": "validation_set", "test": "test_set"},
    "seg": {"train": "seg_train", "val": "seg_val", "test": "seg_test"},
    "images": {"train": "train_images", "val": "val_images", "test": "test_images"},
    "twice": {"train": "train/train", "val": "val/val", "test": "test/test"},
    "wrapped": {"train": "set/v1/train", "val": "set/v1/val", "test": "set/v1/test"},
}
_CLASS_SETS = (
    ("cat", "dog", "owl"),
    ("bus", "car", "train"),
    ("test tubes", "train station", "harbour"),
    ("0", "1", "2"),
    ("n01440764", "n02102040", "n02979186"),
    ("class 1", "class 2", "class 10"),
    ("Cat", "cat", "dog"),
    ("fruit/apple", "fruit/pear", "milk"),
)


@st.composite
def class_trees(draw: st.DrawFn) -> MadeUp:
    """Class folders with splits or without, and a list that agrees, differs or divides."""
    rng = random.Random(draw(st.integers(0, 2**32)))
    classes = draw(st.sampled_from(_CLASS_SETS))
    style = draw(st.sampled_from((*_SPLIT_STYLES, "none", "below")))
    used = draw(st.sampled_from((("train", "test"), ("train", "val", "test"))))
    shared_names = draw(st.booleans())
    labels: dict[str, str] = {}
    splits: dict[str, str] = {}
    number = 0
    for split in used if style != "none" else ("train",):
        for name in classes:
            for i in range(draw(st.integers(1, 3))):
                number += 1
                file = f"{i if shared_names else number}.jpg"
                if style == "none":
                    path = f"{name}/{file}"
                elif style == "below":
                    path = f"{name}/{split}/{file}"
                else:
                    path = f"{_SPLIT_STYLES[style][split]}/{name}/{file}"
                labels[path] = name.rpartition("/")[2]
                splits[path] = split
    paths = list(labels)
    texts = {}
    codes = {name: str(i) for i, name in enumerate(sorted({*labels.values()}))}
    kind = draw(st.sampled_from(("none", "agrees", "codes", "divides", "other")))
    if kind != "none":
        rng.shuffle(paths)
        rows = [["path", "label", "split"]]
        for i, path in enumerate(paths):
            label = labels[path]
            if kind == "codes":
                label = codes[label]
            if kind == "divides" and style == "none":
                splits[path] = ("train", "val")[i % 2]
            rows.append([path, label, splits[path]])
        if kind in ("agrees", "codes"):
            rows = [row[:2] for row in rows]
        if kind == "divides":
            rows = [[row[0], row[2]] for row in rows]
        if kind == "other":
            rows = [["path", "width"], *([path, str(rng.choice((30, 31, 32)))] for path in paths)]
        texts["list.csv"] = "".join(",".join(row) + "\n" for row in rows).encode()
    return MadeUp(
        images=paths, texts=texts, labels=labels, splits=splits,
        codes={path: codes[label] for path, label in labels.items()},
        shape=f"classes {classes} splits {style} {used} list {kind}",
    )  # fmt: skip


@st.composite
def shared_ids(draw: st.DrawFn) -> MadeUp:
    """Kaggle's way: numbers as names in each split's folder, and a list about one of them."""
    rng = random.Random(draw(st.integers(0, 2**32)))
    num_train, num_test = draw(st.integers(3, 12)), draw(st.integers(3, 24))
    extension = draw(st.sampled_from((".jpg", ".png", "")))
    name = draw(st.sampled_from(("trainLabels.csv", "train.csv", "labels.csv", "key.txt")))
    train_folder, test_folder = draw(
        st.sampled_from((("train", "test"), ("train_images", "test_images"), ("a", "b")))
    )
    rows, labels = [], {}
    images = []
    for i in range(num_train):
        label = "xy"[i] if i < 2 else rng.choice("xyz")
        rows.append(f"{i}{extension},{label}")
        path = f"{train_folder}/{i}.{extension.strip('.') or 'png'}"
        # One name at least that both folders have: else nobody could tell.
        if i == 0 or rng.random() > draw(st.sampled_from((0, 0.3))):
            images.append(path)
            labels[path] = label
    images += [f"{test_folder}/{i}.{extension.strip('.') or 'png'}" for i in range(num_test)]
    rng.shuffle(rows)
    heading = draw(st.sampled_from(("id,label\n", "")))
    text = heading + "\n".join(rows) + "\n"
    return MadeUp(
        images=images, texts={name: text.encode()}, labels=labels,
        shape=f"{train_folder} {num_train} {test_folder} {num_test} {name}",
    )  # fmt: skip


@st.composite
def one_hot(draw: st.DrawFn) -> MadeUp:
    """Columns of 0 and 1 beside others."""
    rng = random.Random(draw(st.integers(0, 2**32)))
    names = draw(
        st.sampled_from((("rust", "scab", "healthy"), ("yes", "no"), ("a", "b", "c", "d")))
    )
    several = draw(st.sampled_from((0, 0, 0.2)))
    count = draw(st.integers(3, 20))
    labels: dict[str, str] = {}
    heading = ["image", *names]
    extra = draw(st.sampled_from(("", "flag", "width", "caption")))
    lines = []
    for i in range(count):
        ones = {rng.choice(names)}
        while rng.random() < several:
            ones.add(rng.choice(names))
        cells = [f"im_{i}.jpg", *("1" if name in ones else "0" for name in names)]
        if extra:
            cells.append(
                {
                    "flag": rng.choice("01"),
                    "width": rng.choice(("30", "40", "50")),
                    "caption": f"picture {rng.random()}",
                }[extra]
            )
        lines.append(cells)
        labels[f"p/im_{i}.jpg"] = next(iter(ones)) if len(ones) == 1 else "several"
    order = draw(st.permutations(range(len(heading) + bool(extra))))
    table = [heading + [extra] * bool(extra), *lines]
    text = "".join(",".join(row[i] for i in order) + "\n" for row in table)
    return MadeUp(
        images=list(labels), texts={"labels.csv": text.encode()}, labels=labels,
        shape=f"one-hot {names} {extra} {several}",
    )  # fmt: skip


@st.composite
def train_and_test(draw: st.DrawFn) -> MadeUp:
    """A list for each split, the second without labels, and a submission's form beside them."""
    rng = random.Random(draw(st.integers(0, 2**32)))
    one_folder = draw(st.booleans())
    shared = draw(st.booleans()) and not one_folder
    extra = draw(st.lists(st.sampled_from(("width", "source", "patient", "flag")), unique=True))
    label = draw(st.sampled_from(("label", "diagnosis", "grade")))
    extension = draw(st.sampled_from((".png", "")))
    order = draw(st.permutations(range(2 + len(extra))))
    labels: dict[str, str] = {}
    splits: dict[str, str] = {}
    texts: dict[str, bytes] = {}
    for split, count in (("train", draw(st.integers(4, 12))), ("test", draw(st.integers(2, 12)))):
        rows = [["id", label, *extra]]
        for i in range(count):
            stem = str(i if shared else i + 100 * (split == "test"))
            name = rng.choice("abc") if i > 1 else "ab"[i]
            cells = {"width": rng.choice(("30", "40")), "source": rng.choice(("web", "cam")),
                     "patient": f"P{rng.randrange(5)}", "flag": rng.choice("01")}  # fmt: skip
            rows.append([stem + extension, name, *(cells[key] for key in extra)])
            path = f"{'images' if one_folder else split + '_images'}/{stem}.png"
            if i == 0 or rng.random() > draw(st.sampled_from((0, 0.2))):
                splits[path] = split
                if split == "train":
                    labels[path] = name
        if split == "test":
            rows = [[cell for k, cell in enumerate(row) if k != 1] for row in rows]
            form = f"id,{label}\n" + "".join(f"{row[0]},a\n" for row in rows[1:])
            texts["sample_submission.csv"] = form.encode()
        else:
            rows = [[row[k] for k in order] for row in rows]
        texts[f"{split}.csv"] = "".join(",".join(row) + "\n" for row in rows).encode()
    return MadeUp(
        images=list(splits), texts=texts, labels=labels, splits=splits,
        shape=f"train and test {one_folder} {shared} {extra} {label} {order}",
    )  # fmt: skip

"""Makes data sets up, with lists whose right labels and splits are known by construction."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import strategies as st

CLASSES = {
    "words": ("cat", "dog", "owl", "jay"),
    "two words": ("golden retriever", "sea lake", "barn owl", "red fox"),
    "accents": ("café", "crème", "œuf", "thé"),
    "numbers": ("0", "1", "2", "3"),
    "large numbers": ("12", "7", "40", "3"),
    "commas": ("corn, sweet", "rice", "tea; green", "oats"),
}
_LABEL_HEADINGS = ("label", "class", "category", "ClassId", "species", "target", "class_name", "zz")
_PATH_HEADINGS = ("filename", "image_id", "id", "path", "image", "file_name", "qq", "id_code")
_ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "cp1252")
_SPLIT_VALUES = (("train", "test"), ("training", "validation"), ("TRAIN", "VAL", "TEST"))
_CANONICAL = {"train": "train", "training": "train", "val": "val", "validation": "val"}


@dataclass(frozen=True, kw_only=True)
class MadeUp:
    """A data set.

    Attributes:
        images: paths, in any order.
        texts: name of each list and its bytes.
        labels: image to class, for those that the list names.
        splits: image to split, where a column says it.
        codes: image to what a list calls its class, where folders have a name for it.
        shape: what was drawn, for messages.
    """

    images: list[str]
    texts: dict[str, bytes]
    labels: dict[str, str]
    splits: dict[str, str] = field(default_factory=dict)
    codes: dict[str, str] = field(default_factory=dict)
    shape: str = ""

    def write(self, root: Path) -> None:
        for image in self.images:
            (root / image).parent.mkdir(parents=True, exist_ok=True)
            (root / image).write_bytes(b"")
        for name, data in self.texts.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(data)


def _paths(rng: random.Random, count: int, naming: str, folders: str) -> list[str]:
    """Image paths; the same name may lie in several folders only where they are class-like."""
    if naming == "numbers":
        stems = [str(i) for i in range(count)]
    elif naming == "padded":
        stems = [f"{i:05}" for i in range(count)]
    elif naming == "words":
        stems = [f"IMG_{rng.randrange(16**6):06x}_{i}" for i in range(count)]
    else:
        stems = [f"a photo ({i})" for i in range(count)]
    rng.shuffle(stems)
    tops = {
        "one": ["images"], "none": [""], "deep": ["data/images/jpg"],
        "parts": ["images_part_1", "images_part_2"], "splits": ["train", "test"],
    }[folders]  # fmt: skip
    extension = rng.choice((".jpg", ".png", ".JPG"))
    paths = [f"{tops[i % len(tops)]}/{stem}{extension}" for i, stem in enumerate(stems)]
    return [path.lstrip("/") for path in paths]


def _entry(rng: random.Random, path: str, style: str) -> str:
    name = path.rpartition("/")[2]
    stem = name.rpartition(".")[0]
    if style == "path":
        return path
    if style == "absolute":
        return f"/kaggle/input/x/{path}"
    if style == "windows":
        return "C:\\data\\" + path.replace("/", "\\")
    if style == "name":
        return name
    if style == "stripped":
        return stem.lstrip("0") or "0"
    return stem


def _distractor(rng: random.Random, kind: str, rows: int, entries: list[str]) -> list[str]:
    """Cells of a column that is neither path nor label."""
    if kind == "index":
        return [str(i) for i in range(rows)]
    if kind == "shuffled ids":
        return [str(i) for i in rng.sample(range(rows), rows)]
    if kind == "padded ids":
        return [f"{i:05}" for i in rng.sample(range(rows), rows)]
    if kind == "width":
        return [str(rng.choice((224, 256, 300, 301, 302))) for _ in range(rows)]
    if kind == "fraction":
        return [f"{rng.random():.4f}" for _ in range(rows)]
    if kind == "source":
        return [rng.choice(("web", "camera", "phone")) for _ in range(rows)]
    if kind == "constant":
        return ["yes"] * rows
    if kind == "empty":
        return [""] * rows
    if kind == "small numbers":
        return [str(rng.randrange(4)) for _ in range(rows)]
    if kind == "url":
        return [f"https://example.org/{rng.randrange(10**6)}/{i}.jpg" for i in range(rows)]
    if kind == "other image":
        return rng.sample(entries, rows)
    return [f"a {rng.choice(('big', 'small'))} thing {rng.randrange(10**6)}" for _ in range(rows)]


DISTRACTORS = (
    "index", "shuffled ids", "padded ids", "width", "fraction", "source", "constant", "empty",
    "small numbers", "url", "other image", "caption",
)  # fmt: skip
_SEPARATORS = {"comma": ",", "tab": "\t", "semicolon": ";"}


@st.composite
def made_up(draw: st.DrawFn) -> MadeUp:
    """Any data set with one list that labels its images."""
    rng = random.Random(draw(st.integers(0, 2**32)))
    count = draw(st.integers(4, 24))
    naming = draw(st.sampled_from(("numbers", "padded", "words", "spaces")))
    folders = draw(st.sampled_from(("one", "none", "deep", "parts", "splits")))
    styles = ["path", "absolute", "windows", "name", "stem", "stripped"]
    style = draw(st.sampled_from(styles))
    kind = draw(st.sampled_from(sorted(CLASSES)))
    paths = _paths(rng, count, naming, folders)
    num_classes = draw(st.integers(2, 4))
    names = [rng.choice(CLASSES[kind][:num_classes]) for _ in paths]
    listed = [i for i in range(count) if rng.random() > draw(st.sampled_from((0, 0.2)))] or [0]
    entries = [_entry(rng, paths[i], style) for i in listed]
    columns = {"path": entries, "label": [names[i] for i in listed]}
    for kind_of in draw(st.lists(st.sampled_from(DISTRACTORS), max_size=3, unique=True)):
        columns[kind_of] = _distractor(rng, kind_of, len(listed), entries)
    splits = {}
    if draw(st.booleans()) and folders != "splits":
        values = draw(st.sampled_from(_SPLIT_VALUES))
        columns["split"] = [rng.choice(values) for _ in listed]
        if len(set(columns["split"])) > 1:
            splits = {
                paths[i]: _CANONICAL.get(value.lower(), "test")
                for i, value in zip(listed, columns["split"], strict=True)
            }
        else:
            del columns["split"]
    missing = [paths[i] for i in listed if rng.random() < draw(st.sampled_from((0, 0.1, 0.4)))]
    order = draw(st.permutations(sorted(columns)))
    heading = {
        "path": draw(st.sampled_from(_PATH_HEADINGS)),
        "label": draw(st.sampled_from(_LABEL_HEADINGS)),
    }
    separator = draw(st.sampled_from(sorted(_SEPARATORS)))
    with_heading = draw(st.sampled_from((True, True, True, False)))
    encoding = draw(st.sampled_from(_ENCODINGS))
    text = _text(columns, order, heading if with_heading else None, separator, draw(st.booleans()))
    name = draw(st.sampled_from(("labels.csv", "train.csv", "meta/list.txt", "data.tsv")))
    gone = set(missing)
    kept = [path for path in paths if path not in gone] or paths[:1]
    split_of_list = "train" if name == "train.csv" else None
    labels = {paths[i]: names[i] for i in listed if paths[i] in kept}
    splits = {path: split for path, split in splits.items() if path in kept}
    return MadeUp(
        images=kept, texts={name: text.encode(encoding)}, labels=labels, splits=splits,
        shape=f"{naming} {folders} {style} {kind} {order} {heading} {name} {split_of_list}",
    )  # fmt: skip


def _text(
    columns: dict[str, list[str]], order: list[str], heading: dict[str, str] | None,
    separator: str, crlf: bool,
) -> str:  # fmt: skip
    mark = _SEPARATORS[separator]
    lines = []
    if heading is not None:
        lines.append(mark.join(_quoted(heading.get(key, key), mark) for key in order))
    for row in zip(*(columns[key] for key in order), strict=True):
        lines.append(mark.join(_quoted(cell, mark) for cell in row))
    return ("\r\n" if crlf else "\n").join(lines) + "\n"


def _quoted(cell: str, mark: str) -> str:
    return f'"{cell}"' if mark in cell else cell

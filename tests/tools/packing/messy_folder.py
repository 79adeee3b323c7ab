"""A folder with a little of everything that a report has to tell."""

from pathlib import Path

from tests.builders import jpeg_bytes, photo

CLASSES = ("Apple", "apple", "Ice cream", "ice_cream", "Pear")


def make_messy_folder(root: Path) -> Path:
    """Makes it and returns it: two splits of five classes, leakage, damage, strays."""
    good = [jpeg_bytes(photo(i, 30, 40)) for i in range(40)]
    number = iter(range(40))
    files = {
        f"{split}/{title}/{split}_{title.replace(' ', '')}_{i:04d}.jpg": good[next(number)]
        for split, count in (("train", 5), ("val", 3))
        for title in CLASSES
        for i in range(count)
    }
    files |= {
        "val/Apple/copy.jpg": files["train/Apple/train_Apple_0000.jpg"],
        "train/apple/other.jpg": files["train/Pear/train_Pear_0001.jpg"],
        "train/apple/train_Pear_0002.jpg": jpeg_bytes(photo(99, 30, 40)),
        "train/Pear/cut.jpg": good[0][: len(good[0]) // 2],
        "train/Pear/empty.jpg": b"",
        "train/Pear/void.jpg": b"",
        "README.txt": b"hello",
    }
    files |= {f"extra/of last year/{i}.jpg": good[i] for i in range(12)}
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    (root / "train" / "Pear" / "gone.jpg").symlink_to("nowhere.jpg")
    return root

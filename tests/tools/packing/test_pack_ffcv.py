"""FFCV's own Loader reads our files: pixels and labels, from the page cache and by pages."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import simplejpeg
from PIL import Image

from headrace.pipeline.containers.beton import HEADER
from headrace.pipeline.containers.storage import MappedStorage
from headrace.pipeline.records import Records
from headrace.tools.pack import main
from tests.builders import photo

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("ffcv") is None, reason="ffcv is not installed"
)

# In a process of its own: FFCV changes torch's thread count and leaves compiled state behind.
READER = """
import sys
import numpy as np
from ffcv.fields.basics import IntDecoder
from ffcv.fields.rgb_image import SimpleRGBImageDecoder
from ffcv.loader import Loader, OrderOption
path, cache, out = sys.argv[1], sys.argv[2] == "cache", sys.argv[3]
loader = Loader(path, batch_size=7, num_workers=1, order=OrderOption.SEQUENTIAL, os_cache=cache,
                drop_last=False,
                pipelines={"image": [SimpleRGBImageDecoder()], "label": [IntDecoder()]})
images, labels = [], []
for image, label in loader:
    images.append(image.copy())
    labels.append(label.copy())
np.savez(out, images=np.concatenate(images), labels=np.concatenate(labels)[:, 0])
"""


def _make_folder(root: Path, count: int) -> list[np.ndarray]:
    rng = np.random.default_rng(3)
    images = []
    for i in range(count):
        coarse = rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)
        image = np.kron(coarse, np.ones((16, 16, 1), np.uint8))
        folder = root / ("train" if i < count - 5 else "val") / "abc"[i % 3]
        folder.mkdir(parents=True, exist_ok=True)
        data = simplejpeg.encode_jpeg(image, 95, colorsubsampling=("444", "420")[i % 2])
        (folder / f"{i}.jpg").write_bytes(data)
        images.append(simplejpeg.decode_jpeg(data, fastdct=True))
    return images


def _read(path: Path, how: str, out: Path, reader: str = READER) -> tuple[np.ndarray, np.ndarray]:
    subprocess.run([sys.executable, "-c", reader, str(path), how, str(out)], check=True)
    with np.load(out) as found:
        return found["images"], found["labels"]


def test_ffcv_passes_over_levels(tmp_path: Path) -> None:
    """Pages of the least size, between which pages of levels come."""
    images = [photo(i, 700, 700) for i in range(36)]
    folder = tmp_path / "data" / "train" / "a"
    folder.mkdir(parents=True)
    for i, image in enumerate(images):
        # Of 0.4 MB and more: several pages.
        data = simplejpeg.encode_jpeg(image, 100, colorsubsampling="444")
        (folder / f"{i:02}.jpg").write_bytes(data)
        images[i] = simplejpeg.decode_jpeg(data, fastdct=True)
    out = tmp_path / "out.beton"
    options = ["--levels", "auto", "--level-quality", "100", "--page-size", "2", "--max-side", "0"]
    assert main([str(tmp_path / "data"), str(out), *options]) == 0
    with Records.open(out) as records:
        assert records.levels.shape[1] == 3 and records.levels.all()
        storage = records.storage
        assert isinstance(storage, MappedStorage) and storage.levels is not None
        assert storage.levels.ptrs.min() < storage.ptrs.max()
    pixels, labels = _read(out, "pages", tmp_path / "read.npz")
    assert len(labels) == 36
    for row, image in zip(pixels, images, strict=True):
        assert np.array_equal(row, image)


@pytest.mark.parametrize(("kind", "how"), [("jpeg", "cache"), ("raw", "pages")])
def test_ffcv_reads_what_we_pack(tmp_path: Path, kind: str, how: str) -> None:
    source, out = tmp_path / "data", tmp_path / "out.beton"
    # Raw: 90 images of 36 kB in pages of 2 MiB, so that some would straddle two.
    count = 90 if kind == "raw" else 20
    images = _make_folder(source, count)
    assert main([str(source), str(out), "--format", kind, "--page-size", "2"]) == 0
    pixels, labels = _read(out, how, tmp_path / "read.npz")
    order = sorted(range(count), key=lambda i: (i >= count - 5, i % 3, i))
    assert labels.tolist() == [i % 3 for i in order]
    assert len(pixels) == count
    for row, i in zip(pixels, order, strict=True):
        difference = np.abs(row.astype(int) - images[i])
        assert difference.max() <= (0 if kind == "jpeg" else 3)


def test_ffcv_reads_pages_that_grew(tmp_path: Path) -> None:
    """Each image has one colour; one in the middle does not fit in the pages before it."""
    folder = tmp_path / "data" / "a"
    folder.mkdir(parents=True)
    sides = [100] * 200 + [1700] + [100] * 200
    for i, side in enumerate(sides):
        Image.new("RGB", (side, side), (i % 256, i // 256, 7)).save(folder / f"{i:03d}.bmp")
    out = tmp_path / "out.beton"
    assert main([str(tmp_path / "data"), str(out), "--format", "raw", "--max-side", "0"]) == 0
    assert np.fromfile(out, HEADER, 1)[0]["page_size"] == 16 << 20
    crops = READER.replace("SimpleRGBImageDecoder()", "CenterCropRGBImageDecoder((50, 50), 1)")
    crops = crops.replace("SimpleRGB", "CenterCropRGB")
    for how in ("cache", "pages"):
        images, _ = _read(out, how, tmp_path / f"{how}.npz", crops)
        assert images.shape == (401, 50, 50, 3)
        assert (images == images[:, :1, :1]).all()
        assert images[:, 0, 0].tolist() == [[i % 256, i // 256, 7] for i in range(401)]

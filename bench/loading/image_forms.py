"""The forms that loaders need images in, each made once: .beton, folder, shards, chunks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from headrace.bench.loading.image_sets import ImageSet
from headrace.bench.loading.loader_process import LoaderProcess
from headrace.bench.loading.loader_under_test import Reads
from headrace.bench.loading.repeat_records import repeat_records
from headrace.bench.loading.sources import PEERS
from headrace.pipeline.errors import HeadraceError
from headrace.pipeline.layouts.discovery import discover
from headrace.pipeline.records import Records

SAMPLE_IMAGES = {"train": 440, "valid": 11, "test": 11}
_READ_BYTES = 1 << 24


class ImageForms:
    """Makes the forms that loaders need below a scratch folder, each once.

    Args:
        scratch: an empty folder; removing it is the caller's.
    """

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch.resolve()
        self._made: dict[tuple[object, ...], Path] = {}

    def sample(self, workers: int) -> Path:
        """Draws a small part of the sample data set."""
        out = self._scratch / "sample"
        counts = [f"--{split}={count}" for split, count in SAMPLE_IMAGES.items()]
        _run_tool("headrace.tools.sample", str(out), *counts, f"--workers={workers}")
        return out

    def pack(self, folder: Path) -> Path:
        """Packs a folder with the packer's own defaults."""
        out = self._scratch / f"{folder.name or 'images'}.beton"
        _run_tool("headrace.tools.pack", str(folder.resolve()), str(out))
        return out

    def path(self, image_set: ImageSet, reads: Reads, repeat: int = 1) -> Path:
        """Where a loader that reads this form finds the image_set.

        A .beton has its images repeated in itself; the other forms are read repeatedly.
        """
        if reads == "beton":
            return self._beton(image_set, repeat)
        key = (image_set, reads)
        if key not in self._made:
            folder = self.folder(image_set)
            self._made[key] = folder
            if reads != "folder":
                self._made[key] = self._prepared(folder, reads)
        return self._made[key]

    def _beton(self, image_set: ImageSet, repeat: int) -> Path:
        """The file as it is where that is what is wanted, else one with other tables."""
        key = (image_set, "beton", repeat)
        if key not in self._made:
            count = image_set.images * repeat
            with Records.open(image_set.path) as records:
                as_it_is = count == len(records.split(image_set.split))
            out = image_set.path
            if not as_it_is:
                out = self._scratch / f"{len(self._made)}-{image_set.records}-x{repeat}.beton"
                repeat_records(image_set.path, out, split=image_set.split, count=count)
            self._made[key] = out
        return self._made[key]

    def folder(self, image_set: ImageSet, repeat: int = 1) -> Path:
        """A tree `class/image`: links to the original files, each `repeat` times, or the packed
        bytes as files."""
        key = (image_set, "folder", repeat)
        if key not in self._made:
            out = self._scratch / f"{len(self._made)}-{image_set.records}-x{repeat}"
            if image_set.folder:
                _link_files(image_set, out, repeat)
            else:
                _export_jpegs(image_set, out)
            self._made[key] = out
        return self._made[key]

    def _prepared(self, folder: Path, reads: Reads) -> Path:
        module = next(module for module, form in PEERS.values() if form == reads)
        out = folder.with_name(f"{folder.name}-{reads}")
        with LoaderProcess(f"preparing {reads}") as process:
            process.prepare(module, folder, out)
        return out


def _run_tool(module: str, *arguments: str) -> None:
    """Runs one of our commands; its progress goes to the screen, its report does not.

    Raises:
        HeadraceError: if it fails.
    """
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, cwd=root, stdout=subprocess.DEVNULL)
    if done.returncode:
        raise HeadraceError(f"{module} ended with status {done.returncode}; see above")


def _link_files(image_set: ImageSet, out: Path, repeat: int) -> None:
    listing = discover(image_set.path)
    start = listing.splits[image_set.split][0]
    for turn in range(repeat):
        for i in range(image_set.images):
            original = (listing.root / listing.paths[start + i]).resolve()
            label = int(listing.labels[start + i])
            link = _place(out, label, turn * image_set.images + i, original.suffix.lower())
            link.symlink_to(original)


def _export_jpegs(image_set: ImageSet, out: Path) -> None:
    with Records.open(image_set.path) as records:
        for i in records.split(image_set.split)[: image_set.images]:
            _place(out, int(records.labels[i]), i, ".jpg").write_bytes(records.view(i).tobytes())


def _place(out: Path, label: int, index: int, suffix: str) -> Path:
    folder = out / (f"{label:05d}" if label >= 0 else "none")
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{index:08d}{suffix}"


def warm_page_cache(path: Path) -> None:
    """Reads a file or the files of a folder once, so that no loader pays for the disk."""
    files = [path] if path.is_file() else sorted(f for f in path.rglob("*") if f.is_file())
    for file in files:
        with file.open("rb") as opened:
            while opened.read(_READ_BYTES):
                pass

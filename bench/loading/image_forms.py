"""The images that a benchmark runs on, and the forms that its loaders need them in."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from headrace.bench.core.isolated_process import Isolated
from headrace.bench.loading.loader_under_test import PEERS, Reads
from headrace.bench.loading.repeat_records import retable
from headrace.pipeline.errors import ConfigError, HeadraceError
from headrace.pipeline.layouts.discovery import discover
from headrace.pipeline.manifest import DEFAULT_SPLIT
from headrace.pipeline.records import Records

SAMPLE_IMAGES = {"train": 440, "valid": 11, "test": 11}
_READ_BYTES = 1 << 24


@dataclass(frozen=True, kw_only=True)
class Subject:
    """One set of images.

    Attributes:
        records: what the results call it: `jpeg-500`, `raw-256`, `folder` and the like.
        path: of the .beton or of the folder.
        split: that is loaded.
        images: in that split, as far as they are used.
        raw: stored without compression.
        folder: it is the original folder, not packed.
    """

    records: str
    path: Path
    split: str
    images: int
    raw: bool = False
    folder: bool = False


def packed_subject(path: Path, split: str, limit: int) -> Subject:
    """A .beton as a subject; see `choose_split`.

    Raises:
        HeadraceError: if it cannot be opened, is no .beton or is empty.
    """
    with Records.open(path) as records:
        if records.kind != "beton":
            raise ConfigError(f"{path} is not a .beton file; pass a folder with --folder")
        name = choose_split(tuple(records.splits), split, path)
        images = len(records.split(name))
        if not images:
            raise ConfigError(f"split {name!r} of {path} has no images")
        return Subject(
            records=records_name(records),
            path=path,
            split=name,
            images=min(images, limit or images),
            raw=bool(records.modes.all()),
        )


def records_name(records: Records) -> str:
    """`jpeg-500`: how the samples are encoded and the largest side they may have, px."""
    encoding = records.manifest.encoding
    form = str(encoding.get("format") or ("raw" if records.modes.all() else "jpeg"))
    side = encoding.get("max_side")
    if not isinstance(side, int) or side <= 0:
        side = int(max(records.heights.max(), records.widths.max()))
    return f"{form}-{side}"


def choose_split(splits: tuple[str, ...], wanted: str, path: Path) -> str:
    """The wanted split; if there is none, and none was asked for, the first.

    Raises:
        ConfigError: if there is no such split.
    """
    if wanted in splits:
        return wanted
    if wanted == DEFAULT_SPLIT and splits:
        return splits[0]
    raise ConfigError(f"{path} has no split {wanted!r}; it has {', '.join(splits)}")


def folder_subject(path: Path, split: str, limit: int) -> Subject:
    """An image folder as a subject.

    Raises:
        HeadraceError: if there are no images.
    """
    listing = discover(path)
    name = choose_split(tuple(listing.splits), split, path)
    start, stop = listing.splits[name]
    if start == stop:
        raise ConfigError(f"split {name!r} of {path} has no images")
    images = min(stop - start, limit or stop - start)
    return Subject(records="folder", path=path, split=name, images=images, folder=True)


class Workshop:
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

    def path(self, subject: Subject, reads: Reads, repeat: int = 1) -> Path:
        """Where a loader that reads this form finds the subject.

        A .beton has its images repeated in itself; the other forms are read repeatedly.
        """
        if reads == "beton":
            return self._beton(subject, repeat)
        key = (subject, reads)
        if key not in self._made:
            folder = self.folder(subject)
            self._made[key] = folder
            if reads != "folder":
                self._made[key] = self._prepared(folder, reads)
        return self._made[key]

    def _beton(self, subject: Subject, repeat: int) -> Path:
        """The file as it is where that is what is wanted, else one with other tables."""
        key = (subject, "beton", repeat)
        if key not in self._made:
            count = subject.images * repeat
            with Records.open(subject.path) as records:
                as_it_is = count == len(records.split(subject.split))
            out = subject.path
            if not as_it_is:
                out = self._scratch / f"{len(self._made)}-{subject.records}-x{repeat}.beton"
                retable(subject.path, out, split=subject.split, count=count)
            self._made[key] = out
        return self._made[key]

    def folder(self, subject: Subject, repeat: int = 1) -> Path:
        """A tree `class/image`: links to the original files, each `repeat` times, or the packed
        bytes as files."""
        key = (subject, "folder", repeat)
        if key not in self._made:
            out = self._scratch / f"{len(self._made)}-{subject.records}-x{repeat}"
            if subject.folder:
                _link_files(subject, out, repeat)
            else:
                _export_jpegs(subject, out)
            self._made[key] = out
        return self._made[key]

    def _prepared(self, folder: Path, reads: Reads) -> Path:
        module = next(module for module, form in PEERS.values() if form == reads)
        out = folder.with_name(f"{folder.name}-{reads}")
        with Isolated(f"preparing {reads}") as process:
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


def _link_files(subject: Subject, out: Path, repeat: int) -> None:
    listing = discover(subject.path)
    start = listing.splits[subject.split][0]
    for turn in range(repeat):
        for i in range(subject.images):
            original = (listing.root / listing.paths[start + i]).resolve()
            label = int(listing.labels[start + i])
            link = _place(out, label, turn * subject.images + i, original.suffix.lower())
            link.symlink_to(original)


def _export_jpegs(subject: Subject, out: Path) -> None:
    with Records.open(subject.path) as records:
        for i in records.split(subject.split)[: subject.images]:
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

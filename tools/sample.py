#!/usr/bin/env python3
"""Make the sample data set: eleven kinds of food, drawn, laid out as Food-11 is distributed.

    tools/sample.py OUT [--seed 0] [--train 1100] [--valid 220] [--test 66]

OUT/train/<label>_<number>.jpg, OUT/valid/<label>_<number>.jpg, OUT/test/<number>.jpg (without
labels), OUT/classes.txt with the class names and OUT/sample.json with the settings.

The images cost what photos cost. Measured against 143 camera photos of 500 px and more: 0.52 bytes
per pixel (photos 0.52) and 1.07 times their decoding time per pixel (libjpeg-turbo, one thread).
The same seed gives the same bytes for the same versions of numpy, Pillow and simplejpeg.
"""

import json
import multiprocessing
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated

import numpy as np
import simplejpeg
from tyro.conf import Positional, arg

from headrace.pipeline.bars import bar
from headrace.pipeline.command_line import called, run_command
from headrace.pipeline.cores import available_cores
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.flags import Flag, parse
from headrace.pipeline.interrupts import interrupts_held
from headrace.pipeline.json_file import JsonFile, check_json, write_json
from headrace.pipeline.plain_json import read_json
from headrace.tools.packing.renames import exchange
from headrace.tools.painting.foods import CLASS_NAMES
from headrace.tools.painting.scene import render
from headrace.tools.painting.textures import Textures, make_textures

MARKER = "sample.json"
VERSION = 1
_SPLITS = ("train", "valid", "test")


@dataclass(frozen=True, kw_only=True)
class SampleConfig:
    """What to draw. Counts are images per split; `size` is the longer side in pixels."""

    seed: Annotated[int, arg(metavar="N")] = 0
    """Another seed draws other images."""
    train: Annotated[int, arg(metavar="N")] = 1100
    """Images."""
    valid: Annotated[int, arg(metavar="N")] = 220
    """Images."""
    test: Annotated[int, arg(metavar="N")] = 66
    """Images, without labels."""
    size: Annotated[int, arg(metavar="PX")] = 500
    """Longer side."""

    def __post_init__(self) -> None:
        if not 0 <= self.seed < 1 << 63:
            raise ConfigError(f"--seed {self.seed}: expected 0 to 2^63 - 1")
        if not 32 <= self.size <= 1024:
            raise ConfigError(f"--size {self.size}: expected 32 to 1024 pixels")
        for split in _SPLITS:
            if getattr(self, split) < 0:
                raise ConfigError(f"--{split} {getattr(self, split)}: expected 0 or more images")
        if self.train + self.valid + self.test == 0:
            raise ConfigError("--train, --valid and --test are all 0: nothing to draw")

    def settings(self) -> dict[str, int]:
        """What decides the bytes of the data set."""
        return {"version": VERSION, **asdict(self)}


@dataclass(frozen=True, kw_only=True)
class SampleSettings:
    """Make the sample data set."""

    out: Annotated[Path, Positional, arg(metavar="OUT")]
    """Folder to make."""
    images: Annotated[SampleConfig, arg(name="")] = field(default_factory=SampleConfig)
    workers: Annotated[int, arg(metavar="N")] = field(default_factory=available_cores)
    """Processes that draw."""
    force: Flag = False
    """Replace an older sample data set."""
    json: JsonFile = None
    """Write what was made here."""


def draw_photo(config: SampleConfig, textures: Textures, split: str, number: int) -> bytes:
    """One image as JPEG bytes; depends on nothing but the seed, size, split and number."""
    key = [config.seed, (_SPLITS.index(split) + 1 << 40) + number]
    rng = np.random.Generator(np.random.Philox(key=key))
    label = number % len(CLASS_NAMES)
    short = round(config.size * (0.75 if rng.random() < 0.7 else 0.666))
    upright = rng.random() < 0.2
    width, height = (short, config.size) if upright else (config.size, short)
    image = render(rng, textures, label, width, height)
    return simplejpeg.encode_jpeg(
        image,
        quality=int(rng.integers(86, 97)),
        colorsubsampling="444" if rng.random() < 0.78 else "420",
    )


def file_name(split: str, number: int) -> str:
    """`<split>/<label>_<number>.jpg`, and plain numbers in the test split."""
    if split == "test":
        return f"test/{number:04d}.jpg"
    return f"{split}/{number % len(CLASS_NAMES)}_{number // len(CLASS_NAMES)}.jpg"


def make_sample(config: SampleConfig, out: Path, workers: int, force: bool = False) -> bool:
    """Draw the data set into the folder `out`, which appears when it is complete.

    Returns:
        False if `out` already holds just this data set and nothing was drawn.

    Raises:
        ConfigError: `out` exists and holds something else, or more than such a data set.
    """
    if out.exists():
        found = _drawn_there(out)
        if found == config and not force:
            return False
        if found is None and (not out.is_dir() or any(out.iterdir())):
            raise ConfigError(f"{out} exists and is not a sample data set: choose another folder")
        if found is not None:
            if not force:
                raise ConfigError(f"{out} holds a sample data set of other settings: pass --force")
            _check_nothing_else(out, found)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as beside:
        part = Path(beside, "new")
        part.mkdir()
        _fill(config, part, workers)
        if not out.exists():
            part.rename(out)
        elif not exchange(part, out):
            out.rename(Path(beside, "old"))
            part.rename(out)
    return True


def _fill(config: SampleConfig, part: Path, workers: int) -> None:
    for split in _SPLITS:
        (part / split).mkdir(parents=True)
    jobs = [(split, n) for split in _SPLITS for n in range(getattr(config, split))]
    with bar(total=len(jobs), unit="image", desc="sample") as progress:
        for done in _draw_all(config, part, jobs, workers):
            progress.update(done)
    (part / "classes.txt").write_text("".join(f"{name}\n" for name in CLASS_NAMES))
    (part / MARKER).write_text(json.dumps(config.settings()) + "\n")


def _draw_all(
    config: SampleConfig, folder: Path, jobs: list[tuple[str, int]], workers: int
) -> Iterator[int]:
    chunks = [jobs[i : i + 16] for i in range(0, len(jobs), 16)]
    if workers <= 1 or len(chunks) == 1:
        _start(config, folder)
        yield from map(_draw_chunk, chunks)
        return
    # Processes, not threads: PIL's drawing of small shapes holds the interpreter lock. Spawned,
    # because a fork of a process that has threads (torch's, in tests) may hang.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, _start, (config, folder)) as pool:
        try:
            with interrupts_held():  # which starts them all
                drawn = pool.map(_draw_chunk, chunks)
            yield from drawn
        finally:
            pool.shutdown(cancel_futures=True)


_worker: tuple[SampleConfig, Path, Textures] | None = None


def _start(config: SampleConfig, folder: Path) -> None:
    global _worker  # one per worker process: the tiles are too large to send with each job
    _worker = (config, folder, make_textures(config.seed))


def _draw_chunk(jobs: list[tuple[str, int]]) -> int:
    assert _worker is not None
    config, folder, textures = _worker
    for split, number in jobs:
        data = draw_photo(config, textures, split, number)
        (folder / file_name(split, number)).write_bytes(data)
    return len(jobs)


def _drawn_there(folder: Path) -> SampleConfig | None:
    """With which settings a folder was drawn; None if its marker is missing or another's."""
    try:
        found = read_json((folder / MARKER).read_text())
        config = SampleConfig(**{key: found[key] for key in found if key != "version"})
        return config if found == config.settings() else None
    except (OSError, ValueError, TypeError):  # a ConfigError is a ValueError
        return None


def _check_nothing_else(folder: Path, config: SampleConfig) -> None:
    """Refuses to replace a folder in which something lies that was not drawn.

    Raises:
        ConfigError: naming the first.
    """
    ours = {MARKER, "classes.txt", *_SPLITS}
    ours |= {file_name(split, n) for split in _SPLITS for n in range(getattr(config, split))}
    for entry in sorted(folder.rglob("*")):
        name = entry.relative_to(folder).as_posix()
        if name not in ours or entry.is_symlink():
            raise ConfigError(
                f"{entry} is not of the sample data set: move it, or choose another folder"
            )


def main(arguments: list[str] | None = None) -> int:
    """Command line; see the module's text."""
    given = parse(SampleSettings, called("sample"), arguments)
    config = given.images
    check_json(given.json)
    made = make_sample(config, given.out, given.workers, given.force)
    write_json(given.json, {"out": given.out, "made": made, **asdict(config)})
    if made:
        print(f"{given.out}: {config.train} train, {config.valid} valid, {config.test} test images")
    else:
        print(f"{given.out}: already there")
    beton = f"{given.out.name or 'sample'}.beton"
    print(f"next: {called('pack', given.out, beton)}")
    return 0


if __name__ == "__main__":
    run_command(main)

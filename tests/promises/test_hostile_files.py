"""Files that somebody made to do harm: packed, and then the same on all loaders, or left out with
a reason; no traceback, no hang, nothing sent to a terminal that it would obey."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import numpy as np
import pytest

from headrace.pipeline.containers.beton import MODE_JPEG
from headrace.pipeline.errors import BadSampleError
from headrace.pipeline.jpeg_scans import has_too_many_scans, most_scans
from headrace.pipeline.loader import open_loader
from headrace.pipeline.records import Records
from headrace.pipeline.wording import shown
from headrace.tools.info import main as info
from headrace.tools.pack import main as pack
from tests.builders import (
    StoredSample,
    available_loaders,
    jpeg_bytes,
    make_records,
    photo,
    reference_images,
)
from tests.promises.hostile_jpegs import flat_jpeg, hostile_jpegs

ROOT = Path(__file__).resolve().parents[2]
SIZE = 40
OPTIONS = {
    "plain": ["--max-side", "0"],
    "levels and kept": ["--levels", "auto", "--truncated", "keep"],
    "unverified": ["--verify", "header"],
}
SLOW = flat_jpeg(3000, 3000, sof=0xC2, num_scans=1000)
"""Would take seconds; the larger such a file says it is, the longer."""
PAINTED_OVER = {"a/a thousand empty scans.jpg", "b/a thousand empty scans.jpg"}
"""Damage that a decoder passes over which the reference refuses, where nobody has verified it."""
ODD_NAMES = (
    *(
        "two\nlines.jpg",
        "red \x1b[31m.jpg",
        "bell \x07\r.jpg",
        "csi \x9b2J.jpg",
        "\u202egpj.exe.jpg",
    ),
    *(
        "Same.jpg",
        "same.jpg",
        "SAME.JPG",
        "x" * 251 + ".jpg",
        "latin \udce9.jpg",
        "-rf.jpg",
        " .jpg",
    ),
)
FORBIDDEN = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("hostile") / "in"
    files = hostile_jpegs() | {"too many scans.jpg": SLOW}
    for folder in "ab":
        (root / folder).mkdir(parents=True)
    for number, (name, data) in enumerate(files.items()):
        (root / "ab"[number % 2] / name).write_bytes(data)
    for number, name in enumerate(ODD_NAMES):
        try:
            (root / "b" / name).write_bytes(jpeg_bytes(photo(number, 30, 44)))
        except OSError:
            continue  # a file system that takes no such names
    (root / "a" / "bad \x1b[2J\n.jpg").write_bytes(b"nothing")
    (root / "a" / "folder.jpg").mkdir()
    (root / "a" / "folder.jpg" / "inside.jpg").write_bytes(jpeg_bytes(photo(1, 30, 44)))
    if sys.platform != "win32":
        (root / "a" / "loop.jpg").symlink_to("loop.jpg")
        (root / "a" / "nowhere.jpg").symlink_to("/nowhere/at/all.jpg")
        (root / "b" / "back").symlink_to(root)
        os.mkfifo(root / "a" / "pipe.jpg")
    return root


@pytest.fixture(scope="module", params=OPTIONS)
def packed(
    source: Path, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    # A place of its own: in another order of tests it is packed more than once.
    out = tmp_path_factory.mktemp("packed") / f"{request.param}.beton"
    status, said, told = called(pack, source, out, "--show-all", *OPTIONS[request.param])
    assert status == 0, told
    assert "more than 100 scans take too long" in said
    return out


def called(command: Callable[[list[str]], int], *words: object) -> tuple[int, str, str]:
    """Status, output and errors of a command, in which nothing may be that a terminal obeys."""
    out, errors = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(errors), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        status = command(list(map(str, words)))
    texts = out.getvalue(), re.sub(r"(?m)^.*\r", "", errors.getvalue())  # a progress bar's
    assert not any(FORBIDDEN.search(text) for text in texts)
    return status, *texts


def test_each_is_packed_or_has_a_reason_in_one_line(source: Path, packed: Path) -> None:
    with Records.open(packed) as records:
        names = {records.name(index) for index in range(len(records))}
        skipped = {skip.name: skip.reason for skip in records.manifest.skipped}
    assert all(reason and "\n" not in reason for reason in skipped.values())
    assert not names & skipped.keys()
    files = {
        str(path.relative_to(source)) for path in source.glob("*/*") if path.suffix.lower() != ""
    }
    files = {name for name in files if not name.endswith(("folder.jpg", "back"))}
    assert files <= names | skipped.keys()
    assert "a/folder.jpg/inside.jpg" in names
    assert {f"b/{name}" for name in ("Same.jpg", "same.jpg", "SAME.JPG")} <= names
    for name, reason in (("loop", "leads back to itself"), ("pipe", "not a file")):
        assert sys.platform == "win32" or reason in skipped[f"a/{name}.jpg"]


def test_what_is_packed_is_verified_and_shown_without_escapes(packed: Path) -> None:
    status, said, told = called(info, packed, "--verify", "--show-all")
    assert "bad \\x1b[2J\\n.jpg: not an image" in said
    if packed.stem != "unverified":
        assert status == 0, told
        return
    assert told.count("\nbad: ") < 5, "what has no whole header is left out all the same"
    assert "premature end of data segment" in told


@pytest.mark.parametrize("name", available_loaders())
def test_every_loader_reads_them_alike(packed: Path, name: str) -> None:
    """The same samples are good on all, and the same pixels, within the loader's tolerance."""
    settings = {"size": SIZE, "batch_size": 32, "train": False, "workers": 2}
    with open_loader(packed, loader=name, on_bad_sample="skip", **settings) as loader:  # type: ignore[arg-type]
        batches = list(loader.epoch(0))
        images = np.concatenate([batch.images.numpy() for batch in batches])
        indices = np.concatenate([batch.indices.numpy() for batch in batches])
        records, plan = loader.records, loader.plan(0)
        good = np.array([_decodes(records, index) for index in plan.indices.tolist()])
        differ = np.flatnonzero((indices == plan.indices) != good).tolist()
        assert {records.name(int(plan.indices[place])) for place in differ} <= PAINTED_OVER
        assert good.mean() > 0.9
        places = np.flatnonzero(good).tolist()
        expected = np.concatenate(
            [reference_images(records, plan, slice(place, place + 1), SIZE) for place in places]
        )
    inside = (slice(None), slice(None), slice(1, -1), slice(1, -1))  # see dali in docs/loaders.md
    assert np.abs(images[places].astype(np.int16) - expected)[inside].max() <= 1


def _decodes(records: Records, index: int) -> bool:
    try:
        return bool(records.decode(index).size)
    except BadSampleError:
        return False


@pytest.mark.filterwarnings("ignore")
def test_the_folder_itself_is_loaded_and_verified(source: Path) -> None:
    settings = {"size": SIZE, "train": False, "workers": 0, "on_bad_sample": "skip"}
    with open_loader(source, loader="torchvision", **settings) as loader:  # type: ignore[arg-type]
        assert sum(len(batch.labels) for batch in loader.epoch(0)) == len(loader.plan(0).indices)
    status, _, told = called(info, source, "--verify", "--show-all")
    assert status == 1
    assert "too many scans.jpg): 3000x3000 pixels in more than 100 scans" in told


def test_a_process_shows_names_of_bad_files_as_escapes(tmp_path: Path) -> None:
    """The line that it ends with, too."""
    (tmp_path / "in" / "a").mkdir(parents=True)
    (tmp_path / "in" / "a" / "bad \x1b[2J\n.jpg").write_bytes(b"nothing")
    command = [sys.executable, "tools/pack.py", str(tmp_path / "in"), str(tmp_path / "o.beton")]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 1 and "bad \\x1b[2J\\n.jpg" in run.stderr
    command[2:] = [str(tmp_path / "no \x1b[2J"), str(tmp_path / "o.beton")]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 2 and "no \\x1b[2J" in run.stderr
    assert "\x1b" not in run.stderr


@pytest.fixture(scope="module")
def in_a_record(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Records]:
    """As no pack of ours makes it."""
    slow = StoredSample(data=SLOW, height=3000, width=3000, mode=MODE_JPEG, name="slow.jpg")
    with make_records(tmp_path_factory.mktemp("scans") / "s.beton", [slow]) as records:
        yield records


@pytest.mark.parametrize("name", [name for name in available_loaders() if name != "ffcv"])
def test_too_many_scans_are_a_bad_sample_on_every_loader(in_a_record: Records, name: str) -> None:
    """FFCV decodes before anybody can ask."""
    with (
        open_loader(in_a_record, loader=name, size=SIZE, train=False, workers=1) as loader,
        pytest.raises(BadSampleError, match="more than 100 scans take too long"),
    ):
        list(loader.epoch(0))


def test_scans_are_counted_up_to_the_end_and_in_large_files_only() -> None:
    large = 60_000, 60_000
    most = most_scans(*large)
    many = flat_jpeg(40, 48, sof=0xC2, num_scans=most + 1)
    few = flat_jpeg(40, 48, sof=0xC2, num_scans=most)
    assert not has_too_many_scans(many, 40, 48)
    assert has_too_many_scans(many, *large)
    assert has_too_many_scans(np.frombuffer(many, np.uint8), *large)
    assert not has_too_many_scans(few, *large)
    assert not has_too_many_scans(few + many, *large)
    assert not has_too_many_scans(jpeg_bytes(photo(0, 40, 48)) + many, *large)
    hidden = few[:2] + b"\xff\xfe\0\x06\xff\xd9\xff\xd9" + many[2:]
    assert has_too_many_scans(hidden, *large)
    behind = many.rindex(b"\xff\xda")
    hidden = many[:behind] + b"\xff\xfe\0\x04\xff\xd9" + many[behind:]
    assert has_too_many_scans(hidden, *large)
    assert not has_too_many_scans(b"\x89PNG" + b"\xff\xda" * 1000, *large)
    for cut in range(0, len(many), 7):
        has_too_many_scans(many[:cut], *large)


def test_the_larger_an_image_the_fewer_scans_it_may_have() -> None:
    """So that what is decoded is bounded by pixels times scans, and no encoder's own refused."""
    assert most_scans(3000, 3000) == most_scans(1, 1) == 100
    assert most_scans(5000, 10_000) == 50
    assert most_scans(13_377, 13_377) == most_scans(65_500, 65_500) == 20


def test_thin_images_are_shrunk_like_others(tmp_path: Path) -> None:
    for height, width in ((1500, 1), (1, 1500), (1500, 3)):
        path = tmp_path / "in" / "a" / f"{height} {width}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(jpeg_bytes(np.full((height, width, 3), 90, np.uint8)))
    out = tmp_path / "o.beton"
    assert pack([str(tmp_path / "in"), str(out), "--max-side", "100"]) == 0
    with Records.open(out) as records:
        sizes = {records.size(index) for index in range(3)}
        assert sizes == {(100, 1), (1, 100)}
    assert info([str(out), "--verify"]) == 0


def test_names_are_shown_and_text_stays() -> None:
    assert shown("été 夏 😀, 5 µs") == "été 夏 😀, 5 µs"
    assert shown("a\x1b[31mb\nc\td\x9bJ\u202ee") == "a\\x1b[31mb\\nc\\td\\x9bJ\\u202ee"
    assert shown("caf\udce9") == "caf\udce9"

"""Two packs to one name at once: one writes it, the other one says why it does not."""

import os
import random
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from headrace.pipeline.errors import ConfigError, HeadraceError
from headrace.pipeline.records import Records
from headrace.tools.pack import main
from headrace.tools.packing import claim, pending, renames, swap, tally
from headrace.tools.packing.output import Output
from headrace.tools.packing.pending import PendingFile
from tests.builders import jpeg_bytes, photo

OUTPUTS = ("o.beton", "o/", "o.tar")
WHY = ("is being written by another run; wait for it", "exists; pass --force to replace it")
MEETING_POINTS: list[tuple[Any, str]] = [
    *((claim, name) for name in ("_create", "_mark", "_take_over", "is_at", "settle")),
    *((claim, name) for name in ("lock_exclusively", "rename_new")),
    *((pending, name) for name in ("check_output", "swap_in", "settle", "rename_new")),
    *((swap, name) for name in ("exchange", "rename_new", "sync_folder")),
    *((claim.Claim, name) for name in ("check", "release", "keep", "forget")),
    (tally.Tally, "manifest"),
]


def _images(root: Path, stem: str, count: int) -> Path:
    (root / "a").mkdir(parents=True)
    for i in range(count):
        (root / "a" / f"{stem}{i}.jpg").write_bytes(jpeg_bytes(photo(i, 24, 32)))
    return root


def _hesitate(monkeypatch: pytest.MonkeyPatch, rng: random.Random) -> None:
    """Short pauses, drawn anew for every call, before and after what two runs may meet at."""

    def slow(function: Callable[..., Any]) -> Callable[..., Any]:
        def run_slowly(*arguments: Any, **options: Any) -> Any:
            time.sleep(rng.choice([0, 0, 0.0005, 0.003]))
            result = function(*arguments, **options)
            time.sleep(rng.choice([0, 0, 0.0005, 0.003]))
            return result

        return run_slowly

    for place, name in MEETING_POINTS:
        monkeypatch.setattr(place, name, slow(getattr(place, name)))


def _at_once(packs: list[list[str]]) -> list[str]:
    """Runs packs side by side; what each of them says, nothing if it succeeds."""
    said = ["did not end"] * len(packs)
    start = threading.Barrier(len(packs))

    def pack(number: int) -> None:
        start.wait()
        try:
            main([*packs[number], "--workers", "1"])
            said[number] = ""
        except HeadraceError as error:
            said[number] = str(error)

    threads = [threading.Thread(target=pack, args=(i,)) for i in range(len(packs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return said


def _meet(root: Path, name: str, rounds: int, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    sources = [_images(root / "one", "x", 1), _images(root / "two", "y", 2)]
    rng = random.Random(seed)
    _hesitate(monkeypatch, rng)
    for number in range(rounds):
        force = [["--force"] * (rng.random() < 0.3) for _ in sources]
        there, killed = number % 3 == 1, number % 3 == 2
        folder = root / str(number)
        folder.mkdir()
        (folder / "mine.txt").write_text("mine")
        out = f"{folder}/{name}"
        if there:
            main([str(sources[0]), out])
            force = [["--force"], ["--force"]]
        part = folder / f"{name.strip('/')}.part"
        if killed:
            part.write_bytes(claim.MARK + b"\n")
        said = _at_once([[str(s), out, *f] for s, f in zip(sources, force, strict=True)])
        told = f"round {number}: {said}"
        assert "" in said, told
        assert all(not line or line.endswith(WHY) for line in said), told
        if not any(force):
            assert said.count("") == 1, told
        wanted = [["a/x0.jpg"], ["a/y0.jpg", "a/y1.jpg"]]
        with Records.open(out) as records:
            found = [records.name(i) for i in range(len(records))]
            assert found in [w for w, line in zip(wanted, said, strict=True) if not line], told
            assert all(records.decode(i).shape == (24, 32, 3) for i in range(len(records)))
        mine = {"o.beton": {"o.beton"}, "o/": {"o"}, "o.tar": {"o.tar", "o.idx", "o.headrace.npz"}}
        assert {p.name for p in folder.iterdir()} == {"mine.txt", *mine[name]}, told


@pytest.mark.parametrize("name", OUTPUTS)
def test_two_at_once(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _meet(tmp_path, name, 9, 1, monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize("system", ["renameat2", "plain"])
@pytest.mark.parametrize("name", OUTPUTS)
def test_two_at_once_many_times(
    tmp_path: Path, name: str, system: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if system == "plain":
        monkeypatch.setattr(renames, "_system_call", lambda: None)
    _meet(tmp_path, name, 51, 2, monkeypatch)


@pytest.mark.parametrize("force", [False, True])
def test_the_other_finishes_between_opening_and_locking(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, force: bool
) -> None:
    out = tmp_path / "o.beton"
    first = PendingFile(Output(path=out))
    first.file.write(b"all of it")
    lock = claim.lock_exclusively

    def finish_first(file: Any) -> bool:
        if os.path.sameopenfile(file.fileno(), first.file.fileno()):
            monkeypatch.setattr(claim, "lock_exclusively", lock)
            first.commit()
        return lock(file)

    monkeypatch.setattr(claim, "lock_exclusively", finish_first)
    if force:
        with PendingFile(Output(path=out, force=True)) as second:
            assert out.read_bytes().endswith(b"all of it")
            second.file.write(b"anew")
            second.commit()
        assert out.read_bytes().endswith(b"anew")
    else:
        with pytest.raises(ConfigError, match="exists; pass --force"):
            PendingFile(Output(path=out))
        assert out.read_bytes().endswith(b"all of it")
    assert [p.name for p in tmp_path.iterdir()] == ["o.beton"]

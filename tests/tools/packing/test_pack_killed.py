"""A pack killed at any point: what was there is whole, and the next pack takes over."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from headrace.pipeline.errors import ConfigError
from headrace.pipeline.records import Records
from headrace.tools.pack import main
from headrace.tools.packing import renames
from headrace.tools.packing.swap import output_names, settle
from tests.builders import jpeg_bytes, photo

ROOT = Path(__file__).resolve().parents[3]
OUTPUTS = ("o.beton", "o/", "o.tar")
BYSTANDERS = {"o.old", "o.old/mine.txt", "o.txt"}
OLD, NEW = ["old0", "old1"], ["new0", "new1"]

Content = dict[str, bytes | None]


def _images(root: Path, stem: str) -> Path:
    (root / "a").mkdir(parents=True)
    for i in range(2):
        image = photo(i + 7 * ord(stem[0]), 24, 32)
        (root / "a" / f"{stem}{i}.jpg").write_bytes(jpeg_bytes(image))
    return root


def _names(path: Path) -> list[str]:
    with Records.open(path) as records:
        assert all(records.decode(i).shape == (24, 32, 3) for i in range(len(records)))
        return [Path(records.name(i)).stem for i in range(len(records))]


def _content(folder: Path) -> Content:
    """Everything below a folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


def _template(root: Path, name: str, force: bool) -> Path:
    """A folder with files of somebody else's and, for --force, an older output of OLD."""
    template = root / "template"
    (template / "o.old").mkdir(parents=True)
    (template / "o.old" / "mine.txt").write_text("mine")
    (template / "o.txt").write_text("mine too")
    if force:
        assert main([str(_images(root / "older", "old")), f"{template}/{name}"]) == 0
    return template


def _kill_everywhere(source: Path, template: Path, name: str, *options: str) -> list[Path]:
    """Copies of a folder in which a pack was killed, one for each of its steps; the last one got
    through."""
    runs = template.with_name(f"{template.name}-runs")
    command = [
        sys.executable,
        "-m",
        f"{__package__}.kill_points",
        str(source),
        str(template),
        str(runs),
    ]
    subprocess.run([*command, name, *options], cwd=ROOT, check=True)
    return sorted(runs.iterdir(), key=lambda folder: int(folder.name))


def _check(folder: Path, name: str, before: Content, after: Content, may_be_away: bool) -> None:
    """What a killed pack left: the output of `before` or `after`, whole; and packs once more."""
    out, force = folder / name, name.strip("/") in before
    found = _content(folder)
    assert found.items() >= {key: before[key] for key in BYSTANDERS}.items()
    if out.exists():
        assert found.items() >= after.items() or (force and found.items() >= before.items())
        assert _names(out) in (OLD, NEW)
    else:
        assert may_be_away or not force
    arguments = [str(folder.parent.parent / "source"), f"{folder}/{name}"]
    was_there = out.exists()
    try:
        assert main(arguments) == 0
    except ConfigError as error:
        assert "exists; pass --force" in str(error)
        assert force or was_there
        assert _names(out) in (OLD, NEW)
        assert main([*arguments, "--force"]) == 0
    assert _content(folder) == after, folder


def _kill_and_check(root: Path, name: str, *options: str) -> None:
    source, template = _images(root / "source", "new"), _template(root, name, "--force" in options)
    runs = _kill_everywhere(source, template, name, *options)
    assert len(runs) > 3
    # Only a single .tar, and a folder where names cannot be exchanged, may be away for a moment.
    may_be_away = name == "o.tar" or (name == "o/" and "--plain" in options)
    before, after = _content(template), _content(runs[-1])
    for folder in runs:
        _check(folder, name, before, after, may_be_away)


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("name", OUTPUTS)
def test_killed_at_some_points(tmp_path: Path, name: str, force: bool) -> None:
    _kill_and_check(tmp_path, name, "--every", "4", *["--force"] * force)


@pytest.mark.slow
@pytest.mark.parametrize("system", ["renameat2", "plain"])
@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("name", OUTPUTS)
def test_killed_at_every_point(
    tmp_path: Path, name: str, force: bool, system: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if system == "plain":
        monkeypatch.setattr(renames, "_system_call", lambda: None)
    options = ["--force"] * force + ["--plain"] * (system == "plain")
    _kill_and_check(tmp_path, name, *options)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["o/", "o.tar"])
def test_killed_while_it_puts_right_what_a_kill_left(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(renames, "_system_call", lambda: None)
    source, template = _images(tmp_path / "source", "new"), _template(tmp_path, name, True)
    runs = _kill_everywhere(source, template, name, "--force", "--plain")
    before, after = _content(template), _content(runs[-1])
    stopped = [f for f in runs if any(f.glob("*/old")) and any(f.glob(f"*/new/{name}"))]
    assert len(stopped) > 1
    for first in stopped:
        again = _kill_everywhere(source, first, name, "--force", "--plain", "--every", "2")
        for folder in again:
            (tmp_path / "x").mkdir(exist_ok=True)
            moved = folder.rename(tmp_path / "x" / f"{first.name}-{folder.name}")
            _check(moved, name, before, after, may_be_away=True)


def test_putting_right_can_be_stopped_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The older index is back in its place; the new one has been removed, the rest not yet."""
    out, work = tmp_path / "o.tar", tmp_path / "o.tar.part-01234567"
    names = output_names(out)
    for folder in ("new", "old"):
        (work / folder).mkdir(parents=True)
        for name in names:
            (work / folder / name).write_text(f"{folder} {name}")
    monkeypatch.setattr(shutil, "rmtree", lambda folder, **_: (folder / "new" / "o.idx").unlink())
    settle(out, work)
    monkeypatch.undo()
    settle(out, work)
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == {n: f"old {n}" for n in names}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="forks")
def test_killed_at_random_moments(tmp_path: Path) -> None:
    """Where `test_killed_at_every_point` is blind: between two steps on the file system."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.tools.packing.many_kills", str(tmp_path), "100"],
        cwd=ROOT,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1].removeprefix("KILLS "))["kills"] == 100

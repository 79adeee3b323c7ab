"""Names that are not UTF-8: they are shown, stored and given back, and end nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from headrace.pipeline.command_line import run_command
from headrace.pipeline.errors import ConfigError, HeadraceError
from headrace.pipeline.output_files import check_writable
from headrace.pipeline.records import Records
from headrace.train.evaluation.outcome import Outcome
from headrace.train.evaluation.prediction_csv import write_csv
from headrace.train.folder.checkpoint import load_checkpoint
from headrace.train.folder.journal import Journal
from headrace.train.settings.config import DataConfig, RunConfig
from headrace.train.settings.config_file import dump_yaml, load_yaml
from tests.builders import make_records, photo, stored

ROOT = Path(__file__).resolve().parents[2]
CAFE = "caf\udce9"  # b"caf\xe9" as Python reads it from the disk
HALF = "\ud83d"  # no byte of a file name, but JSON can say it


def outcome(count: int) -> Outcome:
    return Outcome(
        indices=np.arange(count),
        labels=np.full(count, -1),
        predicted=np.arange(count) % 2,
        confidence=np.full(count, 0.5, np.float32),
        loss=np.zeros(count, np.float32),
        logits=np.zeros((count, 2), np.float32),
    )


def named_records(path: Path, names: list[str]) -> Records:
    """Records that call their samples so."""
    records = make_records(path, [stored(photo(i, 30, 30)) for i in range(len(names))])
    records._names = names
    return records


@pytest.fixture
def latin_folder(tmp_path: Path) -> Path:
    """An image folder whose own name, classes and files are Latin-1 in part."""
    root = tmp_path / "donn\udce9es"
    for split, count in (("train", 12), ("val", 4)):
        for number in range(count):
            folder = root / split / (CAFE, "th\udce9\udce9")[number % 2]
            folder.mkdir(parents=True, exist_ok=True)
            image = photo(number, 36, 40)
            image[..., number % 2] //= 2
            Image.fromarray(image).save(folder / f"\udce9t\udce9{number}.jpg")
    return root


def call(*arguments: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env={**os.environ, **env},
        capture_output=True,
        timeout=240,
    )


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_a_run_and_a_prediction_on_names_that_are_not_utf8(
    latin_folder: Path, tmp_path: Path
) -> None:
    flags = (
        "--model timm:test_resnet --size 32 --batch-size 4 --epochs 1 --loader torchvision "
        "--workers 1 --device cpu --amp off --recipe flip --log-every 1 --no-report"
    ).split()
    done = call(
        str(ROOT / "train/run.py"), "--data", str(latin_folder), *flags, cwd=tmp_path,
        PYTHONIOENCODING="utf-8:strict",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    assert b"2 classes" in done.stdout
    (folder,) = (tmp_path / "runs").iterdir()
    assert os.fsencode(folder.name) == b"donn\xe9es-timm-test_resnet-1"
    assert load_yaml(folder / "config.yaml").data.data == str(latin_folder)
    log = [json.loads(line) for line in (folder / "metrics.jsonl").read_bytes().splitlines()]
    assert log[0]["config"]["data"] == str(latin_folder)
    saved = load_checkpoint(folder)
    assert saved["classes"] == [CAFE, "th\udce9\udce9"]
    assert saved["config"]["data"] == str(latin_folder)
    events = [p for p in folder.iterdir() if p.name.startswith("events.out.tfevents")]
    assert b"train/loss" in events[0].read_bytes()

    done = call(str(ROOT / "train/run.py"), "--resume", str(folder), cwd=tmp_path)
    assert done.returncode == 0, done.stderr.decode()

    out = latin_folder / "answer\udce9.csv"
    done = call(
        str(ROOT / "train/predict.py"), str(folder), str(latin_folder), "--split", "val", "--csv",
        str(out), "--loader", "torchvision", "--workers", "0", cwd=tmp_path,
        PYTHONIOENCODING="ascii:strict",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    assert rb"hardest: " in done.stdout and rb"caf\udce9" in done.stdout
    rows = [line.split(b",") for line in out.read_bytes().splitlines()[1:]]
    names = {row[0] for row in rows}
    assert names == {
        rb"val/%s/\udce9t\udce9%d.jpg" % ((rb"caf\udce9", rb"th\udce9\udce9")[n % 2], n)
        for n in range(4)
    }
    assert {row[3] for row in rows} <= {rb"caf\udce9", rb"th\udce9\udce9"}
    assert [p.name for p in latin_folder.iterdir() if p.name.startswith(".")] == []


def test_the_csv_is_utf8_and_tells_every_byte(tmp_path: Path) -> None:
    names = [f"{CAFE}.jpg", "thé, chaud.jpg", 'quo"te\n.jpg', f"half {HALF}.jpg", "plain.jpg"]
    with named_records(tmp_path / "a.beton", names) as records:
        write_csv(tmp_path / "out.csv", outcome(5), records, ["a", CAFE])
    content = (tmp_path / "out.csv").read_bytes()
    content.decode("utf-8")
    assert content.splitlines()[1] == rb"caf\udce9.jpg,,0,a,0.5000"
    assert '"thé, chaud.jpg",,1,'.encode() + rb"caf\udce9,0.5000" in content
    assert b'"quo""te\n.jpg"' in content
    assert rb"half \ud83d.jpg" in content
    assert (tmp_path / "out.csv").stat().st_mode & 0o777 == 0o666 & ~_umask()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_a_csv_that_was_there_stays_whole_if_writing_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "out.csv"
    path.write_text("the old one")

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    with named_records(tmp_path / "a.beton", ["x", "y"]) as records:
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", full)
            with pytest.raises(HeadraceError, match=r"cannot write .*out\.csv: No space left"):
                write_csv(path, outcome(2), records, ["a", "b"])
        with monkeypatch.context() as patch:
            patch.setattr(records, "name", lambda index: 1 // 0)
            with pytest.raises(ZeroDivisionError):
                write_csv(path, outcome(2), records, ["a", "b"])
        assert path.read_text() == "the old one"
        assert sorted(p.name for p in tmp_path.iterdir()) == ["a.beton", "out.csv"]
        link = tmp_path / "link.csv"
        link.symlink_to("out.csv")
        write_csv(link, outcome(2), records, ["a", "b"])
    assert link.is_symlink()
    assert path.read_text().startswith("name,label,predicted,class,confidence")


@pytest.mark.skipif(os.name != "posix", reason="pipes and devices by name")
def test_a_csv_may_go_into_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = subprocess.Popen(["cat", str(pipe)], stdout=subprocess.PIPE)
    with named_records(tmp_path / "a.beton", ["x"]) as records:
        for path in (pipe, Path(os.devnull)):
            check_writable(path)
            write_csv(path, outcome(1), records, ["a", "b"])
    out, _ = reader.communicate(timeout=60)
    assert out.splitlines() == [b"name,label,predicted,class,confidence", b"x,,0,a,0.5000"]
    assert pipe.is_fifo()
    assert Path(os.devnull).is_char_device()


def test_a_csv_that_cannot_be_written_is_refused_beforehand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_writable(tmp_path / "new.csv")
    check_writable(Path("new.csv"))
    with pytest.raises(ConfigError, match=r"--csv .* is a folder; name a file"):
        check_writable(tmp_path)
    with pytest.raises(ConfigError, match=r"the folder .*nope does not exist; make it first"):
        check_writable(tmp_path / "nope/out.csv")
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(ConfigError, match=r"no permission to write .*; name another"):
        check_writable(tmp_path / "new.csv")


def test_settings_and_journal_keep_such_names(tmp_path: Path) -> None:
    for name in (CAFE, HALF, "thé", "\U0001f600"):
        config = RunConfig(data=DataConfig(data=name))
        (tmp_path / "config.yaml").write_bytes(dump_yaml(config).encode())
        assert load_yaml(tmp_path / "config.yaml") == config
        journal = Journal(tmp_path, enabled=True, tensorboard=False)
        journal.row("start", {"data": name})
        journal.close()
        assert json.loads((tmp_path / "metrics.jsonl").read_bytes().splitlines()[-1]) == {
            "kind": "start",
            "data": name,
        }
    torch.save({"classes": [CAFE, HALF]}, tmp_path / "x.pt")
    assert torch.load(tmp_path / "x.pt", weights_only=True) == {"classes": [CAFE, HALF]}


def test_tensorboards_folder_is_held_only_while_it_is_written(tmp_path: Path) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    folder.mkdir()
    journal = Journal(folder, enabled=True, tensorboard=True)
    journal.curves("train", 1, {"loss": 0.5})
    journal.close()
    held = [os.path.realpath(handle) for handle in Path("/proc/self/fd").iterdir()]
    assert not [path for path in held if path.startswith(str(folder))]
    (events,) = folder.glob("events.out.tfevents*")
    assert b"train/loss" in events.read_bytes()


@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_printing_never_raises(encoding: str) -> None:
    code = (
        "from headrace.pipeline.command_line import run_command\n"
        "from headrace.pipeline.errors import ConfigError\n"
        "def main():\n"
        f"    print({CAFE!a}, {'thé'!a})\n"
        f"    raise ConfigError({CAFE!a})\n"
        "run_command(main)"
    )
    done = call("-c", code, cwd=ROOT, PYTHONIOENCODING=f"{encoding}:strict")
    assert done.returncode == 2, done.stderr
    assert done.stdout.startswith(rb"caf\udce9 th")
    assert done.stderr == b"error: caf\\udce9\n"


def test_a_stream_that_is_no_file_is_left_as_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said: list[str] = []

    class Plain:
        def write(self, text: str) -> Any:
            said.append(text)

    monkeypatch.setattr(sys, "stdout", Plain())
    with pytest.raises(SystemExit) as end:
        run_command(lambda: print("hello"))
    assert end.value.code == 0
    assert "".join(said) == "hello\n"

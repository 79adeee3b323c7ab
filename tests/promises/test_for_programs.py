"""--quiet and --json: every command has them, says nothing else, and tells what it did."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from headrace.pipeline.bars import bar
from headrace.pipeline.command_line import SCRIPTS, run_command
from headrace.pipeline.errors import ConfigError, HeadraceError
from headrace.pipeline.flat_settings import setting_types
from headrace.pipeline.json_file import check_json, write_json
from headrace.pipeline.quiet import QUIET, answer, is_quiet
from headrace.tools.export import main as export
from headrace.tools.info import main as info
from headrace.tools.pack import main as pack
from headrace.tools.preview import main as preview
from headrace.tools.report import main as report
from headrace.tools.sample import main as sample
from headrace.train.run import main as train
from tests.builders import jpeg_bytes, photo
from tests.promises.test_wrong_values import KINDS, settings_of

ROOT = Path(__file__).resolve().parents[2]


ITS_OWN_FILES = {"bench gpu"}
"""Writes its result as it comes, into --out."""


@pytest.mark.parametrize("command", sorted(SCRIPTS.keys() - ITS_OWN_FILES))
def test_every_command_can_write_json(command: str) -> None:
    assert "json" in setting_types(settings_of(command)), command


def test_the_list_of_commands_is_whole() -> None:
    assert set(KINDS) == set(SCRIPTS)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for split, count in (("train", 6), ("val", 2)):
        for label in range(2):
            place = tmp_path / "photos" / split / f"class{label}"
            place.mkdir(parents=True)
            for i in range(count):
                seed = 100 * label + 10 * len(split) + i
                (place / f"{i}.jpg").write_bytes(jpeg_bytes(photo(seed, 50, 60)))
    (tmp_path / "photos/train/class0/broken.jpg").write_bytes(b"\xff\xd8\xff")
    return tmp_path / "photos"


def call(words: list[str], **more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "headrace", *words]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, env={**os.environ, **more}
    )


def test_a_quiet_command_says_what_is_wrong_and_nothing_else(photos: Path, tmp_path: Path) -> None:
    data = tmp_path / "a.beton"
    done = call(["pack", str(photos), str(data), "--quiet"])
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "") and data.exists()
    again = call(["--quiet", "pack", str(photos), str(data)])
    assert again.returncode == 2 and again.stdout == ""
    assert again.stderr.startswith("error: ") and again.stderr.count("\n") == 1
    told = call(["info", str(data), "--json"], **{QUIET: "1"})
    assert json.loads(told.stdout)["samples"] == 16 and told.stderr == ""


def run(main: Callable[[], Any], words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["headrace", *words])
    main()


def test_what_was_done_is_told_to_programs(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, folder, found = tmp_path / "a.beton", tmp_path / "run", tmp_path / "found.json"

    def told() -> dict[str, Any]:
        read: dict[str, Any] = json.loads(found.read_text())
        found.unlink()
        return read

    assert pack([str(photos), str(data), "--json", str(found)]) == 0
    packed = told()
    assert packed["images"] == 16 and packed["out"] == str(data)
    assert packed["splits"] == {"train": [0, 12], "val": [12, 16]}
    assert [skipped["name"] for skipped in packed["skipped"]] == ["train/class0/broken.jpg"]

    words = f"--data {data} --out {folder} --model small-resnet --size 32 --epochs 1 --batch-size 8"
    words += f" --device cpu --workers 1 --no-tensorboard --no-report --json {found}"
    run(train, words.split(), monkeypatch)
    trained = told()
    assert trained["run"] == str(folder) and trained["epochs"] == 1
    assert 0 <= trained["last_epoch"]["val_accuracy"] <= 1
    run(train, ["--resume", str(folder), "--json", str(found)], monkeypatch)
    assert told() == trained, "nothing was left to do"

    from headrace.train import predict

    words = f"{folder} {data} --split val --csv {tmp_path}/a.csv --json {found} --workers 1"
    run(predict.main, [*words.split(), "--device", "cpu"], monkeypatch)
    predicted = told()
    assert (predicted["samples"], predicted["labelled"]) == (4, 4)
    assert predicted["files"] == {"csv": f"{tmp_path}/a.csv"}
    assert predicted["accuracy"] == trained["best_accuracy"]

    preview([str(data), "--out", f"{tmp_path}/p.png", "--json", str(found), "--samples", "2"])
    drawn = told()
    assert len(drawn["samples"]) == 2 and len(drawn["blocks"]) == 2
    assert all(block["std"] > 0 for block in drawn["blocks"])

    pytest.importorskip("matplotlib")
    report([str(folder), "--json", str(found)])
    assert told() == {"out": str(folder / "report.html"), "runs": [str(folder)]}


def test_a_sample_and_an_export_are_told(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = tmp_path / "found.json"
    words = f"{tmp_path}/s --train 11 --valid 0 --test 0 --size 64 --workers 1 --json {found}"
    for made in (True, False):
        assert sample(words.split()) == 0
        assert json.loads(found.read_text())["made"] is made

    pytest.importorskip("safetensors")
    data, folder = tmp_path / "a.beton", tmp_path / "run"
    pack([str(photos), str(data)])
    words = f"--data {data} --out {folder} --model small-resnet --size 32 --epochs 1 --batch-size 8"
    words += " --device cpu --workers 1 --no-tensorboard --no-report"
    run(train, words.split(), monkeypatch)
    export([str(folder), f"{tmp_path}/m.safetensors", "--json", str(found)])
    exported = json.loads(found.read_text())
    assert exported["file"] == f"{tmp_path}/m.safetensors" and exported["largest"] < 1e-3


def test_a_json_file_that_cannot_be_written_is_refused_first(photos: Path, tmp_path: Path) -> None:
    data = tmp_path / "a.beton"
    listed = tmp_path / "list.json"
    wrong = (
        (data, "expected a name that ends in .json"),
        (tmp_path / "no/x.json", "does not exist"),
        (listed, "would replace"),
    )
    for path, text in wrong:
        with pytest.raises(ConfigError, match=text):
            pack([str(photos), str(data), "--json", str(path), "--list", str(listed)])
    assert not data.exists()
    with pytest.raises(ConfigError, match="leave out --dry-run"):
        pack([str(photos), str(data), "--json", f"{tmp_path}/a.json", "--dry-run"])
    check_json(None)
    write_json(None, {})


def test_names_that_are_no_text_are_told(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"name": "caf\udce9", "path": tmp_path})
    assert json.loads((tmp_path / "a.json").read_text()) == {
        "name": "caf\udce9",
        "path": str(tmp_path),
    }


def test_quiet_silences_lines_and_bars_and_no_answer(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(QUIET, "0")  # so that it is put back
    monkeypatch.setattr(sys, "argv", ["headrace", "--quiet", "word"])

    def command() -> int:
        assert is_quiet() and sys.argv == ["headrace", "word"]
        print("a line")
        for _ in bar(range(3), desc="bar"):
            pass
        answer("an answer")
        raise HeadraceError("wrong")

    with pytest.raises(SystemExit) as end:
        run_command(command)
    assert end.value.code == 2
    text = capfd.readouterr()
    assert text.err == "error: wrong\n"
    assert text.out == "an answer\n"


@pytest.mark.parametrize("words", ["--version", "pack --help"])
def test_a_quiet_command_answers_questions(words: str) -> None:
    assert call(["--quiet", *words.split()]).stdout


def test_json_has_no_number_that_is_none(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"loss": float("nan"), "more": [float("inf")]})
    assert json.loads((tmp_path / "a.json").read_text()) == {"loss": None, "more": ["inf"]}


def test_info_answers_where_it_is_asked(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pack([str(photos), f"{tmp_path}/a.beton"])
    capsys.readouterr()
    info([f"{tmp_path}/a.beton", "--json"])
    assert json.loads(capsys.readouterr().out)["samples"] == 16

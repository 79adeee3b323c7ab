"""The tutorial's commands do, one after the other, what it says that they do."""

from __future__ import annotations

import re
import shlex
import shutil
import sys
from pathlib import Path

import pytest

from headrace.__main__ import main
from headrace.tools.sample import MARKER, SampleConfig, make_sample
from tests.promises.written_pages import ROOT

PAGE = ROOT / "docs/tutorial.md"
SMALLER = "--model small-resnet --size 32 --epochs 1 --batch-size 16 --limit-batches 2 --device cpu"
"""What is put behind a training, to take no time."""


def lines() -> list[str]:
    blocks = re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    return "".join(blocks).replace("\\\n", " ").splitlines()


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the archive, in which the commands are typed."""
    make_sample(SampleConfig(train=44, valid=22, test=11, size=64), tmp_path / "drawn", workers=1)
    (tmp_path / "drawn" / MARKER).unlink()  # what is distributed is images
    shutil.make_archive(str(tmp_path / "food11"), "zip", tmp_path / "drawn")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_from_the_archive_to_the_answers(
    desk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("bokeh", reason="the extra report is not installed")
    typed = 0
    for line in lines():
        words = shlex.split(line)
        if words[0] == "unzip":
            shutil.unpack_archive(desk / "food11.zip", desk / words[-1])
        elif words[0] == "headrace":
            more = SMALLER.split() if words[1] == "train" else []
            more += ["--folds", "2", "--no-report"] if "--folds" in words else []
            more += ["--device", "cpu"] if words[1] in ("evaluate", "predict") else []
            monkeypatch.setattr(sys, "argv", [*words, *more])
            with pytest.raises(SystemExit) as end:
                main()
            assert not end.value.code, f"{line}\n{capsys.readouterr().err}"
            typed += 1
    assert typed == 11
    for name in re.findall(r"`([\w/]+\.(?:png|html|json|csv))`", PAGE.read_text(encoding="utf-8")):
        assert (desk / name).is_file(), name
    answers = (desk / "submission.csv").read_text().splitlines()
    assert answers[0] == "Id,Category" and len(answers) == 12


def test_what_is_not_a_command_of_ours_is_known() -> None:
    others = {line.split()[0] for line in lines()} - {"headrace"}
    assert others == {"python3", "source", "pip", "unzip"}

"""The command that exports: what it says, refuses and leaves behind."""

from __future__ import annotations

import dataclasses
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import IO

import numpy as np
import pytest
import torch
from PIL import Image

from headrace.pipeline.errors import ConfigError, FailedError, HeadraceError, MissingPackageError
from headrace.pipeline.records import Records
from headrace.tools.export import main
from headrace.tools.exporting import comparing, onnx_file, weights_only_file
from headrace.tools.exporting.description import Description, describe
from headrace.tools.exporting.formats import format_of
from headrace.tools.exporting.network import WholeNetwork
from headrace.train.evaluation import members
from headrace.train.evaluation.members import load_members
from headrace.train.folder.checkpoint import load_checkpoint, save_checkpoint
from headrace.train.generating.judge import Judge
from headrace.train.predict import PredictConfig, predict
from headrace.train.run import run_training
from tests.builders import photo
from tests.tools.exporting.made_up_checkpoints import SUFFIXES, small_checkpoint
from tests.train.tiny_runs import settings, write_data

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "export.md").read_text()


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run whose data is unknown."""
    return small_checkpoint(tmp_path / "run")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_is_written_can_be_checked(
    suffix: str, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / f"out{suffix}"
    main([str(run), str(out)])
    said = capsys.readouterr().out.splitlines()
    assert said[0] == f"wrote {out}: own.py:net of the run run, accuracy 0.5, 3 classes"
    assert re.fullmatch(
        r"largest difference of its probabilities from the model's: [\d.e-]+ "
        r"\(9 images: all made up, the run names no data; --data names others\)",
        said[1],
    )
    main(["--check", str(out)])
    assert "from those when it was written" in capsys.readouterr().out
    main(["--check", str(out), str(run)])
    assert "from the model's" in capsys.readouterr().out
    assert sorted(path.name for path in tmp_path.iterdir()) == [out.name, "run"]


@pytest.mark.parametrize("suffix", [SUFFIXES[0], ".safetensors"])
def test_of_a_real_run_it_says_what_a_prediction_says(
    suffix: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The averaged weights, too: best.pt holds those that were judged."""
    data = write_data(tmp_path / "tiny.beton")
    folder = tmp_path / "run"
    run_training(
        settings(
            data, folder, model="small-resnet", average="ema", epochs=1, amp="off", report=False
        )
    )
    out = tmp_path / f"out{suffix}"
    capsys.readouterr()
    main([str(folder), str(out)])
    assert f"(20 images: 8 of {data}, and made-up ones)" in capsys.readouterr().out
    outcome = predict(
        PredictConfig(
            paths=(str(folder), str(data)),
            split="val",
            loader="torchvision",
            workers=0,
            device="cpu",
        )
    )
    opened = format_of(out).read(out, "")
    with Records.open(data) as records:
        for index, expected in zip(outcome.indices, outcome.logits, strict=True):
            logits, _ = opened.answer(records.decode(int(index))[None])
            assert np.allclose(logits[0], expected, atol=0.02)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            [],
            "expected RUN and OUT, got nothing; name a run folder and then a file that",
        ),
        (["RUN"], "expected RUN and OUT"),
        (["RUN", "RUN", "x.pt2"], "a file holds one model, so an ensemble is exported run by run"),
        (["RUN", "x.pth"], "x.pth: expected a name that ends in .onnx, .pt2, .safetensors"),
        (["RUN", "old.pt2"], "old.pt2 is there already; name another file, or replace it with --f"),
        (["RUN", "nowhere/x.pt2"], "the folder nowhere does not exist"),
        (["gone", "x.pt2"], "gone does not exist"),
        (["RUN", "x.pt2", "--data", "gone.beton"], "--data gone.beton does not exist"),
        (["--check"], "--check: expected FILE, or FILE RUN, got nothing"),
        (["--check", "x.pt2"], "x.pt2 does not exist; name a file that"),
        (["--check", "RUN"], "expected a name that ends in"),
    ],
)
def test_what_makes_no_sense_is_one_line(
    words: list[str], message: str, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("old.pt2").write_text("old")
    with pytest.raises(HeadraceError, match=message) as caught:
        main([str(run) if word == "RUN" else word for word in words])
    assert "\n" not in str(caught.value)
    assert Path("old.pt2").read_text() == "old" and not Path("x.pt2").exists()


def test_a_folder_that_cannot_be_written_is_refused(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write everywhere
    with pytest.raises(ConfigError, match=r"no permission to write .* name another file"):
        main([str(run), str(tmp_path / "x.pt2")])


def test_what_differs_gets_no_name(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out.pt2"
    out.write_text("old")
    monkeypatch.setattr(comparing, "TOLERANCE", -1.0)
    with pytest.raises(FailedError, match="the file's probabilities differ from the model's by"):
        main([str(run), str(out), "--force"])
    assert out.read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.pt2", "run"]
    monkeypatch.undo()
    main([str(run), str(out), "--force"])
    main(["--check", str(out), str(run)])


def test_a_network_that_is_written_wrongly_is_found(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    form = format_of(Path("x.pt2"))
    write = form.write

    def wrong(file: IO[bytes], network: WholeNetwork, description: Description) -> None:
        network.shift += 0.5
        write(file, network, description)

    monkeypatch.setattr(form, "write", wrong)
    with pytest.raises(FailedError, match=r"differ from the model's by .* px, more than 0.01"):
        main([str(run), str(tmp_path / "out.pt2")])


def test_a_model_that_branches_on_values_keeps_its_weights(run: Path, tmp_path: Path) -> None:
    odd = small_checkpoint(tmp_path / "odd", body="x if x.sum() > 0 else -x")
    with pytest.raises(FailedError, match=r"torch.export cannot take this model: .*safetensors"):
        main([str(odd), str(tmp_path / "out.pt2")])
    assert not list(tmp_path.glob("*out.pt2*"))
    main([str(odd), str(tmp_path / "out.safetensors")])


def test_another_run_is_told(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.safetensors"
    main([str(run), str(out)])
    content = load_checkpoint(run / "best.pt")

    def changed(**values: object) -> str:
        path = tmp_path / "other.pt"
        save_checkpoint(path, {**content, **values})
        return str(path)

    weights = {name: value + 1 for name, value in content["weights"].items()}
    preprocess = {**content["preprocess"], "size": 17}
    cases: list[tuple[dict[str, object], str]] = [
        ({"classes": ["apple pie", "b", "c"]}, "other classes: class 1 is 'bäckerei' for one"),
        ({"preprocess": preprocess}, "was written for .*'size': 16.* has .*'size': 17.*again"),
        (
            {"weights": weights},
            "holds other weights than .*: those after 2 epochs of the run run; ex",
        ),
    ]
    for values, message in cases:
        with pytest.raises(ConfigError, match=message):
            main(["--check", str(out), changed(**values)])


def test_scores_of_an_earlier_version_tell_the_same(tmp_path: Path) -> None:
    (member,) = load_members([str(small_checkpoint(tmp_path / "run"))])
    told = dataclasses.asdict(describe(member, np.zeros((1, 3))))
    earlier = {"epoch": 2, "global_step": 9, "accuracy": 0.5}
    assert Description.from_dict({**told, "scores": earlier}, "x").scores == told["scores"]
    with pytest.raises(ConfigError, match="x does not say what it is"):
        Description.from_dict({**told, "scores": 3}, "x")


@pytest.mark.parametrize(
    ("module", "name", "extra"),
    [(onnx_file, "x.onnx", "export"), (weights_only_file, "x.safetensors", "safetensors")],
)
def test_a_missing_package_names_the_extra(
    module: ModuleType,
    name: str,
    extra: str,
    run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "is_installed", lambda package: False)
    with pytest.raises(MissingPackageError, match=rf'pip install "headrace\[{extra}\]"'):
        main([str(run), str(tmp_path / name)])


def test_several_runs_in_a_folder_are_refused(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By whatever takes one model alone."""
    monkeypatch.setattr(members, "load_members", lambda places: 2 * load_members(places))
    refused = pytest.raises(
        ConfigError, match="holds 2 runs, of which one is to be taken; name one of them"
    )
    with refused:
        main([str(run), str(tmp_path / "x.pt2")])
    with refused:
        Judge(run, ["a", "b"], torch.device("cpu"))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_page_shows_code_that_runs(suffix: str, run: Path, tmp_path: Path) -> None:
    out = tmp_path / f"out{suffix}"
    main([str(run), str(out)])
    Image.fromarray(photo(0, 50, 70)).save(tmp_path / "a.png")
    Image.fromarray(photo(1, 90, 20)).convert("L").save(tmp_path / "b.jpg")
    found = re.search(rf"<!-- a test runs this: {suffix[1:]} -->\n```python\n(.*?)```", PAGE, re.S)
    assert found is not None
    (tmp_path / "code.py").write_text(found[1])
    names = [str(tmp_path / name) for name in ("a.png", "b.jpg")]
    ended = subprocess.run(
        [sys.executable, "code.py", str(out), *names],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
    )
    assert ended.returncode == 0, ended.stderr
    assert "headrace" not in re.sub(r'"headrace.json"', "", found[1])
    lines = ended.stdout.splitlines()
    if suffix == ".safetensors":
        assert "'apple pie'" in lines[0] and "'eval_crop': 0.875" in lines[0]
    else:
        assert len(lines) == 2 and all("%" in line for line in lines)
        assert all(name in lines[0] for name in ("apple pie", "bäckerei", "c "))


def test_torch_has_what_the_page_says() -> None:
    assert "2.6 or newer" in PAGE and hasattr(torch.export, "load")

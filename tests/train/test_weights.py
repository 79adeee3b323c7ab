"""Starting from weights: what is taken, what is said of the rest, and what is refused."""

from __future__ import annotations

import dataclasses
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from headrace.pipeline.errors import ConfigError, HeadraceError
from headrace.train.folder.checkpoint import load_checkpoint
from headrace.train.folder.resume import check_same_settings
from headrace.train.models.build import build_model, starting_model
from headrace.train.models.spec import ModelSpec
from headrace.train.run import run_training
from headrace.train.settings.config import ModelConfig
from tests.builders import make_records, samples
from tests.train.tiny_runs import settings, write_data

SPEC = ModelSpec(name="resnet18-strided", num_classes=3, size=32)


def started(path: Path, spec: ModelSpec = SPEC) -> tuple[nn.Module, str]:
    lines: list[str] = []
    model = starting_model(spec, pretrained=False, weights=str(path), say=lines.append)
    (line,) = lines
    assert "\n" not in line
    return model, line


def written(path: Path, spec: ModelSpec = SPEC) -> dict[str, torch.Tensor]:
    torch.manual_seed(7)
    weights: dict[str, torch.Tensor] = build_model(spec).state_dict()
    torch.save(weights, path)
    return weights


def test_the_same_classes_keep_their_head(tmp_path: Path) -> None:
    weights = written(tmp_path / "a.pth")
    model, line = started(tmp_path / "a.pth")
    assert all(torch.equal(value, weights[key]) for key, value in model.state_dict().items())
    count = len(weights)
    assert line == f"weights: {count} of the model's {count} tensors taken from {tmp_path}/a.pth"


def test_published_weights_of_timm_are_described_too(monkeypatch: pytest.MonkeyPatch) -> None:
    from timm.models import _builder

    asked: list[int] = []
    monkeypatch.setattr(
        _builder, "load_pretrained", lambda model, **named: asked.append(named["num_classes"])
    )
    lines: list[str] = []
    spec = dataclasses.replace(SPEC, name="timm:test_resnet")
    starting_model(spec, pretrained=True, weights="", say=lines.append)
    assert asked == [3]
    assert lines == [
        "weights: the published ones of timm:test_resnet; the head (fc, of 1000 classes there) "
        "starts anew with 3 classes"
    ]


@pytest.mark.parametrize("name", ["resnet18-strided", "timm:test_resnet", "torchvision:resnet18"])
def test_the_head_of_other_classes_is_dropped(name: str, tmp_path: Path) -> None:
    theirs = dataclasses.replace(SPEC, name=name, num_classes=5)
    weights = written(tmp_path / "a.pth", theirs)
    torch.manual_seed(8)
    model, line = started(tmp_path / "a.pth", dataclasses.replace(theirs, num_classes=3))
    own = model.state_dict()
    kept = [key for key in own if torch.equal(own[key], weights[key])]
    dropped = [key for key in own if own[key].shape != weights[key].shape]
    assert len(dropped) == 2
    assert len(kept) == len(own) - 2
    assert f"{len(kept)} of the model's {len(own)} tensors taken" in line
    head = dropped[0].rpartition(".")[0]
    assert line.endswith(f"the head ({head}, of 5 classes there) starts anew with 3 classes")


def test_a_file_without_head_and_with_more_says_both(tmp_path: Path) -> None:
    weights = written(tmp_path / "a.pth")
    head = list(weights)[-2:]
    for key in head:
        weights[f"projector.{key}"] = weights.pop(key)
    torch.save({"epoch": 3, "state_dict": weights}, tmp_path / "a.pth")
    _, line = started(tmp_path / "a.pth")
    assert f"the head ({head[0].rpartition('.')[0]}) starts anew" in line
    assert f"not taken: projector.{head[0]}, projector.{head[1]}" in line


@pytest.mark.parametrize("form", ["plain", "weights", "model", "module.", "_orig_mod.module."])
def test_usual_wrappings_are_taken_off(form: str, tmp_path: Path) -> None:
    weights = written(tmp_path / "a.pth")
    if form.endswith("."):
        torch.save({form + key: value for key, value in weights.items()}, tmp_path / "a.pth")
    elif form != "plain":
        torch.save({form: weights, "epoch": 3}, tmp_path / "a.pth")
    model, _ = started(tmp_path / "a.pth")
    assert torch.equal(model.state_dict()["0.weight"], weights["0.weight"])


def test_safetensors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    safetensors = pytest.importorskip("safetensors.torch")
    weights = written(tmp_path / "a.pth")
    safetensors.save_file(weights, tmp_path / "a.safetensors")
    model, _ = started(tmp_path / "a.safetensors")
    assert torch.equal(model.state_dict()["0.weight"], weights["0.weight"])
    (tmp_path / "b.safetensors").write_bytes(b"nothing of the kind")
    with pytest.raises(ConfigError, match="is damaged"):
        started(tmp_path / "b.safetensors")
    monkeypatch.setitem(__import__("sys").modules, "safetensors.torch", None)
    with pytest.raises(HeadraceError, match=r'pip install "headrace\[safetensors\]"'):
        started(tmp_path / "a.safetensors")


def test_a_spatial_transformer_is_new_in_front_of_weights(tmp_path: Path) -> None:
    weights = written(tmp_path / "a.pth")
    spec = dataclasses.replace(SPEC, spatial_transformer=True)
    model, _ = started(tmp_path / "a.pth", spec)
    assert torch.equal(model.state_dict()["model.0.weight"], weights["0.weight"])
    whole = written(tmp_path / "b.pth", spec)
    again, line = started(tmp_path / "b.pth", spec)
    assert torch.equal(
        again.state_dict()["transformer.locate.0.weight"], whole["transformer.locate.0.weight"]
    )
    assert "starts anew" not in line


class Sly:
    def __reduce__(self) -> tuple[Any, ...]:
        return Path.write_text, (Path("sly.txt"), "ran")


def test_wrong_files_are_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    weights = written(tmp_path / "good.pth")
    bad = {
        "text.pth": "is damaged, or no file of torch.save",
        "page.pth": "is damaged, or no file of torch.save",
        "sly.pth": "holds more than tensors",
        "number.pth": "holds no weights",
        "empty.pth": "holds no weights",
        "other.pth": r": 0.weight is 64x3x7x7 there and 32x3x3x3 here, .* and 1 more",
        "few.pth": r"lacks 3 of the model's \d+ tensors: 0.weight, 1.weight, 1.bias; it holds ",
        "told.pth": r"take --model airbench, as the file says \(and its --size\)",
        "none.pth": "does not exist",
        "data.pth": "holds packed images, and no weights",
    }
    make_records(tmp_path / "data.pth", samples(1)).close()
    (tmp_path / "text.pth").write_text("hello")
    (tmp_path / "page.pth").write_text("<html>not found</html>")
    torch.save({"weights": weights, "optimizer": Sly()}, "sly.pth")
    told = {"model": {"name": "airbench"}, "weights": {"1.x": torch.zeros(3)}}
    torch.save(told, "told.pth")
    torch.save(3, "number.pth")
    torch.save({}, "empty.pth")
    wrong = {**weights, "0.weight": torch.zeros(64, 3, 7, 7)}
    wrong |= {f"1.{key}": torch.zeros(64) for key in ("weight", "bias", "running_mean")}
    torch.save(wrong, "other.pth")
    lost = ("0.weight", "1.weight", "1.bias")
    torch.save({k: v for k, v in weights.items() if k not in lost}, "few.pth")
    for name, message in bad.items():
        with pytest.raises(ConfigError, match=message) as error:
            started(Path(name))
        assert "\n" not in str(error.value) and str(error.value).startswith("--weights ")
    assert not Path("sly.txt").exists()
    with pytest.raises(pickle.UnpicklingError):
        torch.load("sly.pth", weights_only=True)


def test_weights_and_pretrained_exclude_each_other() -> None:
    with pytest.raises(ConfigError, match=r"--weights is 'a\.pth', expected no --pretrained"):
        ModelConfig(weights="a.pth", pretrained=True)


@pytest.mark.parametrize(("classes", "kept"), [(1000, True), (3, False)])
def test_published_weights_say_what_becomes_of_their_head(
    classes: int, kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A library that finds its weights without the network."""
    from torchvision.models import resnet

    theirs = resnet.resnet18()
    monkeypatch.setattr(
        resnet.WeightsEnum, "get_state_dict", lambda *args, **named: theirs.state_dict()
    )
    lines: list[str] = []
    spec = ModelSpec(name="torchvision:resnet18", num_classes=classes, size=32)
    model = starting_model(spec, pretrained=True, weights="", say=lines.append)
    own, given = model.state_dict(), theirs.state_dict()
    same = [key for key in own if torch.equal(own[key], given[key])]
    assert (len(same) == len(own)) == kept and len(same) >= len(own) - 2
    head = (
        ", with their head of 1000 classes"
        if kept
        else "; the head (fc, of 1000 classes there) starts anew with 3 classes"
    )
    assert lines == [f"weights: the published ones of torchvision:resnet18{head}"]


def test_a_run_starts_from_weights_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = write_data(tmp_path / "a.beton")
    first = {"epochs": 1, "limit_batches": 1, "model": "small-resnet", "warmup_epochs": 0}
    run_training(settings(data, tmp_path / "one", **first))
    weights = str(tmp_path / "one/last.pt")
    said = capsys.readouterr().out
    assert "weights:" not in said
    run_training(settings(data, tmp_path / "two", **first, weights=weights, lr=1e-12))
    assert f"taken from {weights}" in capsys.readouterr().out
    one, two = (load_checkpoint(tmp_path / name)["weights"] for name in ("one", "two"))
    assert torch.allclose(one["0.weight"], two["0.weight"], atol=1e-6)
    Path(weights).unlink()  # what has begun needs it no more
    longer = {**first, "epochs": 2, "lr": 1e-12}
    run_training(settings(data, tmp_path / "two", **longer), str(tmp_path / "two"))
    assert "weights:" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weights": "none.pth"}, "--weights none.pth does not exist"),
        ({"model": "timm:test_vit", "size": 40}, "--model timm:test_vit cannot take an image of"),
        ({"model": "none.py:net"}, "cannot be read"),
        ({"model": "small-resnet", "whitening": True}, "--whitening needs a model"),
    ],
)
def test_what_cannot_start_is_refused_before_images_are_decoded(
    change: dict[str, Any], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import headrace.train.opening.course

    def no_work(*arguments: object) -> None:
        raise AssertionError("data was decoded")

    monkeypatch.setattr(headrace.train.opening.course, "open_loaders", no_work)
    data = write_data(tmp_path / "a.beton")
    with pytest.raises(ConfigError, match=message):
        run_training(settings(data, tmp_path / "run", **change))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("changes", [{"weights": "other.pt"}, {"pretrained": True}])
def test_what_goes_on_takes_no_other_first_weights(changes: dict[str, Any], tmp_path: Path) -> None:
    """A run would pass them over, and of several runs those that have not begun would take them."""
    before = settings(tmp_path, tmp_path / "run")
    (name,) = changes
    with pytest.raises(ConfigError, match=f"cannot resume with a changed --{name}"):
        check_same_settings(before, settings(tmp_path, tmp_path / "run", **changes))

"""Models of a user's own file and of torch.hub: what they get, what is noted, what is refused."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest
import torch
from torch import nn

from headrace.pipeline.errors import ConfigError, Finished, HeadraceError
from headrace.train.command_line import read_command_line
from headrace.train.folder.checkpoint import load_checkpoint
from headrace.train.models.build import build_model, starting_model
from headrace.train.models.places import short_name
from headrace.train.models.saved import saved_spec
from headrace.train.models.spec import ModelSpec, spec_of
from headrace.train.predict import PredictConfig, predict
from headrace.train.run import run_training
from headrace.train.settings.config import ModelConfig, RunConfig
from tests.train.tiny_runs import settings, write_data

OWN = """
from torch import nn
from widths import WIDTH

def net(num_classes, size=0, dropout=0.0):
    layers = [nn.Conv2d(3, WIDTH, 3, 2, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*layers, nn.Dropout(dropout), nn.Linear(WIDTH, num_classes))

class Lazy(nn.Sequential):
    def __init__(self, num_classes):
        super().__init__(nn.Flatten(), nn.LazyLinear(num_classes))

def bare(): pass
def greedy(num_classes, depth): pass
def none(num_classes): return None
def raises(num_classes): return 1 / 0
def wide(num_classes): return net(num_classes + 1)
def maps(num_classes): return nn.Conv2d(3, num_classes, 1)
def large(num_classes): return nn.Sequential(nn.Conv2d(3, 4, 99), nn.Flatten())
number = 3
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    (tmp_path / "code").mkdir()
    (tmp_path / "code/widths.py").write_text("WIDTH = 5\n")
    path = tmp_path / "code/net.py"
    path.write_text(OWN)
    return path


def spec(name: str, **options: float) -> ModelSpec:
    config = ModelConfig(model=name, **options)  # type: ignore[arg-type]
    return spec_of(config, 3, 32)


def test_a_function_and_a_class_of_a_file(own: Path) -> None:
    model = build_model(spec(f"{own}:net", dropout=0.25))
    assert model(torch.zeros(2, 3, 32, 32)).shape == (2, 3)
    assert [m.p for m in model.modules() if isinstance(m, nn.Dropout)] == [0.25]
    lazy = build_model(spec(f"{own}:Lazy"))
    assert sum(p.numel() for p in lazy.parameters()) == 3 * (3 * 32 * 32 + 1)
    assert all(p.requires_grad and not p.is_inference() for p in lazy.parameters())


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("net.py", "names no function of that file: expected .*net.py:FUNCTION"),
        ("nit.py:net", r"cannot be read \(No such file"),
        ("net.py:nett", "has no function 'nett'; did you mean 'net'"),
        ("net.py:number", "has no function 'number'; known are"),
        ("net.py:bare", "takes no num_classes: expected a function of num_classes and"),
        ("net.py:greedy", "needs depth: expected a function"),
        ("net.py:none", "returned a NoneType, expected a torch.nn.Module"),
        ("net.py:raises", r"failed: ZeroDivisionError: division by zero \(line 16\)"),
        ("net.py:wide", "gives 4 numbers for an image, expected one for each of the 3 classes"),
        ("net.py:maps", r"gives a tensor of shape \(1, 3, 32, 32\) for one image, expected \(1, 3"),
        ("net.py:large", "cannot take an image of 32x32 px: "),
    ],
)
def test_wrong_names_are_one_line(own: Path, name: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as error:
        build_model(spec(f"{own.parent}/{name}"))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("def net(:\n", r"SyntaxError: .* \(line 1\)"),
        ("\nimport no_such_thing\n", r"ModuleNotFoundError: .*no_such_thing.* \(line 2\)"),
        ("x = 1\n", "it defines none"),
    ],
)
def test_a_file_that_cannot_be_run(own: Path, code: str, message: str) -> None:
    own.write_text(code)
    with pytest.raises(ConfigError, match=message):
        build_model(spec(f"{own}:net"))


def test_options_that_it_does_not_take(own: Path) -> None:
    with pytest.raises(ConfigError, match=r"--dropout: .*:Lazy takes no dropout"):
        build_model(spec(f"{own}:Lazy", dropout=0.5))
    with pytest.raises(ConfigError, match=r"no published weights .* with --weights"):
        build_model(spec(f"{own}:net"), pretrained=True)


def test_an_edit_within_the_same_second_counts(own: Path) -> None:
    before = build_model(spec(f"{own}:net"))
    own.write_text(OWN.replace("WIDTH, 3, 2, 1", "WIDTH, 5, 2, 1"))
    after = build_model(spec(f"{own}:net"))
    assert [m.kernel_size for m in before.modules() if isinstance(m, nn.Conv2d)] == [(3, 3)]
    assert [m.kernel_size for m in after.modules() if isinstance(m, nn.Conv2d)] == [(5, 5)]


def test_an_own_model_is_trained_resumed_and_used(
    own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = write_data(tmp_path / "a.beton")
    monkeypatch.chdir(own.parent)

    def config(name: str) -> RunConfig:
        quick = {"epochs": 1, "limit_batches": 2, "recipe": "none"}
        return settings(data, tmp_path / "run", model=name, **quick)

    run_training(config("net.py:net"))
    monkeypatch.chdir(tmp_path)
    saved = load_checkpoint(tmp_path / "run")
    assert saved["model"]["name"] == f"{own}:net" and len(saved["model"]["code"]) == 16
    command = ["--resume", str(tmp_path / "run")]
    run_training(*read_command_line([*command, "--epochs", "2"]))

    def predicted(model: str = "") -> None:
        predict(PredictConfig(paths=(str(tmp_path / "run"), str(data)), model=model))

    predicted()
    own.rename(own.with_name("moved.py"))
    moved = f"{own.with_name('moved.py')}:net"
    for use in (predicted, lambda: run_training(*read_command_line(command))):
        with pytest.raises(ConfigError, match=r"net.py:net cannot be read .* say where the file"):
            use()
    predicted("code/moved.py:net")
    with pytest.raises(Finished):
        run_training(*read_command_line([*command, "--model", moved]))
    own.with_name("moved.py").rename(own)
    own.write_text(OWN + "\n# edited\n")
    with pytest.raises(ConfigError, match=r"net.py has changed since these weights were saved"):
        predicted()
    with pytest.raises(ConfigError, match=r"cannot resume: .*net.py has changed since"):
        run_training(*read_command_line(command))
    predicted(f"{own}:net")
    own.write_text(OWN.replace("WIDTH, 3, 2, 1", "WIDTH, 5, 2, 1"))
    with pytest.raises(ConfigError, match=r"weights do not fit .*net.py:net: .*size mismatch"):
        predicted(f"{own}:net")
    own.write_text(OWN)
    own.rename(own.with_name("moved.py"))
    longer = [*command, "--model", moved, "--epochs", "3"]
    assert run_training(*read_command_line(longer)).progress.epoch == 3


def test_predict_takes_a_file_only_for_a_model_of_one(own: Path, tmp_path: Path) -> None:
    data = write_data(tmp_path / "a.beton")
    quick = {"epochs": 1, "limit_batches": 1, "model": "small-resnet"}
    run_training(settings(data, tmp_path / "run", **quick))
    with pytest.raises(ConfigError, match="the checkpoint is of small-resnet; leave --model out"):
        predict(PredictConfig(paths=(str(tmp_path / "run"), str(data)), model=f"{own}:net"))


def test_a_file_without_its_hash_is_not_run(own: Path) -> None:
    model = {"name": f"{own}:net", "num_classes": 3, "size": 32}
    with pytest.raises(ConfigError, match=r"names .*net.py:net but no hash of that file"):
        saved_spec({"model": model})
    assert saved_spec({"model": model}, f"{own}:net").name == f"{own}:net"


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("a/b/net.py:build", "net-build"),
        ("hub:./x/folder:net", "hub-folder-net"),
        ("hub:owner/name:net", "hub-owner-name-net"),
        ("timm:resnet18", "timm-resnet18"),
        ("small-resnet", "small-resnet"),
    ],
)
def test_a_run_folder_has_the_models_short_name(name: str, short: str) -> None:
    assert short_name(ModelConfig(model=name).model) == short


HUB = """
import torch
from torch import nn

dependencies = ["torch"]

def plain(pretrained=False):
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    model.append(nn.Linear(4, 7))
    if pretrained:
        nn.init.ones_(model[0].weight)
    return model

def old():
    return plain()

def headless(pretrained=False):
    return nn.Sequential(nn.AdaptiveAvgPool2d((1, 2)), nn.Flatten())

def failing(pretrained=False):
    raise OSError("no route\\nto host")
"""


@pytest.fixture
def hub(tmp_path: Path) -> Path:
    folder = tmp_path / "hubfolder"
    folder.mkdir()
    (folder / "hubconf.py").write_text(textwrap.dedent(HUB))
    return folder


@pytest.mark.parametrize("entry", ["plain", "old"])
def test_a_hub_folder_gives_a_model_with_our_classes(entry: str, hub: Path) -> None:
    model = build_model(spec(f"hub:{hub}:{entry}"))
    assert model(torch.zeros(2, 3, 32, 32)).shape == (2, 3)


def test_hub_weights_lose_their_head(hub: Path) -> None:
    lines: list[str] = []
    model = starting_model(spec(f"hub:{hub}:plain"), pretrained=True, weights="", say=lines.append)
    assert bool((model.state_dict()["0.weight"] == 1).all())
    assert lines[0].endswith("the head (3, of 7 classes there) starts anew with 3 classes")


@pytest.mark.parametrize(
    ("name", "pretrained", "message"),
    [
        ("plain", False, "is not complete: expected hub:OWNER/REPOSITORY:NAME"),
        ("{hub}:nothing", False, "could not be built: Cannot find callable nothing"),
        ("{hub}/none:plain", False, "there is no .*none/hubconf.py"),
        ("{hub}:headless", False, "no last layer of so many outputs was found"),
        ("{hub}:failing", True, "--pretrained: the weights .*no route to host"),
        ("{hub}:failing", False, "could not be built: no route to host"),
        ("{hub}:old", True, "--pretrained: .*:old takes no such option"),
    ],
)
def test_wrong_hub_models_are_one_line(
    hub: Path, name: str, pretrained: bool, message: str
) -> None:
    with pytest.raises(HeadraceError, match=message) as error:
        build_model(spec(f"hub:{name.format(hub=hub)}"), pretrained)
    assert "\n" not in str(error.value)


def test_a_hub_name_of_two_readings_is_a_question(
    hub: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path.parent)
    name = f"{tmp_path.name}/hubfolder"
    with pytest.raises(ConfigError, match=r"or a repository on GitHub; write hub:\./"):
        spec(f"hub:{name}:plain")
    assert build_model(spec(f"hub:./{name}:plain")) is not None
    with pytest.raises(ConfigError, match="--dropout: hub:"):
        build_model(spec(f"hub:./{name}:plain", dropout=0.1))


def test_a_repository_that_nobody_has_trusted_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    def asks(*arguments: object, **named: object) -> nn.Module:
        assert arguments == ("owner/name:main", "net")
        assert named["source"] == "github" and named["trust_repo"] == "check"
        raise EOFError

    monkeypatch.setattr(torch.hub, "load", asks)
    with pytest.raises(ConfigError, match=r"torch\.hub asks first: answer it once in a terminal"):
        build_model(spec("hub:owner/name:main:net"))

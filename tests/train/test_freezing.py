"""What is trained of a model: stages from its tree, frozen ones as they were, freed one by one."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from headrace.pipeline.errors import ConfigError, Interrupted
from headrace.tools.summary import SummarySettings, summarise
from headrace.train.device.amp import choose_precision
from headrace.train.device.compiling import compile_model
from headrace.train.folder.checkpoint import load_checkpoint
from headrace.train.models import MODELS
from headrace.train.models.build import build_model
from headrace.train.models.spec import ModelSpec
from headrace.train.opening.compiled import make_forward
from headrace.train.optimizers import OPTIMIZERS
from headrace.train.optimizers.build import build_optimizer
from headrace.train.optimizers.freezing import FreezeConfig, Freezing
from headrace.train.optimizers.stages import stages_of
from headrace.train.processes.world import World
from headrace.train.run import run_training
from headrace.train.settings.optim import OptimConfig
from tests.train.test_loop import stop_after
from tests.train.tiny_runs import assert_same_run, rows, settings


def built(name: str, **options: Any) -> nn.Module:
    return build_model(ModelSpec(name=name, num_classes=5, size=64, **options))


def small() -> nn.Sequential:
    """Stages 0, 2, 4, 7 and the head, 9; three norms."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4),
        nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 4, 2), nn.Flatten(),
        nn.Linear(4, 3),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("resnet18", "conv1 layer1 layer2 layer3 layer4 fc"),
        ("torchvision:resnet18", "conv1 layer1 layer2 layer3 layer4 fc"),
        ("timm:test_resnet", "conv1 layer1 layer2 layer3 layer4 fc"),
        ("timm:test_convnext", "stem stages.0 stages.1 stages.2 stages.3 head.fc"),
        ("torchvision:squeezenet1_1", "features.0 features.3 features.4 features.6 features.7 "
         "features.9 features.10 features.11 features.12 classifier.1"),
        ("small-resnet", "0 4 5 6 10"),
    ],
)  # fmt: skip
def test_stages_are_those_of_the_module_tree(name: str, expected: str) -> None:
    assert [stage.name for stage in stages_of(built(name))] == expected.split()


@pytest.mark.parametrize("name", [*MODELS, "timm:test_vit", "torchvision:mobilenet_v3_small"])
def test_each_weight_and_norm_is_in_one_stage(name: str) -> None:
    model = built(name, spatial_transformer=name == "resnet18")
    stages = stages_of(model)
    found = [id(weight) for stage in stages for weight in stage.parameters]
    assert sorted(found) == sorted(id(weight) for weight in model.parameters())
    norms = [norm for stage in stages for norm in stage.norms]
    assert norms == [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    if name == "resnet18":  # what stands in front is of the first
        assert stages[0].parameters[0] is model.transformer.locate[0].weight


def test_frozen_norms_stay_in_evaluation_mode_and_copies_too() -> None:
    import copy

    model = small().train()
    freezing = Freezing(model, FreezeConfig(train_last=2, unfreeze_every=1), lambda line: None)
    modes = lambda net: [net[n].training for n in (1, 3, 5)]  # noqa: E731
    freezing.begin(0)
    assert modes(model) == [False, False, False]
    assert [n for n, w in model.named_parameters() if w.requires_grad] == [
        "7.weight", "7.bias", "9.weight", "9.bias"
    ]  # fmt: skip
    twin = copy.deepcopy(model)
    for net in (model, twin):
        net.eval()
        net.train()
        assert modes(net) == [False, False, False] and net[6].training
    before = model[1].running_mean.clone()
    model(torch.randn(4, 3, 8, 8))
    assert torch.equal(model[1].running_mean, before)
    freezing.begin(2)
    assert modes(model) == [False, True, True] and modes(twin) == [False] * 3
    model.eval()
    assert modes(model) == [False] * 3
    model.train()
    assert modes(model) == [False, True, True]


def test_nothing_is_kept_for_a_gradient_of_what_is_frozen() -> None:
    def kept(last: int) -> int:
        model, found = small().train(), []
        Freezing(model, FreezeConfig(train_last=last))

        def keep(tensor: Tensor) -> Tensor:
            found.append(tensor.shape)
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            model(torch.randn(4, 3, 8, 8)).sum().backward()
        assert all((w.grad is not None) == w.requires_grad for w in model.parameters())
        return len(found)

    assert kept(1) <= 2 < kept(3) < kept(0), "the head keeps its input (and its matrix)"
    whole, head = (
        summarise(SummarySettings(model="small-resnet", size=32, train_last=n, device="cpu"))
        for n in (0, 1)
    )
    assert head[0].trainable == 192 * 10 + 10 and whole[0].trainable == whole[0].parameters
    assert head[1] is not None and whole[1] is not None
    assert head[1].activations < whole[1].activations / 20
    assert head[1].gradients == 4 * head[0].trainable


def test_what_a_model_itself_keeps_from_training_stays_so() -> None:
    model = built("airbench", whitening=True)
    own = {name for name, weight in model.named_parameters() if not weight.requires_grad}
    Freezing(model, FreezeConfig(train_last=1, unfreeze_every=1), print).begin(99)
    assert own == {name for name, weight in model.named_parameters() if not weight.requires_grad}


def test_only_the_head_moves(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_training(settings(data, tmp_path / "first", epochs=1))
    base = load_checkpoint(tmp_path / "first/best.pt")["weights"]
    changes = {"weights": str(tmp_path / "first"), "train_last": 1, "weight_decay": 0.5}
    capsys.readouterr()
    run = run_training(settings(data, tmp_path / "second", **changes))
    weights = load_checkpoint(tmp_path / "second/best.pt")["weights"]
    assert {name for name in base if not torch.equal(base[name], weights[name])} == {
        "fc.weight", "fc.bias"
    }  # fmt: skip
    line = "model: timm:test_resnet, 0.37 M parameters, 291 of them trained (fc), 32 px"
    assert line in (shown := capsys.readouterr().out) and "--train-last:" not in shown
    start = rows(tmp_path / "second", "start")[0]
    assert start["trained_parameters"] == 96 * 3 + 3 < start["parameters"]
    assert len(run.optimizer.state) == 2


KINDS: dict[str, dict[str, Any]] = {
    "plain": {"optimizer": "muon"},
    "ema": {"average": "ema", "accumulate": 2, "objective": "sam"},
    "swa": {"average": "swa", "swa_start": 0.3, "optimizer": "adabound"},
}


@pytest.mark.parametrize("kind", KINDS)
def test_gradual_unfreezing_resumes_bit_for_bit(
    kind: str,
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    changes = {"train_last": 1, "unfreeze_every": 1, "epochs": 3, **KINDS[kind]}
    run = run_training(settings(data, tmp_path / "whole", **changes))
    shown = capsys.readouterr().out
    assert "epoch 2: trained from now on: layer4, fc (" in shown
    assert "epoch 3: trained from now on: layer3, layer4, fc (" in shown
    assert "--train-last: what is frozen keeps the weights that were drawn for it" in shown
    norms = {n: m for n, m in run.model.named_modules() if isinstance(m, nn.BatchNorm2d)}
    counts = {n.partition(".")[0]: int(norm.num_batches_tracked) for n, norm in norms.items()}
    assert (counts["conv1"], counts["layer2"]) == (0, 0)
    passes = 11 if kind == "ema" else 6  # the last batch, of two samples, is not cut
    assert (counts["layer3"], counts["layer4"]) == (passes, 2 * passes)
    # In the second epoch: one stage is freed, another will be.
    with monkeypatch.context() as patch:
        stop_after(8, patch)
        with pytest.raises(Interrupted):
            run_training(settings(data, tmp_path / "again", **changes))
    run_training(settings(data, tmp_path / "again", **changes), resume=str(tmp_path / "again"))
    assert_same_run(tmp_path / "whole", tmp_path / "again")


def test_groups_stay_and_keep_their_state_when_a_stage_is_freed() -> None:
    model = small().train()
    freezing = Freezing(model, FreezeConfig(train_last=1, unfreeze_every=1), lambda line: None)
    optimizer = build_optimizer(model, OptimConfig(optimizer="adamw"))
    for epoch in range(3):
        freezing.begin(epoch)
        model(torch.randn(4, 3, 8, 8)).sum().backward()
        optimizer.step()
        optimizer.zero_grad()
    steps = {n: int(optimizer.state[w]["step"]) for n, w in model.named_parameters()
             if w in optimizer.state}  # fmt: skip
    assert steps == {"9.weight": 3, "9.bias": 3, "7.weight": 2, "7.bias": 2,
                     "4.weight": 1, "4.bias": 1, "5.weight": 1, "5.bias": 1}  # fmt: skip
    assert sum(len(group["params"]) for group in optimizer.param_groups) == 16


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_leaves_alone_what_is_frozen_for_now(name: str) -> None:
    model = small().train()
    freezing = Freezing(model, FreezeConfig(train_last=1, unfreeze_every=1), lambda line: None)
    optimizer = build_optimizer(model, OptimConfig(optimizer=name, weight_decay=0.5))
    trained = {"9.weight", "9.bias"}
    for epoch, stage in enumerate((set(), {"7.weight", "7.bias"})):
        trained |= stage
        freezing.begin(epoch)
        before = {name: value.clone() for name, value in model.state_dict().items()}
        model(torch.randn(4, 3, 8, 8)).square().sum().backward()
        optimizer.step()
        optimizer.zero_grad()
        after = model.state_dict()
        assert {n for n in before if not torch.equal(before[n], after[n])} == trained


def test_a_compiled_model_notices_what_is_freed(monkeypatch: pytest.MonkeyPatch) -> None:
    torch._dynamo.reset()
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="aot_eager"))
    model = small().train()
    freezing = Freezing(model, FreezeConfig(train_last=1, unfreeze_every=1), lambda line: None)
    images = torch.randn(4, 3, 8, 8)
    for epoch in range(3):
        freezing.begin(epoch)
        if not epoch:
            precision = choose_precision("off", torch.device("cpu"))
            forward, _ = compile_model(model, "on", images, precision)
        found = []
        for step in (forward, model):
            model.zero_grad()
            step(images).square().sum().backward()
            found.append([None if w.grad is None else w.grad.clone() for w in model.parameters()])
        for one, other in zip(*found, strict=True):
            assert (one is None) == (other is None)
            assert one is None or torch.allclose(one, other, atol=1e-4, rtol=1e-4)
        assert sum(grad is not None for grad in found[0]) == (2, 4, 8)[epoch]


def test_what_cannot_be_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match="--train-last is 7, but this model has 5 stages: 0, 2, 4"
    ):
        Freezing(small(), FreezeConfig(train_last=7))
    with pytest.raises(ConfigError, match="has 0 stages: no layer to end with"):
        Freezing(nn.BatchNorm2d(3), FreezeConfig(train_last=1))
    with pytest.raises(
        ConfigError, match="--unfreeze-every is 2, expected --train-last N beside it"
    ):
        FreezeConfig(unfreeze_every=2)
    with pytest.raises(ConfigError, match="--train-last is -1, expected 0 or more"):
        FreezeConfig(train_last=-1)
    config = settings(tmp_path, tmp_path, train_last=1, unfreeze_every=1)
    two = World(rank=0, size=2)
    with pytest.raises(ConfigError, match="--unfreeze-every with 2 processes: "):
        make_forward(small(), config, two, choose_precision("off", torch.device("cpu")), None)  # type: ignore[arg-type]

"""Adapters by peft: what is trained, what best.pt and adapter.pt hold, and going on."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from headrace.pipeline.errors import ConfigError, Interrupted, MissingPackageError
from headrace.train.folder.checkpoint import load_checkpoint
from headrace.train.models.adapters import (
    KINDS,
    AdapterConfig,
    adaptable,
    add_adapters,
    join,
    merged,
)
from headrace.train.models.build import build_model
from headrace.train.models.saved import saved_model
from headrace.train.models.spec import ModelSpec
from headrace.train.run import run_training
from headrace.train.settings.optim import OptimConfig
from tests.train.test_loop import stop_after
from tests.train.tiny_runs import assert_same_run, settings


def net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Conv2d(8, 8, 3, groups=8), nn.Flatten(),
        nn.Linear(8, 8), nn.Linear(8, 3),
    )  # fmt: skip


@pytest.mark.parametrize("kind", KINDS[1:])
def test_adapters_change_nothing_at_first_and_merge_into_the_weights(kind: str) -> None:
    pytest.importorskip("peft")
    model, images = net().eval(), torch.randn(2, 3, 5, 5)
    names, before = list(model.state_dict()), model(images)
    add_adapters(model, AdapterConfig(adapter=kind, adapter_rank=2, adapter_scale=3))
    assert torch.allclose(model(images), before, atol=1e-6)
    trained = {n: w for n, w in model.named_parameters() if w.requires_grad}
    assert {name.partition(".")[0] for name in trained} == {"0", "4", "5"}
    assert not any("base_layer" in name for name in trained)
    assert not model.train()[1].training
    if kind == "lora":  # two matrices of rank 2 for a 3x3 kernel of 3 to 8, and for 8x8
        sizes = sum(w.numel() for n, w in trained.items() if n[0] != "5")
        assert sizes == (2 * 27 + 8 * 2) + (2 * 8 + 8 * 2)
    with torch.no_grad():
        for weight in trained.values():
            weight.add_(0.1 * torch.randn_like(weight))
    after = model.eval()(images)
    assert not torch.allclose(after, before, atol=1e-3)
    plain = merged(model)
    assert list(plain.state_dict()) == names
    assert torch.allclose(plain(images), after, atol=1e-5)
    assert any("base_layer" in name for name in model.state_dict()), "the run's own stays"


def test_layers_that_are_adapted() -> None:
    assert adaptable(net(), {"5"}) == ["0", "4"]
    model = build_model(ModelSpec(name="torchvision:vit_b_32", num_classes=3, size=32))
    names = adaptable(model, {"heads.head"})
    assert "encoder.layers.encoder_layer_0.mlp.0" in names
    assert not any("out_proj" in name or "head" in name for name in names)


@pytest.mark.parametrize(("average", "kind"), [("none", "lora"), ("ema", "dora")])
def test_a_run_with_adapters(
    average: str,
    kind: str,
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pytest.importorskip("peft")
    run_training(settings(data, tmp_path / "first", epochs=1, amp="off"))
    capsys.readouterr()
    changes: dict[str, Any] = {"weights": str(tmp_path / "first"), "average": average, "amp": "off"}
    changes |= {"adapter": kind, "adapter_rank": 2}
    whole, again = tmp_path / "whole", tmp_path / "again"
    run = run_training(settings(data, whole, **changes))
    assert f"of them trained ({kind} of rank 2 and the head), 32 px" in capsys.readouterr().out
    base, best = (load_checkpoint(place / "best.pt") for place in (tmp_path / "first", whole))
    assert list(best["weights"]) == list(base["weights"])
    moved = {n for n, w in base["weights"].items() if not torch.equal(w, best["weights"][n])}
    assert {"fc.weight", "layer1.0.conv1.weight"} <= moved
    assert not any("bn" in name for name in moved), "norms stay as they were"
    # The small file and the weights that it was trained on are the same model.
    adapter = load_checkpoint(whole / "adapter.pt")
    assert sum(w.numel() for w in adapter["weights"].values()) == sum(
        w.numel() for w in run.model.parameters() if w.requires_grad
    )
    assert (whole / "adapter.pt").stat().st_size < (whole / "best.pt").stat().st_size / 3
    model = join(saved_model(base), adapter).eval()
    images = torch.randn(2, 3, 32, 32)
    assert torch.allclose(model(images), saved_model(best).eval()(images), atol=1e-5)
    last = saved_model(load_checkpoint(whole / "last.pt")).eval()
    assert list(last.state_dict()) == list(base["weights"])
    with pytest.raises(ConfigError, match=r"adapter.pt holds adapters alone; best.pt beside it"):
        saved_model(adapter)
    with monkeypatch.context() as patch:
        stop_after(8, patch)
        with pytest.raises(Interrupted):
            run_training(settings(data, again, **changes))
    run_training(settings(data, again, **changes), resume=str(again))
    assert_same_run(whole, again)


def test_what_cannot_be_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="--adapter is 'x', expected one of none, lora"):
        AdapterConfig(adapter="x")
    with pytest.raises(ConfigError, match="--adapter-rank is 0, expected at least 1"):
        AdapterConfig(adapter_rank=0)
    with pytest.raises(ConfigError, match="--adapter-rank is 3, expected an --adapter beside it"):
        AdapterConfig(adapter_rank=3)
    config = OptimConfig(adapters=AdapterConfig(adapter="lora"))
    with pytest.raises(ConfigError, match="--adapter lora and --train-last exclude each other"):
        from headrace.pipeline.flat_settings import with_values

        with_values(config, {"train_last": 1})
    with pytest.raises(ConfigError, match="no linear layer or convolution before its head"):
        add_adapters(nn.Sequential(nn.Flatten(), nn.Linear(3, 2)), AdapterConfig(adapter="lora"))
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(MissingPackageError, match=r'needs peft: pip install "headrace\[peft\]"'):
        add_adapters(net(), AdapterConfig(adapter="lora"))

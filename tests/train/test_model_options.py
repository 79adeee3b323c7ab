"""What may be asked of any model: layout kept, a transformer in front, whitening, less memory."""

from __future__ import annotations

import copy
import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from headrace.pipeline.errors import ConfigError
from headrace.train.folder.checkpoint import load_checkpoint
from headrace.train.models import MODELS
from headrace.train.models.build import build_model
from headrace.train.models.checkpointing import (
    can_be_cut,
    checkpoint_activations,
    num_layers,
    outermost,
    segments,
)
from headrace.train.models.renamed import under_present_name
from headrace.train.models.spatial_transformer import SpatialTransformer
from headrace.train.models.spec import ModelSpec
from headrace.train.models.whitening import whiten
from headrace.train.run import run_training
from tests.train.tiny_runs import assert_same_run, settings, write_data

FOREIGN = ["timm:test_resnet", "torchvision:resnet18", "torchvision:mobilenet_v3_small"]


def spec(name: str, **changes: Any) -> ModelSpec:
    return dataclasses.replace(ModelSpec(name=name, num_classes=3, size=48), **changes)


def images(count: int = 4, size: int = 48) -> Tensor:
    generator = torch.Generator().manual_seed(3)
    found = torch.randn(count, 3, size, size, generator=generator)
    return found.contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("transformed", [False, True])
@pytest.mark.parametrize("name", [*MODELS, *FOREIGN])
def test_channels_last_is_kept_through_the_whole_model(name: str, transformed: bool) -> None:
    """A layer that loses it costs a copy for every layer behind it."""
    model = build_model(spec(name, spatial_transformer=transformed))
    model = model.to(memory_format=torch.channels_last)
    lost: list[str] = []

    def look(layer: str, out: Any) -> None:
        is_map = isinstance(out, Tensor) and out.ndim == 4 and min(out.shape[1:]) > 1
        if is_map and not out.is_contiguous(memory_format=torch.channels_last):
            lost.append(layer)

    for layer, module in model.named_modules():
        module.register_forward_hook(lambda m, i, out, layer=layer: look(layer, out))
    model(images(size=64))
    assert lost == []


def test_a_spatial_transformer_begins_as_the_identity_and_learns() -> None:
    transformer = SpatialTransformer()
    torch.testing.assert_close(transformer(images()), images(), rtol=0, atol=1e-4)
    assert transformer(images().half().float()).dtype == torch.float32
    half = images().to(torch.bfloat16)
    with torch.autocast("cpu", torch.bfloat16):
        assert transformer(half).dtype == torch.bfloat16
    model = build_model(spec("small-resnet", spatial_transformer=True))
    model(images()).square().mean().backward()
    gradient = model.get_submodule("transformer.affine").bias.grad
    assert isinstance(gradient, Tensor) and bool(gradient.abs().sum() > 0)


def test_a_spatial_transformer_can_turn_an_image() -> None:
    transformer = SpatialTransformer()
    with torch.no_grad():
        transformer.affine.bias.copy_(torch.tensor([-1.0, 0, 0, 0, 1, 0]))
    torch.testing.assert_close(transformer(images()), images().flip(3), rtol=0, atol=1e-4)


def test_whitened_patches_are_uncorrelated() -> None:
    base = (
        torch.nn.functional.avg_pool2d(images(16, 96), 3, 1)
        * torch.tensor([1, 2, 3.0])[:, None, None]
    )
    model = build_model(spec("airbench", whitening=True, size=32))
    whiten(model, base)
    assert isinstance(model, nn.Sequential) and isinstance(model[0], nn.Conv2d)
    assert not model[0].weight.requires_grad
    assert model[0].bias is not None and model[0].bias.requires_grad
    out = model[0](base).permute(1, 0, 2, 3).flatten(1)
    products = out @ out.T / out.shape[1]
    torch.testing.assert_close(out[:12], -out[12:])
    torch.testing.assert_close(products[:12, :12], torch.eye(12), rtol=0, atol=0.05)
    strengths = [f.flatten().norm() for f in model[0].weight[:12].detach()]
    assert strengths == sorted(strengths)  # the direction of largest variance first


def test_whitening_needs_a_layer_for_it() -> None:
    with pytest.raises(ConfigError, match=r"--whitening needs a model whose first layer"):
        build_model(spec("small-resnet", whitening=True))
    build_model(spec("airbench", whitening=True, spatial_transformer=True, size=32))


def test_airbench_refuses_images_that_it_pools_away() -> None:
    assert build_model(spec("airbench", size=9))(images(size=9)).shape == (4, 3)
    with pytest.raises(ConfigError, match="--size 8: airbench takes 9 px and more"):
        build_model(spec("airbench", size=8))


def test_a_run_whitens_once_and_leaves_it(tmp_path: Path) -> None:
    data = write_data(tmp_path / "a.beton")
    asked = {"model": "airbench", "whitening": True, "spatial_transformer": True, "dropout": 0}
    run = run_training(settings(data, tmp_path / "run", **asked, epochs=1))
    weights = load_checkpoint(tmp_path / "run")["weights"]
    first = weights["model.0.weight"]
    torch.testing.assert_close(first[:12], -first[12:])
    assert not bool(torch.equal(weights["model.0.bias"], torch.zeros(24)))
    assert run.spec.whitening and run.spec.spatial_transformer
    # Weights of a file were trained behind their own.
    asked |= {"weights": str(tmp_path / "run/last.pt"), "epochs": 1}
    run_training(settings(data, tmp_path / "next", **asked, train_split="val", val_split="none"))
    assert torch.equal(load_checkpoint(tmp_path / "next")["weights"]["model.0.weight"], first)


def step(model: nn.Module, seed: int = 5) -> tuple[Tensor, int]:
    """Logits of one forward and backward pass, and the bytes kept between the two."""
    kept: dict[int, int] = {}
    fixed = {p.data_ptr() for p in model.parameters()}

    def pack(tensor: Tensor) -> Tensor:
        if tensor.data_ptr() not in fixed:
            kept[tensor.data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    torch.manual_seed(seed)
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        out = model(images())
        total = sum(kept.values())
    out.square().mean().backward()
    return out.detach(), total


@pytest.mark.parametrize("name", ["homework-cnn", "report-resnet-deep", "airbench", *FOREIGN])
def test_checkpointing_changes_memory_and_nothing_else(name: str) -> None:
    dropout = 0.0 if name.startswith("torchvision:resnet") else 0.3
    plain = build_model(spec(name, dropout=dropout))
    saving = copy.deepcopy(plain)
    checkpoint_activations(saving)
    copied = copy.deepcopy(saving)  # as a moving average of the weights does
    (one, all_kept), (two, few_kept) = step(plain), step(saving)
    assert few_kept < 0.7 * all_kept
    assert torch.equal(one, two)
    for a, b in zip(plain.parameters(), saving.parameters(), strict=True):
        assert (a.grad is None) == (b.grad is None)
        if a.grad is not None and b.grad is not None:
            torch.testing.assert_close(a.grad, b.grad)
    assert plain.state_dict().keys() == saving.state_dict().keys()
    for key, value in plain.state_dict().items():
        assert torch.equal(value, saving.state_dict()[key]), key
    step(copied)  # computes with its own weights
    assert all(
        (p.grad is None) == (q.grad is None)
        for p, q in zip(copied.parameters(), saving.parameters(), strict=True)
    )
    plain.eval(), saving.eval()
    with torch.inference_mode():
        assert torch.equal(plain(images()), saving(images()))


class Odd(nn.Sequential):
    """Layers in a sequence that does not run them one after the other."""

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self[0](x) + self[1](x)
        return out


def test_checkpointing_leaves_sequences_alone_that_are_none() -> None:
    plain = Odd(nn.Sequential(nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1)), nn.Conv2d(3, 3, 1))
    saving = copy.deepcopy(plain)
    checkpoint_activations(saving)
    assert torch.equal(step(plain)[0], step(saving)[0])
    with pytest.raises(ConfigError, match="--activation-checkpointing"):
        checkpoint_activations(Odd(nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1)))


def test_checkpointing_needs_layers_to_cut_between() -> None:
    with pytest.raises(ConfigError, match=r"--activation-checkpointing: this model has no nn"):
        checkpoint_activations(nn.Conv2d(3, 3, 3))


def test_one_layer_is_nothing_to_cut() -> None:
    one = nn.Sequential(nn.Conv2d(3, 3, 1), nn.ReLU())
    two = nn.Sequential(nn.Conv2d(3, 3, 1), nn.Sequential(nn.ReLU(), nn.BatchNorm2d(3)))
    assert [num_layers(module) for module in (nn.ReLU(), one, two)] == [0, 1, 2]
    assert [can_be_cut(module) for module in (one, two, nn.ModuleList([one, two]))] == [
        False,
        True,
        True,
    ]
    with pytest.raises(ConfigError, match="has no nn"):
        checkpoint_activations(one)
    assert list(outermost(nn.ModuleList([one, nn.ModuleList([two])]))) == [one, two]


def test_a_sequence_is_cut_in_front_of_what_has_weights_to_multiply_by() -> None:
    block, plain = nn.Sequential(nn.Conv2d(3, 3, 1)), nn.Sequential(nn.ReLU())
    layers = [nn.ReLU(), nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3), nn.ReLU(), block, plain]
    layers += [nn.Linear(3, 3), nn.LayerNorm(3)]
    assert segments(nn.Sequential(*layers)) == [
        layers[:1],
        layers[1:4],
        layers[4:6],
        layers[6:],
    ]


def test_statistics_are_counted_once_and_settings_come_back() -> None:
    torch.manual_seed(0)
    plain = nn.Sequential(
        nn.Conv2d(3, 4, 3),
        nn.BatchNorm2d(4, momentum=0.3),
        nn.Conv2d(4, 4, 3),
        nn.BatchNorm2d(4, momentum=None),
        nn.Conv2d(4, 4, 3),
        nn.BatchNorm2d(4, track_running_stats=False),
        nn.Conv2d(4, 2, 3),
        nn.BatchNorm2d(2).eval(),
    )
    saving = copy.deepcopy(plain)
    checkpoint_activations(saving)
    for seed in (1, 2):
        (one, all_kept), (two, few_kept) = step(plain, seed), step(saving, seed)
        assert torch.equal(one, two) and few_kept < all_kept
    for key, value in plain.state_dict().items():
        assert torch.equal(value, saving.state_dict()[key]), key
    assert int(saving[1].num_batches_tracked) == 2 and int(saving[7].num_batches_tracked) == 0
    assert [saving[i].momentum for i in (1, 3, 5, 7)] == [0.3, None, 0.1, 0.1]
    with torch.no_grad():
        assert torch.equal(plain(images()), saving(images()))


def test_what_is_compiled_counts_once_too() -> None:
    torch.manual_seed(0)
    plain = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 2, 3))
    saving = copy.deepcopy(plain)
    checkpoint_activations(saving)
    compiled = torch.compile(saving, backend="aot_eager", fullgraph=True)
    (one, _), (two, _) = step(plain), step(compiled)
    torch.testing.assert_close(one, two)
    for a, b in zip(plain.parameters(), saving.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad)
    assert int(saving[1].num_batches_tracked) == 1
    torch.testing.assert_close(saving[1].running_var, plain[1].running_var)


def test_a_run_may_be_resumed_with_less_memory(tmp_path: Path) -> None:
    data = write_data(tmp_path / "a.beton")
    for name, memory in (("one", False), ("two", True)):
        asked = {"activation_checkpointing": memory, "epochs": 1, "limit_batches": 3}
        run_training(settings(data, tmp_path / name, **asked))
    assert_same_run(tmp_path / "one", tmp_path / "two", ("out", "activation_checkpointing"))


def test_a_run_under_an_earlier_model_name_is_what_it_was(tmp_path: Path) -> None:
    """report-resnet once meant the net that is now resnet18-strided."""
    data = write_data(tmp_path / "a.beton")
    asked = {"epochs": 1, "limit_batches": 1}
    path = tmp_path / "run/last.pt"
    for name, now in (("resnet18-strided", "resnet18-strided"), ("report-resnet",) * 2):
        run_training(settings(data, tmp_path / "run", **asked, model=name, overwrite=True))
        content = torch.load(path, weights_only=True)
        content["model"]["name"] = content["config"]["model"] = "report-resnet"
        torch.save(content, path)
        found = load_checkpoint(path)
        assert (found["model"]["name"], found["config"]["model"]) == (now, now)
    # and goes on as it was
    run_training(settings(data, tmp_path / "old", **asked, model="resnet18-strided"))
    path = tmp_path / "old/last.pt"
    content = torch.load(path, weights_only=True)
    content["model"]["name"] = content["config"]["model"] = "report-resnet"
    torch.save(content, path)
    from headrace.train.command_line import read_command_line

    words = ["--resume", str(tmp_path / "old"), "--epochs", "2"]
    assert run_training(*read_command_line(words)).progress.epoch == 2


def test_the_reports_net_behind_a_spatial_transformer_keeps_its_name() -> None:
    spec = ModelSpec(name="report-resnet", num_classes=3, size=32, spatial_transformer=True)
    weights = build_model(spec).state_dict()
    content = {"model": spec.to_dict(), "weights": weights, "config": {"model": spec.name}}
    assert under_present_name(content) == content

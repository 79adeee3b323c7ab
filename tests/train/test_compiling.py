"""What is compiled is compiled once: not again for an epoch's last batch, nor after evaluation."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._dynamo.testing import CompileCounter

import headrace.train.run
from headrace.augment import build_augmenter
from headrace.pipeline.errors import ConfigError
from headrace.train.device.amp import choose_precision
from headrace.train.device.compiling import (
    KnownShapes,
    check_graphs,
    compile_augmenter,
    compile_model,
)
from headrace.train.loop import train
from headrace.train.run import run_training
from headrace.train.settings.config_file import from_flat
from headrace.train.step import part_rows
from tests.train.tiny_runs import rows, settings

PRECISION = choose_precision("off", torch.device("cpu"))


@pytest.fixture
def counter(monkeypatch: pytest.MonkeyPatch) -> CompileCounter:
    """Counts what torch.compile makes; graphs run without a C++ compiler."""
    torch._dynamo.reset()
    counting = CompileCounter()
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend=counting))
    return counting


def test_the_last_batch_goes_through_the_model_itself(counter: CompileCounter) -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(144, 2))
    forward, text = compile_model(net.train(), "on", torch.randn(4, 3, 8, 8), PRECISION)
    assert text.startswith("on") and forward is not net
    after_trial = counter.frame_count
    assert after_trial >= 1
    whole, last = torch.randn(4, 3, 8, 8), torch.randn(3, 3, 8, 8)
    for _ in range(2):  # an epoch, its evaluation, another epoch
        assert torch.allclose(forward(whole), net(whole), atol=1e-5)
        assert torch.allclose(forward(last), net(last), atol=1e-5)
        net.eval()
        with torch.inference_mode():
            net(last)
        net.train()
    assert counter.frame_count == after_trial


def test_processes_can_still_hold_back_their_gradients(counter: CompileCounter) -> None:
    """DistributedDataParallel has `no_sync`, for steps in parts."""

    class Wrapped(nn.Linear):
        def no_sync(self) -> str:
            return "held back"

    forward, _ = compile_model(Wrapped(3, 2), "on", torch.randn(2, 3), PRECISION)
    assert forward.no_sync() == "held back"  # type: ignore[attr-defined]


def test_the_augmenter_is_compiled_once_and_draws_as_before(counter: CompileCounter) -> None:
    eager = build_augmenter("flip", num_classes=5, seed=4, kernels=False)
    compiled, text = compile_augmenter(eager, "auto", (6, 16, 20))
    assert text.startswith("on") and compiled is not eager
    after_trial = counter.frame_count
    assert after_trial == 1
    for count in (6, 2, 6):
        images = torch.randint(0, 256, (count, 3, 16, 20), dtype=torch.uint8)
        images = images.contiguous(memory_format=torch.channels_last)
        labels = torch.arange(count) % 5
        got, expected = compiled(images, labels), eager(images, labels)
        assert all(torch.equal(a, b) for a, b in zip(got, expected, strict=True))
    assert counter.frame_count == after_trial


@pytest.mark.parametrize(
    ("switch", "given", "text"),
    [
        ("off", {"kernels": False}, "off"),
        ("on", {}, "off (on a CPU it has kernels of its own)"),
        ("auto", {}, "off (on a CPU it has kernels of its own)"),
    ],
)
def test_an_augmenter_that_is_not_compiled_says_why(
    switch: str, given: dict[str, Any], text: str
) -> None:
    augmenter = build_augmenter("flip", num_classes=5, **given)
    assert compile_augmenter(augmenter, switch, (4, 8, 8)) == (augmenter, text)


def test_an_augmenter_that_cannot_be_compiled_is_run_as_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(run: Callable[..., Tensor], **given: Any) -> Callable[..., Tensor]:
        def call(*arguments: Any) -> Tensor:
            raise RuntimeError("no Triton\nlong story")

        return call

    monkeypatch.setattr(torch, "compile", broken)
    augmenter = build_augmenter("flip", num_classes=5, kernels=False)
    found, text = compile_augmenter(augmenter, "auto", (4, 8, 8))
    assert found is augmenter and text == "off, as compiling failed: RuntimeError: no Triton"


def test_a_compiled_run_learns_what_another_learns(
    data: Path, tmp_path: Path, counter: CompileCounter
) -> None:
    """42 samples in batches of 8: the last batch has two."""
    run_training(settings(data, tmp_path / "plain", model="small-resnet", dropout=0.0))
    run_training(
        settings(data, tmp_path / "compiled", model="small-resnet", dropout=0.0, compile="on")
    )
    (start,) = rows(tmp_path / "compiled", "start")
    assert start["compile"].startswith("on") and start["compile_augmenter"].startswith("off (on a")
    found = [rows(tmp_path / name, "epoch")[-1]["train_loss"] for name in ("plain", "compiled")]
    assert found[0] == pytest.approx(found[1], rel=1e-3)


def test_every_part_of_a_batch_goes_through_what_was_compiled(
    data: Path, tmp_path: Path, counter: CompileCounter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch of eight in three parts: three, three and two samples."""
    passed: list[tuple[int, bool]] = []
    call = KnownShapes.__call__

    def seen(forward: KnownShapes, images: Tensor) -> Tensor:
        before = counter.op_count, counter.frame_count
        passed.append((len(images), images.shape in forward._shapes))
        out = call(forward, images)
        assert (counter.op_count, counter.frame_count) == before, "compiled once more"
        return out

    monkeypatch.setattr(KnownShapes, "__call__", seen)
    changes = {"model": "small-resnet", "compile": "on", "accumulate": 3, "epochs": 1}
    run_training(settings(data, tmp_path / "run", **changes))
    whole = [(3, True), (3, True), (2, True)]
    assert passed == [*whole * 5, (2, True)]
    (start,) = rows(tmp_path / "run", "start")
    assert start["compile"].startswith("on (compiled for 2 shapes in ")


@pytest.mark.parametrize("num_samples", [1, 2, 3, 5, 8, 42, 128])
@pytest.mark.parametrize("accumulate", [1, 2, 3, 5, 7])
def test_parts_are_even_and_none_is_a_single_sample(num_samples: int, accumulate: int) -> None:
    found = part_rows(num_samples, accumulate)
    assert [len(part) for part in torch.tensor_split(torch.zeros(num_samples), len(found))] == found
    assert sum(found) == num_samples and 1 <= len(found) <= accumulate
    assert min(found) >= 2 or num_samples == 1


SIDES = [(8, 8), (10, 10), (12, 8), (14, 14), (16, 16), (18, 18), (20, 20), (22, 22), (24, 24)]
"""More than torch compiles one function for when it is left to itself."""


def test_every_size_of_a_schedule_is_compiled_once_before_the_run(counter: CompileCounter) -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    examples = [torch.randn(4, 3, *side) for side in SIDES]
    forward, text = compile_model(net.train(), "on", examples, PRECISION)
    assert text.startswith(f"on (compiled for {len(SIDES)} shapes in ")
    after_trial = counter.frame_count
    assert after_trial == len(SIDES)
    for _ in range(2):
        for example in (*examples, torch.randn(3, 3, 8, 8), torch.randn(4, 3, 26, 26)):
            assert torch.allclose(forward(example), net(example), atol=1e-5)
    assert counter.frame_count == after_trial


def test_the_augmenter_too(counter: CompileCounter) -> None:
    given = {"num_classes": 5, "seed": 4, "kernels": False}
    eager = build_augmenter(["hflip", "mixup"], **given)  # type: ignore[arg-type]
    first, *others = SIDES
    compiled, text = compile_augmenter(eager, "auto", (6, *first), others)
    assert text.startswith(f"on (compiled for {len(SIDES)} shapes in ")
    after_trial = counter.frame_count
    assert after_trial == len(SIDES)
    for side in (*SIDES, (26, 26), first):
        for count in (6, 2):
            images = torch.randint(0, 256, (count, 3, *side), dtype=torch.uint8)
            images = images.contiguous(memory_format=torch.channels_last)
            labels = torch.arange(count) % 5
            got, expected = compiled(images, labels), eager(images, labels)
            assert all(torch.equal(a, b) for a, b in zip(got, expected, strict=True))
    assert counter.frame_count == after_trial


def test_a_compiled_run_of_many_sizes_compiles_none_later(
    data: Path, tmp_path: Path, counter: CompileCounter, monkeypatch: pytest.MonkeyPatch
) -> None:
    before: list[int] = []

    def begun(*arguments: Any) -> None:
        before.append(counter.frame_count)
        train(*arguments)

    monkeypatch.setattr(headrace.train.run, "train", begun)
    sizes = {"size": None, "size_schedule": ["16:0.5", "32:1"], "batch_size": 6}
    run_training(settings(data, tmp_path / "run", model="small-resnet", compile="on", **sizes))
    (start,) = rows(tmp_path / "run", "start")
    assert start["compile"].startswith("on (compiled for 2 shapes")
    assert before == [counter.frame_count] and before[0] >= 2


class Replayed:
    """What CUDA graphs do to a caller: every result lies where the one before lay."""

    def __init__(self, module: nn.Module, **given: Any) -> None:
        self.module, self.given, self.passes = module, given, 0
        self.place: Tensor | None = None

    def __call__(self, images: Tensor) -> Tensor:
        self.passes += 1
        out: Tensor = self.module(images)
        if self.place is None or self.place.shape != out.shape:
            self.place = torch.empty_like(out)
        with torch.no_grad():
            self.place.copy_(out)
        replaced: Tensor = out + (self.place - out).detach()
        replaced.data = self.place
        return replaced


def test_graphs_are_recorded_before_the_run_and_their_results_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[Replayed] = []

    def compiled(module: nn.Module, **given: Any) -> Replayed:
        made.append(Replayed(module, **given))
        return made[-1]

    monkeypatch.setattr(torch, "compile", compiled)
    net = nn.Sequential(nn.Flatten(), nn.Linear(12, 2))
    forward, text = compile_model(net, "reduce-overhead", torch.randn(4, 3, 2, 2), PRECISION)
    assert text.startswith("on with CUDA graphs (compiled in ")
    (graph,) = made
    assert graph.given["mode"] == "reduce-overhead"
    assert graph.passes == 3, "a warm-up, a recording, a replay"
    assert all(weight.grad is None for weight in net.parameters())
    first, second = torch.randn(4, 3, 2, 2), torch.randn(4, 3, 2, 2)
    one = forward(first)
    forward(second)
    assert torch.allclose(one, net(first)), "the next replay wrote over a result that was held"
    last = torch.randn(3, 3, 2, 2)
    assert torch.equal(forward(last), net(last)) and graph.passes == 5


def test_a_recorded_step_still_has_its_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "compile", lambda module, **given: module)
    net = nn.Sequential(nn.Flatten(), nn.Linear(12, 2))
    images = torch.randn(4, 3, 2, 2)
    forward, text = compile_model(net, "reduce-overhead", images, PRECISION)
    assert text.startswith("on with CUDA graphs")
    forward(images).sum().backward()
    found = [weight.grad for weight in net.parameters()]
    net.zero_grad(set_to_none=True)
    net(images).sum().backward()
    for one, weight in zip(found, net.parameters(), strict=True):
        assert one is not None and weight.grad is not None and torch.allclose(one, weight.grad)


def test_the_augmenter_is_compiled_without_graphs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A replay would write over batches that whoever has asked for them may still hold."""
    told: list[dict[str, Any]] = []

    def compiled(run: Callable[..., Any], **given: Any) -> Callable[..., Any]:
        told.append(given)
        return run

    monkeypatch.setattr(torch, "compile", compiled)
    eager = build_augmenter("flip", num_classes=5, kernels=False)
    _, text = compile_augmenter(eager, "reduce-overhead", (4, 8, 8))
    assert text.startswith("on (compiled") and told and "mode" not in told[0]


@pytest.mark.parametrize(
    ("device", "processes", "text"),
    [
        ("cpu", 1, "records CUDA graphs, and the device is cpu; take --compile auto"),
        ("cuda", 2, "with 2 processes, which exchange gradients"),
    ],
)
def test_graphs_are_refused_where_there_can_be_none(device: str, processes: int, text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        check_graphs("reduce-overhead", torch.device(device), processes)
    check_graphs("on", torch.device(device), processes)
    check_graphs("reduce-overhead", torch.device("cuda"), 1)


def test_a_run_on_a_cpu_refuses_them_before_it_decodes(data: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="the device is cpu"):
        run_training(settings(data, tmp_path / "run", compile="reduce-overhead"))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("changes", "flag"),
    [({"accumulate": 2}, "--accumulate 2"), ({"objective": "sam"}, "--objective sam")],
)
def test_graphs_and_several_passes_a_step_exclude_each_other(
    changes: dict[str, Any], flag: str
) -> None:
    with pytest.raises(ConfigError, match=f"--compile is 'reduce-overhead'.*{flag} takes several"):
        from_flat({"compile": "reduce-overhead", **changes}, "test")
    assert from_flat({"compile": "on", **changes}, "test").runtime.compile == "on"

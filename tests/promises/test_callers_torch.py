"""Batches and runs are the same whatever their caller has told torch and numpy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch

from headrace.augment import Preprocess
from headrace.pipeline.crops.settings import CropConfig
from headrace.pipeline.loader import open_loader
from headrace.pipeline.records import Records
from headrace.train.evaluate import EvaluateConfig, evaluate
from headrace.train.folder.checkpoint import load_checkpoint
from headrace.train.generating.draw import draw
from headrace.train.generating.draw_settings import DrawConfig
from headrace.train.generating.fit import fit
from headrace.train.generating.generator_file import read_generator_file
from headrace.train.generating.settings import FitConfig
from headrace.train.predict import PredictConfig, predict
from headrace.train.probe import ProbeConfig, probe
from headrace.train.run import run_training
from tests.builders import VARIANTS, available_loaders, make_records, samples
from tests.promises.callers_torch import told_otherwise
from tests.train.tiny_runs import assert_same, assert_same_run, settings, write_data


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Records]:
    everything = [sample for variant in VARIANTS for sample in samples(4, variant=variant)]
    path = tmp_path_factory.mktemp("callers") / "mixed.beton"
    with make_records(path, everything, {"train": len(everything)}) as opened:
        yield opened


def loaded(records: Records, name: str) -> list[torch.Tensor]:
    with open_loader(records, loader=name, size=24, batch_size=7, workers=2) as loader:
        normalise = Preprocess.of(loader).normalise
        parts = [(*batch, normalise(batch.images)) for batch in loader]
    return [torch.cat(tensors) for tensors in zip(*parts, strict=True)]


@pytest.mark.parametrize("name", available_loaders())
def test_a_loaders_batches(records: Records, name: str) -> None:
    expected = loaded(records, name)
    with told_otherwise():
        found = loaded(records, name)
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == other.dtype and one.device == other.device
        assert torch.equal(one, other)


def test_a_run_and_what_is_told_stays_told(tmp_path: Path) -> None:
    data = write_data(tmp_path / "tiny.beton")
    changes = {"loader": "native", "workers": 1, "average": "ema", "epochs": 1}
    run_training(settings(data, tmp_path / "one", **changes))
    with told_otherwise():
        run_training(settings(data, tmp_path / "other", **changes))
        assert torch.get_default_dtype() == torch.float64
        assert torch.empty(1).device.type == "meta"
        assert torch.is_inference_mode_enabled() and not torch.is_grad_enabled()
        assert torch.is_autocast_enabled("cpu")
    assert_same_run(tmp_path / "one", tmp_path / "other")


def predicted(run: Path, data: Path, _: Path) -> object:
    asked = PredictConfig(paths=(str(run), str(data)), split="val", device="cpu", tta=3)
    return predict(asked).logits.tobytes()


def evaluated(run: Path, data: Path, _: Path) -> object:
    return evaluate(EvaluateConfig(paths=(str(run), str(data)), device="cpu"))


def probed(run: Path, data: Path, out: Path) -> object:
    place: dict[str, Any] = {"out": str(out / "probe"), "features": str(out / "features")}
    told: dict[str, Any] = {
        "model": "timm:test_resnet",
        "weights": str(run),
        "crop": CropConfig(size=32),
    }
    asked = ProbeConfig(data=str(data), device="cpu", **told, **place)
    return load_checkpoint(probe(asked) / "best.pt")["weights"]


def generated(_: Path, data: Path, out: Path) -> object:
    told: dict[str, Any] = {
        "size": 16,
        "width": 8,
        "batch_size": 8,
        "epochs": 1,
        "device": "cpu",
        "amp": "off",
    }
    run = fit(FitConfig(data=str(data), out=str(out / "flow"), **told))
    made = out / "made.beton"
    draw(DrawConfig(run=run, out=made, per_class=2, steps=2, device="cpu", amp="off"))
    return {**read_generator_file(run)["weights"], "drawn": made.read_bytes()}


@pytest.mark.parametrize("ask", [predicted, evaluated, probed, generated])
def test_what_a_run_is_asked_and_the_callers_random_numbers(
    ask: Callable[[Path, Path, Path], object], tmp_path: Path
) -> None:
    data, run = write_data(tmp_path / "tiny.beton"), tmp_path / "run"
    run_training(settings(data, run, epochs=1))
    drawn = torch.get_rng_state()
    found = []
    for name, told in (("one", nullcontext()), ("other", told_otherwise())):
        (tmp_path / name).mkdir()
        with told:
            found.append(ask(run, data, tmp_path / name))
    assert_same(found[0], found[1])
    assert torch.equal(torch.get_rng_state(), drawn)

"""Test-time augmentation: crops and scales against explicit ones, weights, and a run's own wish."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from headrace.augment import Preprocess
from headrace.pipeline.backend import LoaderConfig
from headrace.pipeline.loader import open_loader
from headrace.pipeline.pixels import crop_resize
from headrace.pipeline.plan import PlanConfig
from headrace.pipeline.records import Records
from headrace.train.command_line import read_command_line
from headrace.train.device.amp import choose_precision
from headrace.train.evaluate import EvaluateConfig, evaluate
from headrace.train.evaluation.outcome import Outcome
from headrace.train.evaluation.views import make_views
from headrace.train.folder.checkpoint import load_checkpoint, save_checkpoint
from headrace.train.models.saved import saved_model
from headrace.train.predict import PredictConfig, predict
from headrace.train.run import run_training
from headrace.train.settings.config import RunConfig
from headrace.train.settings.views import USUAL_SCALES, ViewConfig
from tests.builders import available_loaders, make_records, photo, stored
from tests.train.tiny_runs import rows, settings

SIZES = [(40, 60), (61, 44), (50, 50), (37, 90)]
SIDE = 32
QUICK: dict[str, Any] = {"loader": "torchvision", "workers": 0, "amp": "off", "batch_size": 8}
TRAINED: dict[str, Any] = {"epochs": 1, "amp": "off", "model": "small-resnet", "recipe": "flip"}
CORNERS = [(0, 0), (0, 2), (2, 0), (2, 2), (1, 1)]


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images of many shapes."""
    path = tmp_path_factory.mktemp("wide") / "wide.beton"
    samples = [stored(photo(i, *SIZES[i % 4]), label=i % 3, name=f"{i}") for i in range(20)]
    make_records(path, samples, {"train": 14, "val": 6}).close()
    return path


@pytest.fixture(scope="module", params=["crop", "squash", "letterbox"])
def trained(request: pytest.FixtureRequest, wide: Path, tmp_path_factory: Any) -> Path:
    folder: Path = tmp_path_factory.mktemp("run") / request.param
    run_training(settings(wide, folder, **TRAINED, geometry=request.param))
    return folder


def ask(*paths: object, **changes: Any) -> Outcome:
    given = {"split": "val", **QUICK, **changes}
    return predict(PredictConfig(paths=tuple(map(str, paths)), **given))


def probabilities(outcome: Outcome) -> np.ndarray:
    found: np.ndarray = torch.from_numpy(outcome.logits).double().softmax(1).numpy()
    return found


def by_hand(folder: Path, image: np.ndarray, share: float, place: tuple[int, int]) -> np.ndarray:
    """(3, H, W) of one crop: corner or middle (0, 1, 2 along y and x), its box cut here."""
    height, width = image.shape[:2]
    square = min(height, width)
    full = (square, square) if folder.name == "crop" else (height, width)
    box = [round(side * share) for side in full]
    start = [(size - side) * p // 2 for size, side, p in zip(image.shape, box, place, strict=False)]
    target = None
    if folder.name == "letterbox":
        inner = [max(1, round(side * SIDE / max(box))) for side in box]
        target = np.array([*((SIDE - side) // 2 for side in inner), *inner], np.int32)
    cut = crop_resize(image, np.array([*start, *box], np.int32), False, (SIDE, SIDE), target)
    return cut.transpose(2, 0, 1)


def expected(
    folder: Path, wide: Path, crops: list[tuple[float, tuple[int, int]]], mirrored: bool
) -> np.ndarray:
    """(n, classes) mean probabilities over crops of the validation images, computed one by one."""
    content = load_checkpoint(folder / "best.pt")
    model = saved_model(content).eval()
    preprocess = Preprocess.from_dict(content["preprocess"])
    with Records.open(wide) as records, torch.inference_mode():
        found = []
        for index in records.select("val"):
            image = records.decode(int(index))
            images = [by_hand(folder, image, share, place) for share, place in crops]
            images += [view[:, :, ::-1] for view in images] if mirrored else []
            batch = preprocess.normalise(torch.from_numpy(np.stack(images)))
            found.append(model(batch).double().softmax(1).mean(0).numpy())
    return np.stack(found)


@pytest.mark.parametrize(
    ("changes", "shares", "places", "mirrored"),
    [
        ({"tta": "five-crops"}, (0.875,), CORNERS, False),
        ({"tta": "ten-crops", "tta_scales": (0.6, 0.9)}, (0.6, 0.9), CORNERS, True),
        ({"tta": "scales"}, (1.0, 0.875, 0.75), [(1, 1)], False),
    ],
)
def test_crops_are_those_cut_by_hand(
    changes: dict[str, Any],
    shares: tuple[float, ...],
    places: list[tuple[int, int]],
    mirrored: bool,
    trained: Path,
    wide: Path,
) -> None:
    crops = [(share, place) for share in shares for place in places]
    wanted = expected(trained, wide, crops, mirrored)
    alone = probabilities(ask(trained, wide, tta_weight=0.0, **changes))
    assert alone == pytest.approx(wanted, abs=2e-5)
    plain = probabilities(ask(trained, wide))
    assert not np.allclose(plain, wanted, atol=1e-4)
    both = probabilities(ask(trained, wide, tta_weight=0.3, **changes))
    assert both == pytest.approx(0.3 * plain + 0.7 * wanted, abs=2e-5)


@pytest.mark.parametrize("loader", available_loaders())
def test_every_loader_cuts_them(loader: str, wide: Path) -> None:
    """As the torchvision one does; letterboxed parts are placed within black."""
    views = make_views(
        ViewConfig(tta="five-crops", tta_scales=(0.7,)),
        RunConfig(),
        Preprocess(size=(24, 32), eval_mode="letterbox"),
        choose_precision("off", torch.device("cpu")),
        3,
        0,
    )
    assert all(view.crop.places(train=False) for view in views)
    with Records.open(wide) as records:
        for view in views[1:3]:
            images = []
            for name in ("torchvision", loader):
                config = LoaderConfig(plan=PlanConfig(crop=view.crop, train=False), split="val")
                with open_loader(records, config, loader=name, workers=1) as opened:
                    (batch,) = opened.epoch()
                    images.append(batch.images.float().clone())
            assert images[0].shape == (6, 3, 24, 32)
            assert (images[0] - images[1]).abs().mean() < 3
            assert (images[0] == 0).all(1).any()


@pytest.mark.parametrize("tta", [1, 7, "flip", *USUAL_SCALES])
@pytest.mark.parametrize("weight", [0.0, 0.5, 0.9])
def test_weights_sum_to_one(tta: int | str, weight: float) -> None:
    asked = ViewConfig(tta=tta, tta_weight=weight)
    precision = choose_precision("off", torch.device("cpu"))
    views = make_views(asked, RunConfig(), Preprocess(size=32), precision, 3, 0)
    assert sum(view.weight for view in views) == pytest.approx(1)
    first, *others = [view.weight for view in views]
    if weight:
        assert first == weight
    assert len({round(share, 12) for share in others}) <= 1
    count = {"flip": 1, "five-crops": 5, "ten-crops": 10, "scales": 3}.get(str(tta), tta)
    assert len(views) == int(count) + bool(weight)


def test_what_is_averaged_is_said(
    wide: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_training(settings(wide, tmp_path / "run", **TRAINED))
    for changes, line in (
        ({"tta": "five-crops"}, "5 crops sharing 0.5 of its corners and middle with 0.875 of the"),
        (
            {"tta": "ten-crops", "tta_scales": (0.5, 0.75)},
            "20 crops sharing 0.5 of its corners and middle, mirrored too, with 0.5, 0.75 of the "
            "largest side",
        ),
        ({"tta": "scales"}, "3 crops sharing 0.5 of its middle with 1, 0.875, 0.75 of the largest"),
    ):
        capsys.readouterr()
        ask(tmp_path / "run", wide, **changes)
        assert f"test-time augmentation: the image 0.5, {line}" in capsys.readouterr().out


def test_a_run_may_say_how_it_predicts_and_is_never_measured_so(
    wide: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_training(settings(wide, tmp_path / "plain", **TRAINED))
    run_training(settings(wide, tmp_path / "own", **TRAINED, tta="3", tta_weight=0.4))
    assert rows(tmp_path / "plain", "epoch") == rows(tmp_path / "own", "epoch")
    reports = [
        evaluate(EvaluateConfig(paths=(str(tmp_path / name), str(wide)), **QUICK))
        for name in ("plain", "own")
    ]
    for report in reports:
        del report["checkpoints"]
    assert reports[0] == reports[1]
    capsys.readouterr()
    own = ask(tmp_path / "own", wide)
    assert "the image 0.4, 3 draws sharing 0.6" in capsys.readouterr().out
    asked = ask(tmp_path / "plain", wide, tta="3", tta_weight=0.4)
    assert np.array_equal(own.logits, asked.logits)
    plain = ask(tmp_path / "own", wide, tta="0")
    assert np.array_equal(plain.logits, ask(tmp_path / "plain", wide).logits)
    assert not np.array_equal(plain.logits, own.logits)
    other = ask(tmp_path / "own", wide, tta_weight=0.7)
    assert "the image 0.7, 3 draws sharing 0.3" in capsys.readouterr().out
    assert not np.array_equal(other.logits, own.logits)
    # It changes nothing of the training, so it may be said anew when a run goes on.
    words = ["--resume", str(tmp_path / "own"), "--epochs", "2", "--tta", "ten-crops"]
    run = run_training(*read_command_line(words))
    assert run.config.views == ViewConfig(tta="ten-crops", tta_weight=0.4)


def test_a_model_from_before_that_setting_predicts_as_ever(wide: Path, tmp_path: Path) -> None:
    run_training(settings(wide, tmp_path / "run", **TRAINED))
    content = load_checkpoint(tmp_path / "run/best.pt")
    names = ("tta", "tta_weight", "tta_scales", "geometry")
    saved = {key: value for key, value in content["config"].items() if key not in names}
    save_checkpoint(tmp_path / "old.pt", {**content, "config": saved})
    found = [ask(path, wide) for path in (tmp_path / "run", tmp_path / "old.pt")]
    assert np.array_equal(found[0].logits, found[1].logits)

"""Lightning trains on records, and goes on from a checkpoint as if nothing had happened."""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from headrace.pipeline.errors import ConfigError
from tests.train.tiny_runs import SPLITS, write_data

BATCH = 8
STEPS = -(-SPLITS["train"] // BATCH)


def test_without_lightning_one_line_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['lightning'] = None\n"
        "from headrace import MissingPackageError\n"
        "try: import headrace.train.integrations.lightning_data\n"
        "except MissingPackageError as error: print(error)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.stdout.strip().endswith("needs it; pip install lightning"), run.stderr


lightning = pytest.importorskip("lightning.pytorch", reason="lightning is not installed")


class Classifier(lightning.LightningModule):  # type: ignore[name-defined]
    """One layer, which remembers what it was shown."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Linear(3 * 16 * 16, 3)
        self.shown: list[tuple[int, Tensor, Tensor]] = []
        self.evaluated = 0

    def forward(self, images: Tensor) -> Tensor:
        found: Tensor = self.layer(images.flatten(1))
        return found

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        images, targets = batch
        self.shown.append((self.current_epoch, images.clone(), targets.clone()))
        return nn.functional.cross_entropy(self(images), targets)

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        images, labels = batch
        assert images.dtype == torch.float32 and labels.dtype == torch.int64
        self.evaluated += len(labels)

    def configure_optimizers(self) -> Any:
        return torch.optim.SGD(self.parameters(), 0.01, momentum=0.9)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("data") / "tiny.beton")


def module_of(path: Path, **changes: Any) -> Any:
    from headrace.train.integrations.lightning_data import RecordsDataModule

    settings = {"size": 16, "batch_size": BATCH, "loader": "native", "workers": 1, **changes}
    return RecordsDataModule(path, **settings)


def fit(data: Any, model: Any, *, resume: Path | None = None, **changes: Any) -> None:
    settings = {"max_epochs": 3, "enable_checkpointing": False, **changes}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trainer = lightning.Trainer(
            accelerator="cpu", devices=1, logger=False, enable_progress_bar=False,
            enable_model_summary=False, **settings,
        )  # fmt: skip
        trainer.fit(model, datamodule=data, ckpt_path=resume)


class SaveAt(lightning.Callback):  # type: ignore[name-defined]
    """Saves after a step, or at the end of its epoch, and ends the run."""

    def __init__(self, step: int, path: Path, at_end: bool) -> None:
        self.step, self.path, self.at_end = step, path, at_end

    def on_train_batch_end(self, trainer: Any, *args: Any) -> None:
        if not self.at_end and trainer.global_step == self.step:
            self._save(trainer)

    def on_train_epoch_end(self, trainer: Any, *args: Any) -> None:
        if self.at_end and trainer.global_step >= self.step:
            self._save(trainer)

    def _save(self, trainer: Any) -> None:
        if not self.path.exists():
            trainer.save_checkpoint(self.path)
        raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("step", "at_end", "limit"),
    [
        (STEPS + 2, False, 1.0),  # in the middle of an epoch
        (1, False, 1.0),
        (STEPS, False, 1.0),  # after the last step, before the end
        (STEPS, True, 1.0),  # at the end
        (4, True, 4),  # of an epoch that Lightning cuts short
        (6, False, 4),
    ],
)
def test_a_resumed_run_is_the_run_that_was_not_stopped(
    data: Path, tmp_path: Path, step: int, at_end: bool, limit: float
) -> None:
    whole, first, second = Classifier(), Classifier(), Classifier()
    fit(module_of(data), whole, limit_train_batches=limit)
    place = tmp_path / "a.ckpt"
    with pytest.raises((SystemExit, KeyboardInterrupt)):
        fit(
            module_of(data),
            first,
            limit_train_batches=limit,
            callbacks=[SaveAt(step, place, at_end)],
        )
        raise KeyboardInterrupt  # some versions end quietly
    second.layer.reset_parameters()
    fit(module_of(data), second, resume=place, limit_train_batches=limit)
    assert len(first.shown) == step
    together = first.shown + second.shown
    assert [epoch for epoch, _, _ in together] == [epoch for epoch, _, _ in whole.shown]
    for (_, images, targets), (_, others, wanted) in zip(together, whole.shown, strict=True):
        assert torch.equal(images, others) and torch.equal(targets, wanted)
    assert torch.equal(second.layer.weight, whole.layer.weight)


def test_every_split_gets_what_its_step_needs(data: Path) -> None:
    model, records = Classifier(), module_of(data, recipe="flip")
    assert records.classes == ("class 0", "class 1", "class 2")
    fit(records, model, max_epochs=2, num_sanity_val_steps=0)
    assert model.evaluated == 2 * SPLITS["val"]
    assert len({targets.dtype for _, _, targets in model.shown}) == 1
    assert not torch.equal(model.shown[0][1], model.shown[STEPS][1])
    trainer = lightning.Trainer(
        accelerator="cpu", devices=1, logger=False, enable_progress_bar=False,
        enable_checkpointing=False,
    )  # fmt: skip
    answers = trainer.predict(model, datamodule=records)
    assert sum(len(answer) for answer in answers) == SPLITS["test"]
    records.teardown("predict")
    records.teardown("predict")


@pytest.mark.parametrize("changes", [{"tail": "drop"}, {"at_most": 5}, {"repeats": 2}])
def test_all_is_measured_on_however_training_takes_its_samples(
    data: Path, changes: dict[str, Any]
) -> None:
    model, records = Classifier(), module_of(data, **changes)
    fit(records, model, max_epochs=1, num_sanity_val_steps=0)
    assert model.evaluated == SPLITS["val"]
    records.setup("test")
    assert sum(len(batch.labels) for batch in records.predict_dataloader()) == SPLITS["test"]
    records.teardown("test")


@pytest.mark.parametrize(
    ("at_most", "batch_size", "sizes"),
    [(0, 41, [41]), (17, BATCH, [8, 8]), (20, BATCH, [8, 8, 4]), (5, 41, [5]), (41, 20, [20, 20])],
)
def test_only_a_batch_of_one_sample_is_left_out_of_training(
    data: Path, at_most: int, batch_size: int, sizes: list[int]
) -> None:
    records = module_of(data, at_most=at_most, batch_size=batch_size)
    loader = records.train_dataloader()
    assert len(loader) == len(sizes)
    assert [len(batch.labels) for batch in loader] == sizes
    records.teardown("fit")


def test_another_plans_checkpoint_is_refused(data: Path, tmp_path: Path) -> None:
    place = tmp_path / "a.ckpt"
    with pytest.raises((SystemExit, KeyboardInterrupt)):
        fit(module_of(data), Classifier(), callbacks=[SaveAt(2, place, False)])
        raise KeyboardInterrupt
    with pytest.raises(ConfigError, match="batch_size was 8, is 6"):
        fit(module_of(data, batch_size=6), Classifier(), resume=place)

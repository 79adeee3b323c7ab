"""Runs on several splits, all folds but one, and shares; none of them is measured on itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from headrace.pipeline.errors import ConfigError, RecordsError
from headrace.pipeline.records import Records
from headrace.train.data.inputs import data_fingerprint
from headrace.train.run import run_training
from tests.builders import make_records
from tests.train.tiny_runs import rows, settings, tinted, write_data

FOLDS = {"fold0": 12, "fold1": 12, "fold2": 12}


@pytest.fixture(scope="module")
def folds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("folds") / "folds.beton"
    samples = [tinted(i, i % 3, i % 3) for i in range(sum(FOLDS.values()))]
    make_records(path, samples, FOLDS).close()
    return path


def test_all_folds_but_one(folds: Path, tmp_path: Path) -> None:
    config = settings(
        folds, tmp_path / "run", train_split="fold*-fold1", val_split="fold1", epochs=1
    )
    run = run_training(config)
    assert run.train_loader.plan(0).indices.tolist() != []
    assert set(run.train_loader.plan(0).indices.tolist()) == {*range(12), *range(24, 36)}
    (row,) = rows(tmp_path / "run", "epoch")
    assert row["val_accuracy"] is not None
    resumed = run_training(
        settings(folds, tmp_path / "run", train_split="fold*-fold1", val_split="fold1", epochs=2),
        resume=str(tmp_path / "run"),
    )
    assert resumed.progress.epoch == 2


def test_the_name_of_the_folder_finds_the_split(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_data(tmp_path / "tiny.beton")
    quick = {"epochs": 1, "limit_batches": 1}
    run = run_training(settings(data, tmp_path / "run", **quick, val_split="valid"))
    assert run.val_loader is not None and run.progress.best_epoch == 0
    assert "--val-split valid: the split is called val here" in capsys.readouterr().out


def test_what_is_learnt_from_is_not_measured_on(folds: Path, tmp_path: Path) -> None:
    config = settings(folds, tmp_path / "run", train_split="fold*", val_split="fold1")
    with pytest.raises(ConfigError, match=r"12 samples of --train-split fold\* are in --val-split"):
        run_training(config)
    assert not (tmp_path / "run").exists()


def test_a_held_out_expression_has_to_make_sense(folds: Path, tmp_path: Path) -> None:
    config = settings(folds, tmp_path / "run", train_split="fold0", val_split="fold1+fold9")
    with pytest.raises(RecordsError, match="no split 'fold9'"):
        run_training(config)


def test_another_selection_is_another_run(folds: Path) -> None:
    with Records.open(folds) as records:
        prints = {
            data_fingerprint(records, (train, "none"))
            for train in ("fold0", "fold0+fold1", "fold*-fold2", "fold*", "fold0[:50%]")
        }
        # The second and third mean the same samples, by other words; settings tell them apart.
        assert len(prints) == 5


def test_balanced_and_repeated_samples_resume_where_they_were(folds: Path, tmp_path: Path) -> None:
    changes = {
        "train_split": "fold*-fold1",
        "val_split": "fold1",
        "sampling": "balanced",
        "aug_repeats": 2,
        "crop_ratio": (0.9, 1.1),
    }
    whole = run_training(settings(folds, tmp_path / "whole", **changes))
    assert len(whole.train_loader) == 2 * 24 // 8
    run_training(settings(folds, tmp_path / "half", epochs=1, **changes))
    with pytest.raises(ConfigError, match="cannot resume with a changed --aug-repeats"):
        run_training(
            settings(folds, tmp_path / "half", epochs=1, **{**changes, "aug_repeats": 1}),
            resume=str(tmp_path / "half"),
        )
    weights = tmp_path / "w.txt"
    weights.write_text("1\n" * 36)
    with Records.open(folds) as records:
        before = data_fingerprint(records, ("fold0",), str(weights))
        weights.write_text("1\n" * 35 + "2\n")
        assert data_fingerprint(records, ("fold0",), str(weights)) != before

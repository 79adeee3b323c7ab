"""Settings as runs saved them before techniques had settings of their own: they load and go on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from headrace.pipeline.errors import Interrupted
from headrace.train.command_line import read_command_line
from headrace.train.folder.checkpoint import load_checkpoint, save_checkpoint
from headrace.train.run import run_training
from headrace.train.settings.config_file import EARLIER, from_flat, to_flat
from tests.train.test_loop import stop_after
from tests.train.tiny_runs import assert_same_run, settings, write_data

SAVED = """
data: ''
size: 32
crop_mode: random-resized
crop_scale: [0.25, 1.0]
crop_ratio: [0.75, 1.3333333333333333]
crop_padding: 4
flip: 0.5
eval_size: null
eval_mode: centre
eval_crop: 0.875
batch_size: 8
train_split: train
val_split: val
sampling: shuffle
repeats: 1
drop_last: false
limit_batches: 0
loader: torchvision
workers: 0
resident_memory: 0.5
on_bad_sample: raise
model: timm:test_resnet
pretrained: false
dropout: 0.3
recipe: report
epochs: 2
optimizer: adamw
lr: 0.003
weight_decay: null
schedule: cosine
warmup_epochs: 1.0
loss: cross-entropy
label_smoothing: 0.1
clip_grad: 1.0
patience: 0
out: ''
overwrite: false
seed: 0
device: cpu
amp: 'off'
compile: auto
log_every: 2
save_every: 0
tensorboard: false
"""
"""A config.yaml; what a checkpoint holds of settings is the same."""


def earlier(**changes: Any) -> dict[str, Any]:
    return {**yaml.safe_load(SAVED), **changes}


def test_what_they_do_not_say_is_as_it_was() -> None:
    optim = from_flat(earlier(), "config.yaml").optim
    assert (optim.objective, optim.average, optim.accumulate) == ("loss", "none", 1)
    assert (optim.penalty.penalty, optim.groups.layer_decay, optim.groups.head_lr) == (0, 1, 1)
    assert optim.settings_of("loss").label_smoothing == 0.1
    assert optim.settings_of("loss").class_weights == "none"
    assert optim.settings_of("optimizer").betas == (0.9, 0.999)
    assert optim.settings_of("schedule").min_lr == 0
    momentum = from_flat(earlier(optimizer="sgd"), "config.yaml").optim.settings_of("optimizer")
    assert (momentum.momentum, momentum.nesterov) == (0.9, True)


def test_every_setting_is_still_there_with_its_value() -> None:
    flat = to_flat(from_flat(earlier(), "config.yaml"))
    assert {key: flat[EARLIER.get(key, key)] for key in earlier()} == earlier()


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_such_a_run_goes_on_bit_for_bit(
    optimizer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = write_data(tmp_path / "tiny.beton")
    common = {"optimizer": optimizer, "amp": "off", "lr": 0.003}
    run_training(settings(data, tmp_path / "whole", **common))
    folder = tmp_path / "run"
    with monkeypatch.context() as patch:
        stop_after(5, patch)
        with pytest.raises(Interrupted):
            run_training(settings(data, folder, **common))
    content = load_checkpoint(folder)
    saved = earlier(optimizer=optimizer, data=str(data), out=str(folder))
    by_geometry = {"crop_mode": None, "eval_mode": None, "eval_crop": None}
    kept = {key: content["config"][EARLIER.get(key, key)] for key in saved}
    assert kept == {**saved, **by_geometry}
    now, then = (from_flat(flat, "x").data.crop for flat in (content["config"], saved))
    assert [now.mode(train) for train in (True, False)] == ["random-resized", "centre"]
    assert [then.mode(train) for train in (True, False)] == ["random-resized", "centre"]
    assert now.eval_share == then.eval_share == 0.875
    content["config"] = saved
    del content["hooks"]
    content["optimizer"]["param_groups"] = [
        {key: value for key, value in group.items() if key != "lr_scale"}
        for group in content["optimizer"]["param_groups"]
    ]
    save_checkpoint(folder / "last.pt", content)
    torch.rand(3)
    config, resume = read_command_line(["--resume", str(folder)])
    run_training(config, resume)
    words = ("geometry", *by_geometry)  # two ways to say the same
    assert_same_run(tmp_path / "whole", folder, free=("out", "save_every", *words))


def test_a_setting_that_is_called_otherwise_now_is_known() -> None:
    """`--repeats` is of whole runs now; each sample's own is `--aug-repeats`."""
    assert from_flat(earlier(repeats=3), "config.yaml").data.aug_repeats == 3

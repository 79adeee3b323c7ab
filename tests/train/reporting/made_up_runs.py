"""Run folders that no run has written: settings, and a log of made-up epochs."""

from __future__ import annotations

import json
from pathlib import Path

from headrace.train.settings.config_file import dump_yaml, from_flat

EPOCH = {"train_loss": 1.0, "train_accuracy": 0.5, "lr": 0.1, "images_per_s": 10.0,
         "data_wait": 0.1, "seconds": 2.0}  # fmt: skip


def write_folder(folder: Path, rows: list[dict[str, object]], **settings: object) -> Path:
    folder.mkdir()
    (folder / "config.yaml").write_text(dump_yaml(from_flat(settings, "test")))
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def epochs(values: list[float | None], name: str = "val_accuracy") -> list[dict[str, object]]:
    return [
        {"kind": "epoch", "epoch": i, "global_step": i, **EPOCH, "val_accuracy": 0.5,
         "val_loss": 1.0, name: value}
        for i, value in enumerate(values)
    ]  # fmt: skip

"""Folders of runs, as tests find them there."""

from __future__ import annotations

from pathlib import Path

import yaml

from headrace.pipeline.flat_settings import to_flat
from headrace.train.generating.settings import FitConfig
from headrace.train.settings.config import RunConfig, RuntimeConfig
from headrace.train.settings.config_file import dump_yaml

OF_CLASSIFIER = dump_yaml(RunConfig())
OF_GENERATOR = yaml.safe_dump(to_flat(FitConfig()))


def config(folder: Path, *, overwrite: bool = False, seed: int = 0) -> RunConfig:
    return RunConfig(runtime=RuntimeConfig(out=str(folder), overwrite=overwrite, seed=seed))


def old_run(folder: Path, *names: str, settings: str = OF_CLASSIFIER) -> Path:
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).write_text(settings if name == "config.yaml" else "old")
    return folder


def content(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {p.name: (p.read_bytes(), p.stat().st_mtime_ns) for p in folder.iterdir()}

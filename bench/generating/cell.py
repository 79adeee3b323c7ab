"""All that is trained on one choice of real images: classifiers without and with made-up ones."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from headrace.bench.core.kept_row import Row, measured_once
from headrace.bench.generating.few_images import few_images
from headrace.bench.generating.settings import GenerativeSettings, Kind
from headrace.pipeline.atomic import replacing
from headrace.pipeline.records import Records
from headrace.train.data.inputs import data_fingerprint
from headrace.train.evaluate import EvaluateConfig, evaluate
from headrace.train.generating.draw import draw
from headrace.train.generating.draw_settings import DrawConfig
from headrace.train.generating.fit import fit
from headrace.train.generating.judging import JudgeConfig, judge
from headrace.train.generating.settings import FitConfig
from headrace.train.run import run_training
from headrace.train.settings.config_file import from_flat


class Cell:
    """One number of real images and one seed; what is finished in its folder is not done again.

    CPU seconds are the process', all threads together. Where several processes share a machine's
    cores they say more than seconds on a clock, which are noted beside them. Where a GPU computes,
    equal time is that of the clock.

    Args:
        given: what is measured.
        per_class: real images of each class; 0: all.
        seed: of the images, the networks and the noise.
        judge: run folder of the classifier that judges made-up images; it trains none.
    """

    def __init__(self, given: GenerativeSettings, per_class: int, seed: int, judge: Path) -> None:
        self._given, self._seed, self._judge = given, seed, judge
        self._folder = given.out / f"{per_class or 'all'}-{seed}"
        self._folder.mkdir(parents=True, exist_ok=True)
        self._shared = {"per_class": per_class, "seed": seed}
        with Records.open(given.data) as records:
            self._names = few_images(records, given.train_split, per_class, seed)
            self._asked = _asked(given, records)
        self._few = self._listed("real", self._names)

    def rows(self) -> list[Row]:
        """Does what is not done yet; a row for each classifier and for each generator."""
        real = self._classifier("real", self._given.classifier_steps)
        found = [real]
        for kind in self._given.kinds:
            made = self._generator(kind)
            mixed = self._classifier(kind, self._given.classifier_steps, self._made(kind))
            longer = self._longer(kind, real, made, mixed)
            found += [{**made, **self._verdict(kind)}, mixed, longer]
        return found

    def _longer(self, kind: Kind, real: Row, made: Row, mixed: Row) -> Row:
        """Without made-up images, for as long as these took to learn, draw and learn from."""
        clock = self._given.clock
        spent = made[f"fit_{clock}"] + made[f"draw_{clock}"] + mixed[clock]
        steps = round(self._given.classifier_steps * spent / real[clock])
        return self._classifier(f"real, as long as {kind}", steps)

    def _classifier(self, form: str, steps: int, made: Path | None = None) -> Row:
        folder = self._folder / _slug(form)
        return measured_once(folder, self._asked, lambda: self._trained(form, steps, made))

    def _trained(self, form: str, steps: int, made: Path | None) -> Row:
        given, folder = self._given, self._folder / _slug(form)
        begun, begun_cpu = time.monotonic(), time.process_time()
        data, few, real_share = [str(given.data)], self._few, 1.0
        if made is not None:
            # An epoch with a share of made-up images has as many real ones as one without.
            data, real_share = [*data, f"{made}:{given.share}"], 1 - given.share
            few = self._listed(form, [*self._names, *_names_in(made)])
        in_epoch_steps = math.ceil(len(self._names) / real_share / given.classifier_batch)
        epochs = max(1, round(steps / in_epoch_steps))
        its_own = {
            "data": data,
            "train_split": f"@{few}",
            "epochs": epochs,
            "batch_size": given.classifier_batch,
            "seed": self._seed,
        }
        _train(given, folder, its_own)
        spent = _spent(begun, begun_cpu)
        paths = (str(folder), str(given.data))
        report = evaluate(EvaluateConfig(paths=paths, split=given.test_split))
        row = {"form": form, "steps": epochs * in_epoch_steps, "accuracy": report["accuracy"]}
        return {**self._shared, **row, **spent}

    def _generator(self, kind: Kind) -> Row:
        folder = self._folder / f"generator-{kind}"
        return measured_once(folder, self._asked, lambda: self._fitted(kind, folder))

    def _fitted(self, kind: Kind, folder: Path) -> Row:
        batch = min(self._given.generator_batch, len(self._names))
        steps_in_epoch = len(self._names) // batch
        epochs = max(1, round(self._given.generator_images / (batch * steps_in_epoch)))
        begun, begun_cpu = time.monotonic(), time.process_time()
        fit(
            FitConfig(
                data=str(self._given.data),
                train_split=f"@{self._few}",
                kind=kind,
                size=self._given.size,
                network=self._given.network if kind == "flow" else "unet",
                width=self._given.width,
                epochs=epochs,
                batch_size=batch,
                seed=self._seed,
                save_every=epochs,
                report=False,
                out=str(folder),
                overwrite=True,
            )
        )
        fitted = {f"fit_{name}": value for name, value in _spent(begun, begun_cpu).items()}
        begun, begun_cpu = time.monotonic(), time.process_time()
        draw(
            DrawConfig(
                run=folder,
                out=self._made(kind),
                per_class=self._given.drawn,
                guidance=self._given.guidance,
                seed=self._seed,
                force=True,
            )
        )
        drawn = {f"draw_{name}": value for name, value in _spent(begun, begun_cpu).items()}
        seen = {"generator": kind, "images_seen": epochs * steps_in_epoch * batch}
        return {**self._shared, **seen, **fitted, **drawn}

    def _verdict(self, kind: Kind) -> Row:
        """What the judge says of the images; asked each time, for it may be another."""
        verdict = judge(
            JudgeConfig(
                made=self._made(kind),
                data=self._given.data,
                judge=self._judge,
                train_split=f"@{self._few}",
                test_split=self._given.test_split,
                picture=self._folder / f"{kind}.png",
            )
        )
        return dict(verdict.plain())

    def _made(self, kind: Kind) -> Path:
        return self._folder / f"{kind}.beton"

    def _listed(self, form: str, names: list[str]) -> Path:
        path = self._folder / f"{_slug(form)}.txt"
        with replacing(path) as file:
            file.write("".join(f"{name}\n" for name in names).encode("utf-8", "surrogateescape"))
        return path


def train_judge(given: GenerativeSettings) -> Path:
    """The classifier that judges: the one given, or one of every real image of the split."""
    if given.judge is not None:
        return given.judge
    folder = given.out / "judge"
    with Records.open(given.data) as records:
        asked = {**_asked(given, records), "judge_epochs": given.judge_epochs}

    def trained() -> Row:
        whole = {"data": str(given.data), "train_split": given.train_split}
        _train(given, folder, {**whole, "epochs": given.judge_epochs})
        return {}

    measured_once(folder, asked, trained)
    return folder


def _asked(given: GenerativeSettings, records: Records) -> Row:
    """What the rows of a folder have in common: every setting but which of them are wanted."""
    free = {"data", "out", "json", "per_class", "seeds", "kinds", "judge", "judge_epochs"}
    settings = {key: value for key, value in asdict(given).items() if key not in free}
    splits = (given.train_split, given.test_split)
    return {**settings, "data": data_fingerprint(records, splits)}


def _train(given: GenerativeSettings, folder: Path, its_own: Mapping[str, Any]) -> None:
    """Trains a classifier with the settings that all have, and those of its own."""
    settings = {
        "val_split": "none",
        "model": given.model,
        "size": given.size,
        "lr": given.classifier_lr,
        "recipe": given.recipe,
        "loader": "resident",
        "tensorboard": False,
        "report": False,
        "overwrite": True,
        "out": str(folder),
    }
    run_training(from_flat({**settings, **its_own}, "bench/generative.py"))


def _slug(form: str) -> str:
    """A form's name as that of a file."""
    return form.replace(", ", "-").replace(" ", "-")


def _names_in(made: Path) -> list[str]:
    with Records.open(made) as records:
        return [records.name(index) for index in range(len(records.labels))]


def _spent(begun: float, begun_cpu: float) -> dict[str, float]:
    return {
        "cpu_s": round(time.process_time() - begun_cpu, 2),
        "seconds": round(time.monotonic() - begun, 2),
    }

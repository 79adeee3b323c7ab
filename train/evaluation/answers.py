"""Models on a split: each of them over all its views, and then what they say together."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, closing
from typing import Any

import numpy as np
import torch

from headrace.pipeline.backend import LoaderConfig
from headrace.pipeline.bars import bar
from headrace.pipeline.crops.settings import CropConfig
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.loader import open_loader
from headrace.pipeline.loaders.settings import DecodeConfig
from headrace.pipeline.plan import PlanConfig
from headrace.pipeline.planned import PlannedLoader
from headrace.pipeline.records import Records
from headrace.train.data.labels import check_range
from headrace.train.device.amp import Precision, choose_precision
from headrace.train.device.memory import OutOfMemory, out_of_memory, ran_out, smaller_batch
from headrace.train.evaluation.asking import AskConfig
from headrace.train.evaluation.ensemble import (
    combine,
    fit_weights,
    mean_of_probabilities,
    with_logits,
)
from headrace.train.evaluation.inference import answer
from headrace.train.evaluation.members import Member, check_classes
from headrace.train.evaluation.outcome import Outcome
from headrace.train.evaluation.views import ViewConfig, describe_views, make_views, plain_view
from headrace.train.processes.world import join_world

NO_VIEWS = ViewConfig()


class Answers:
    """Asks models about samples of one record file.

    Args:
        config: which models, and how.
        records: the samples.
        members: the models' checkpoints.
        split: of which answers are wanted, an expression; None for every sample.
        resources: gets the loaders that have to be closed.

    Raises:
        ConfigError: if the samples' labels are none of the models' classes.
        RecordsError: if there is no such split.
    """

    def __init__(
        self,
        config: AskConfig,
        records: Records,
        members: Sequence[Member],
        split: str | None,
        resources: ExitStack,
    ) -> None:
        classes = members[0].classes
        check_classes(records, classes)
        check_range(records, split, len(classes))
        if not len(records.select(split)):
            raise ConfigError(f"split {split or 'all'!r} of {config.data} is empty")
        self._config, self._records, self._members = config, records, members
        self._split, self._resources = split, resources
        self._fits = config.ensemble == "fitted" and len(members) > 1
        if self._fits:
            self._check_fit()
        self._loaders: dict[tuple[Any, ...], PlannedLoader] = {}

    def ask(self, views: ViewConfig = NO_VIEWS) -> Outcome:
        """What the models say about the split, together; it tells the user what is averaged."""
        _, device = join_world(self._config.device)
        found, fitting = [], []
        for number, member in enumerate(self._members):
            precision = choose_precision(member.amp(self._config.amp), device)
            model = member.model(device, self._config.model)
            if views.tta and number == 0:
                print(describe_views(views, member.run_config()))
            found.append(self._seen(member, model, views, self._split, precision))
            if self._fits:
                outcome = self._seen(member, model, NO_VIEWS, self._config.fit_split, precision)
                fitting.append(outcome.of(outcome.labels >= 0))
        weights = fit_weights(fitting) if self._fits else None
        if len(self._members) > 1:
            print(self._describe(weights))
        return combine(found, self._config.ensemble, weights)

    def _check_fit(self) -> None:
        """Refuses to fit on samples that are asked about, or on none with a label."""
        fit_split = self._config.fit_split
        fitted = self._records.select(fit_split)
        check_range(self._records, fit_split, len(self._members[0].classes))
        shared = np.intersect1d(fitted, self._records.select(self._split))
        if len(shared):
            raise ConfigError(
                f"--fit-split {fit_split} shares {len(shared)} samples with --split "
                f"{self._split or 'all'}, of which the weights would know the labels; take another "
                "split, or parts: --fit-split 'val[:50%]' --split 'val[50%:]'"
            )
        if not (self._records.labels[fitted] >= 0).any():
            raise ConfigError(f"--fit-split {fit_split} has no labelled sample; choose another")

    def _seen(
        self,
        member: Member,
        model: torch.nn.Module,
        views: ViewConfig,
        split: str | None,
        precision: Precision,
    ) -> Outcome:
        """What one model says about a split, over all its views."""
        preprocess = member.preprocess
        seen = [plain_view(preprocess, precision)]
        if views.tta:
            run = member.run_config()
            seen = make_views(views, run, preprocess, precision, len(member.classes))
        outcomes = []
        for view in seen:
            loader = self._loader(view.crop, view.drawn is not None, views.seed, split, precision)
            batches: Any = loader.epoch(view.drawn or 0)
            with (
                closing(batches),
                bar(total=len(loader), unit="batch", desc="predict", leave=False) as progress,
            ):
                try:
                    outcomes.append(
                        answer(model, batches, view.images_of, precision, progress.update)
                    )
                except (RuntimeError, MemoryError) as error:
                    self._explain(error, precision.device)
                    raise
        if len(outcomes) == 1:
            return outcomes[0]
        logits = [torch.from_numpy(outcome.logits) for outcome in outcomes]
        mean = mean_of_probabilities(logits, [view.weight for view in seen])
        return with_logits(outcomes[0], mean)

    def _explain(self, error: Exception, device: torch.device) -> None:
        """Says what takes less memory, where that is what was missing.

        Raises:
            OutOfMemory: naming the batch size to try.
        """
        if ran_out(error):
            less = smaller_batch(self._config.batch_size) or 1
            line = out_of_memory(error, "prediction", device, f"--batch-size {less}")
            raise OutOfMemory(line) from error

    def _loader(
        self, crop: CropConfig, drawn: bool, seed: int, split: str | None, precision: Precision
    ) -> PlannedLoader:
        """A loader of these crops, of which models that see alike share one."""
        key = (crop, drawn, split)
        if key not in self._loaders:
            config = self._config
            plan = PlanConfig(crop=crop, batch_size=config.batch_size, train=drawn, seed=seed)
            settings = LoaderConfig(
                split=split,
                device=precision.device,
                plan=plan,
                decode=DecodeConfig(loader=config.loader, workers=config.workers),
            )
            self._loaders[key] = self._resources.enter_context(open_loader(self._records, settings))
        return self._loaders[key]

    def _describe(self, weights: list[float] | None) -> str:
        text = f"ensemble of {len(self._members)}: {self._config.ensemble}"
        if weights is None:
            return text
        shares = ", ".join(
            f"{share:.3f} {member.place}"
            for share, member in zip(weights, self._members, strict=True)
        )
        return f"{text} on {self._config.fit_split}: {shares}"

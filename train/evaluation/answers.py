"""Models on a split: each of them over all its views, and then what they say together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from itertools import groupby
from typing import Any

import numpy as np
import torch

from headrace.pipeline.backend import LoaderConfig
from headrace.pipeline.bars import bar
from headrace.pipeline.crops.part import PartConfig
from headrace.pipeline.crops.settings import CropConfig
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.loader import open_loader
from headrace.pipeline.loaders.settings import DecodeConfig
from headrace.pipeline.plan import PlanConfig
from headrace.pipeline.planned import PlannedLoader
from headrace.pipeline.records import Records
from headrace.train.data.labels import check_range
from headrace.train.data.real_only import check_real
from headrace.train.device.amp import Precision, choose_precision
from headrace.train.device.memory import smaller_batch
from headrace.train.evaluation.asking import AskConfig
from headrace.train.evaluation.ensemble import (
    combine,
    fit_weights,
    mean_of_probabilities,
    with_logits,
)
from headrace.train.evaluation.inference import answer
from headrace.train.evaluation.members import Member, check_classes, selected
from headrace.train.evaluation.outcome import Outcome, check_numbers
from headrace.train.evaluation.views import View, describe_views, make_views, plain_view
from headrace.train.guard import told
from headrace.train.processes.world import only_process
from headrace.train.settings.views import ViewConfig

NO_VIEWS = ViewConfig()
ViewsOf = Callable[[Member], ViewConfig]


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
        chosen = selected(records, split, members)
        check_range(records, split, len(classes))
        if not len(chosen):
            raise ConfigError(f"split {split or 'all'!r} of {config.data} is empty")
        self._config, self._records, self._members = config, records, members
        self._split, self._resources = split, resources
        self._fits = config.ensemble == "fitted" and len(members) > 1
        if self._fits:
            self._check_fit()
        self._loaders: dict[tuple[Any, ...], PlannedLoader] = {}

    def ask(self, views_of: ViewsOf = lambda member: NO_VIEWS, seed: int = 0) -> Outcome:
        """What the models say about the split, together; it tells the user what is averaged.

        Args:
            views_of: over which views each model's answers are averaged.
            seed: of those that are drawn.

        Raises:
            FailedError: if what one of them says is not a number.
        """
        device = only_process(self._config.device)
        found, fitting, said = [], [], ""
        for member in self._members:
            views = views_of(member)
            precision = choose_precision(member.amp(self._config.amp), device)
            model = member.model(device, self._config.model)
            line = describe_views(views, member.run_config()) if views.tta else ""
            if line not in ("", said):
                print(line)
                said = line
            seen = self._views(member, views, seed, precision)
            outcome = self._seen(model, seen, seed, self._split, precision)
            found.append(check_numbers(outcome, member.place))
            if self._fits:
                seen = self._views(member, NO_VIEWS, seed, precision)
                outcome = self._seen(model, seen, seed, self._config.fit_split, precision)
                check_numbers(outcome, member.place)
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
        check_real(self._records, fitted, f"--fit-split {fit_split}", "choose another")
        shared = np.intersect1d(fitted, self._records.select(self._split))
        if len(shared):
            raise ConfigError(
                f"--fit-split {fit_split} shares {len(shared)} samples with --split "
                f"{self._split or 'all'}, of which the weights would know the labels; take another "
                "split, or parts: --fit-split 'val[:50%]' --split 'val[50%:]'"
            )
        if not (self._records.labels[fitted] >= 0).any():
            raise ConfigError(f"--fit-split {fit_split} has no labelled sample; choose another")

    def _views(
        self, member: Member, asked: ViewConfig, seed: int, precision: Precision
    ) -> list[View]:
        if not asked.tta:
            return [plain_view(member.preprocess, precision)]
        run, num_classes = member.run_config(), len(member.classes)
        return make_views(asked, run, member.preprocess, precision, num_classes, seed)

    def _seen(
        self,
        model: torch.nn.Module,
        seen: Sequence[View],
        seed: int,
        split: str | None,
        precision: Precision,
    ) -> Outcome:
        """What one model says about a split, over all its views."""
        outcomes = []
        for (crop, drawn), views in groupby(seen, lambda view: (view.crop, view.drawn is not None)):
            with self._loader(crop, drawn, seed, split, precision) as loader:
                for view in views:
                    batches: Any = loader.epoch(view.drawn or 0)
                    with (
                        closing(batches),
                        bar(total=len(loader), unit="batch", desc="predict", leave=False) as shown,
                        told(precision.device, lambda: "prediction", self._smaller_batch),
                    ):
                        said = answer(model, batches, view.images_of, precision, shown.update)
                    outcomes.append(said)
        if len(outcomes) == 1:
            return outcomes[0]
        logits = [torch.from_numpy(outcome.logits) for outcome in outcomes]
        mean = mean_of_probabilities(logits, [view.weight for view in seen])
        return with_logits(outcomes[0], mean)

    def _smaller_batch(self) -> str:
        return f"--batch-size {smaller_batch(self._config.batch_size) or 1}"

    @contextmanager
    def _loader(
        self, crop: CropConfig, drawn: bool, seed: int, split: str | None, precision: Precision
    ) -> Iterator[PlannedLoader]:
        """A loader of these crops, of which models that see alike share one."""
        config = self._config
        plan = PlanConfig(crop=crop, batch_size=config.batch_size, train=drawn, seed=seed)
        settings = LoaderConfig(
            split=split,
            device=precision.device,
            plan=plan,
            decode=DecodeConfig(loader=config.loader, workers=config.workers),
        )
        key = (crop, drawn, split)
        if isinstance(crop, PartConfig):  # one of many, of which none is worth keeping the images
            with open_loader(self._records, settings, loader=self._passing) as loader:
                yield loader
            return
        if key not in self._loaders:
            self._loaders[key] = self._resources.enter_context(open_loader(self._records, settings))
        yield self._loaders[key]

    @property
    def _passing(self) -> str:
        """The loader of images that are seen once."""
        if self._config.loader != "auto":
            return self._config.loader
        return "torchvision" if self._records.kind == "folder" else "native"

    def _describe(self, weights: list[float] | None) -> str:
        text = f"ensemble of {len(self._members)}: {self._config.ensemble}"
        if weights is None:
            return text
        shares = ", ".join(
            f"{share:.3f} {member.place}"
            for share, member in zip(weights, self._members, strict=True)
        )
        return f"{text} on {self._config.fit_split}: {shares}"

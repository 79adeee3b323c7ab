"""Records as a LightningDataModule: loaders of this process' share, augmented on the device.

A training batch is augmented after Lightning has moved it, with random numbers that the seed, the
rank and the batch's place alone decide; so a checkpoint in the middle of an epoch needs only the
loader's position, which Lightning saves itself. Source: lightning.ai/docs/pytorch/stable/data.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from headrace.augment import Augmenter, Preprocess, build_augmenter
from headrace.augment.recipes import Recipe
from headrace.pipeline.backend import LoaderConfig
from headrace.pipeline.batch import Batch
from headrace.pipeline.data_files import DataPath
from headrace.pipeline.errors import MissingPackageError
from headrace.pipeline.flat_settings import with_values
from headrace.pipeline.loader import LoaderSettings, chosen_samples, open_loader
from headrace.pipeline.planned import PlannedLoader
from headrace.pipeline.records import Records
from headrace.pipeline.shares import epoch_samples
from headrace.train.data.inputs import choose_tail

try:  # the one file that is of no use without it
    from lightning.pytorch import LightningDataModule, Trainer
except ImportError:
    raise MissingPackageError(
        "Lightning is not installed, and its data module needs it; pip install lightning"
    ) from None

if TYPE_CHECKING:
    from typing_extensions import Unpack


class RecordsDataModule(LightningDataModule):
    """Packed records, or an image folder, for `Trainer.fit`, `validate`, `test` and `predict`.

    Steps get (images, targets), images (B, 3, H, W) float32, channels_last and normalised, targets
    (B,) int64, or (B, classes) float32 where the recipe mixes and the model trains; prediction gets
    the images alone. The loader is closed when Lightning tears the module down.

    Attributes:
        classes: names of the classes.
        preprocess: size, mean and deviation of the model's input; there from `setup` on.

    Args:
        path: a .beton, WebDataset shards, an image folder, or several packed files, as
            `open_loader` takes them.
        recipe: how training batches are augmented, see docs/augmentation.md.
        val_split, test_split: splits to measure on; `predict` takes the latter too.
        config: every setting of the training loader; by default LoaderConfig(). What says which
            samples come, and how often, says nothing of the splits that are measured on: of those
            every sample comes.
        settings: single ones in its place, by name, as for `open_loader`. Device, rank and world
            size are Lightning's affair.

    Raises:
        HeadraceError: as `open_loader` does, when Lightning asks for a loader.
    """

    def __init__(
        self,
        path: DataPath,
        *,
        recipe: Recipe = "report",
        val_split: str = "val",
        test_split: str = "test",
        config: LoaderConfig | None = None,
        **settings: Unpack[LoaderSettings],
    ) -> None:
        super().__init__()
        self.path, self._recipe = path, recipe
        self._splits = {"val": val_split, "test": test_split}
        self._tail_is_said = config is not None or "tail" in settings
        self._config = with_values(config or LoaderConfig(), settings)
        with Records.open(path) as records:
            self.classes = tuple(records.manifest.classes)
        self.preprocess = Preprocess()
        self._records: Records | None = None
        self._loaders: dict[str, PlannedLoader] = {}
        self._augmenter: Augmenter | None = None

    def setup(self, stage: str) -> None:
        if self._records is None:
            self._records = Records.open(self.path)

    def train_dataloader(self) -> LightningPasses:
        loader = self._open("train", self._config)
        self._augmenter = build_augmenter(
            self._recipe,
            num_classes=len(self.classes),
            preprocess=self.preprocess,
            device=loader.config.device,
            pixels_of=loader.config.plan.crop.pixels_of,
        )
        return LightningPasses(loader, self.trainer)

    def val_dataloader(self) -> PlannedLoader:
        return self._evaluated("val")

    def test_dataloader(self) -> PlannedLoader:
        return self._evaluated("test")

    def predict_dataloader(self) -> PlannedLoader:
        return self._evaluated("test")

    def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:
        if not isinstance(batch, Batch):  # of somebody's own loader
            return batch
        trainer = self.trainer
        if trainer is not None and trainer.training and self._augmenter is not None:
            return self._augmented(self._augmenter, batch)
        images = self.preprocess.normalise(batch.images)
        return images if trainer is not None and trainer.predicting else (images, batch.labels)

    def teardown(self, stage: str) -> None:
        for loader in self._loaders.values():
            loader.close()
        self._loaders.clear()
        if self._records is not None:
            self._records.close()
            self._records = None

    def _augmented(self, augmenter: Augmenter, batch: Batch) -> tuple[Tensor, Tensor]:
        loader = self._loaders["train"]
        plan = loader.config.plan
        place = np.random.SeedSequence((plan.seed, plan.rank, *loader.position))
        augmenter.reseed(int(place.generate_state(1, np.uint64)[0] >> np.uint64(1)))
        return augmenter(batch.images, batch.labels)

    def _evaluated(self, name: str) -> PlannedLoader:
        everything = {"sampling": "shuffle", "repeats": 1, "at_most": 0}
        values = {"split": self._splits[name], "train": False, **everything}
        return self._open(name, with_values(self._config, values))

    def _open(self, name: str, config: LoaderConfig) -> PlannedLoader:
        """This process' loader; one that Lightning asks for again takes the place of the first."""
        self.setup("")
        assert self._records is not None
        if name in self._loaders:
            self._loaders.pop(name).close()
        values: dict[str, Any] = {}
        if (trainer := self.trainer) is not None:
            values = {"rank": trainer.global_rank, "world_size": trainer.world_size}
            values["device"] = trainer.strategy.root_device
        world: int = values.get("world_size", 1)
        if not config.plan.train:  # all of them are measured on
            values["tail"] = "pad" if world > 1 else "keep"
        elif not self._tail_is_said:  # as in a run: for one sample alone nothing is learnt from
            count = epoch_samples(self._records, chosen_samples(self._records, config))
            plan = config.plan
            values["tail"] = choose_tail(count * plan.repeats, plan.batch_size, False, world)
        loader = open_loader(self._records, with_values(config, values))
        self._loaders[name] = loader
        self.preprocess = Preprocess.of(loader)
        return loader


class LightningPasses:
    """A loader whose passes go through the epochs that Lightning is in.

    Lightning makes iterators that it never uses, and saves at an epoch's end without having asked
    for a batch too many; so which epoch a pass goes through is asked at its first batch.
    """

    def __init__(self, loader: PlannedLoader, trainer: Trainer | None) -> None:
        self.loader, self._trainer = loader, trainer

    def __len__(self) -> int:
        return len(self.loader)

    def __iter__(self) -> Iterator[Batch]:
        if self._trainer is not None:
            self.loader.set_epoch(self._trainer.current_epoch)
        yield from self.loader

    def state_dict(self) -> dict[str, Any]:
        return self.loader.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.loader.load_state_dict(state)

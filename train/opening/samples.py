"""First stage: the samples of a run, and the settings that they complete."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass

from headrace.pipeline.errors import ConfigError
from headrace.pipeline.records import Records
from headrace.train.data.geometry import settle_crop
from headrace.train.data.inputs import data_fingerprint
from headrace.train.data.labels import check_held_out, check_labels
from headrace.train.folder.other_world import other_world_line
from headrace.train.folder.resume import check_resumable
from headrace.train.opening.start import Start
from headrace.train.settings.config import RunConfig


@dataclass(frozen=True, kw_only=True)
class Samples:
    """What is learnt from and measured on.

    Attributes:
        config: the run's settings, with the crop that fits these samples.
        records: the samples.
        classes: names of their classes.
        fingerprint: a hash of what a plan depends on.
    """

    config: RunConfig
    records: Records
    classes: tuple[str, ...]
    fingerprint: str


def open_samples(config: RunConfig, start: Start) -> Samples:
    """Opens the data; of a run that goes on it has to be what it was.

    Raises:
        HeadraceError: for data that cannot be learnt from, or other than that of the checkpoint.
    """
    records, classes = open_records(config, start.resources)
    if start.is_new:
        config = settle_crop(config, records, start.say)
    data, checkpoint = config.data, start.checkpoint
    fingerprint = data_fingerprint(records, (data.train_split, data.val_split), data.sampling)
    if checkpoint is not None:
        check_resumable(checkpoint, config, fingerprint)
        if line := other_world_line(len(checkpoint["ranks"]), start.world.size, data, records):
            start.say(line)
    return Samples(config=config, records=records, classes=classes, fingerprint=fingerprint)


def open_records(config: RunConfig, resources: ExitStack) -> tuple[Records, tuple[str, ...]]:
    """The samples, which can be learnt from and measured on, and the names of their classes."""
    data = config.data
    if not data.data:
        raise ConfigError("no data: give --data FILE, a .beton file or an image folder")
    records = resources.enter_context(Records.open(data.data))
    classes = check_labels(records, data.train_split)
    check_held_out(records, data.val_split, len(classes), data.train_split)
    return records, classes

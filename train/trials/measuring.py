"""What the best weights of a run say about samples that it has not learnt from."""

from __future__ import annotations

from contextlib import closing

import torch

from headrace.pipeline.flat_settings import with_values
from headrace.pipeline.loader import open_loader
from headrace.pipeline.records import Records
from headrace.train.data.inputs import loader_config
from headrace.train.device.amp import choose_precision
from headrace.train.evaluation.inference import infer
from headrace.train.evaluation.members import load_members
from headrace.train.evaluation.outcome import Outcome, check_numbers
from headrace.train.processes.world import World
from headrace.train.trials.members import PlannedRun


def measure(run: PlannedRun, records: Records, split: str, device: torch.device) -> Outcome:
    """What a run's best.pt says about a split, each image seen once, as in its own evaluation.

    Args:
        run: which is finished.
        records: its data.
        split: an expression; all its samples are taken, also with --limit-batches.
        device: to compute on.

    Raises:
        HeadraceError: if best.pt cannot be read, a sample cannot be decoded, or what is said of one
            is not a number.
    """
    (member,) = load_members([str(run.folder)])
    # As the run was carried out: what its images decided, such as the size, stands there.
    config = with_values(member.run_config(), {"val_split": split, "limit_batches": 0})
    precision = choose_precision(config.runtime.amp, device)
    model = member.model(device, "")
    settings = loader_config(config, World(), device, train=False, tail="keep")
    with closing(open_loader(records, settings)) as loader:
        outcome = infer(model, loader, member.preprocess, precision)
    return check_numbers(outcome, run.folder)

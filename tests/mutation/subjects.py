"""Which modules are mutated, and which test files have to notice."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]


class Subject(NamedTuple):
    """A module and its tests.

    Attributes:
        name: with its dots, as it is imported.
        path: of its source.
        tests: files, or with two colons tests in them, as pytest takes them.
        interpreted: numba's functions are run by Python. A kernel's machine code, kept on disk,
            would hide every mistake in its source.
    """

    name: str
    path: Path
    tests: tuple[str, ...]
    interpreted: bool = False


_BETON = (
    "pipeline/test_manifest_values.py pipeline/test_levels.py pipeline/test_records.py "
    "promises/test_damage.py"
)
_SAMPLING = " ".join(
    f"pipeline/test_sampling.py::test_{name}"
    for name in (
        "weights_say_how_often each_draw_has_a_crop_of_its_own equal_weights_are_no_shuffle "
        "weights_are_drawn_anew_each_epoch_and_always_the_same ranks_share_the_copies "
        "repeats_follow_each_other_with_other_crops evaluation_repeats_nothing"
    ).split()
)
_SHARDS = "pipeline/test_npz_arrays.py pipeline/test_shards.py"
_LONGER = (
    "train/test_longer.py::test_schedules_that_the_total_does_not_concern_go_on "
    "train/test_longer.py::test_the_rates_on_both_sides_of_where_it_goes_on_are_told"
)
_SCHEDULES = "train/test_schedules.py train/test_schedules_of_torch.py"

# Below tests/: files, or tests in them; those that start a whole training run are left out where
# quicker ones reach the same lines.
TESTS = {
    "pipeline/plan.py": "pipeline/test_plan.py pipeline/test_crops.py pipeline/test_levels.py "
    f"pipeline/test_size_schedule.py pipeline/test_geometry.py {_SAMPLING}",
    "pipeline/levels.py": "pipeline/test_levels.py",
    "pipeline/crops/size_schedule.py": "pipeline/test_size_schedule.py",
    "pipeline/containers/beton.py": _BETON,
    "pipeline/containers/beton_writer.py": _BETON,
    "pipeline/containers/checksums.py": _BETON,
    "pipeline/containers/level_pages.py": _BETON,
    "pipeline/containers/level_table.py": f"{_BETON} {_SHARDS}",
    "pipeline/containers/manifest.py": "pipeline/test_manifest_values.py "
    "pipeline/test_pack_report.py pipeline/test_records.py",
    "pipeline/containers/npz_arrays.py": _SHARDS,
    "pipeline/containers/shard_tables.py": _SHARDS,
    "pipeline/containers/shard_writer.py": _SHARDS,
    "pipeline/containers/shards.py": _SHARDS,
    "pipeline/containers/storage.py": f"{_BETON} {_SHARDS}",
    "augment/operations/mix.py": "augment/test_codes.py augment/test_mix_erase.py",
    "augment/kernels/mix.py": "augment/test_codes.py augment/test_mix_erase.py",
    "augment/torch_code/mix.py": "augment/test_codes.py augment/test_mix_erase.py",
    "train/folder/checkpoint.py": "train/test_checkpoint.py train/test_damaged_checkpoints.py",
    "train/folder/checkpoint_fields.py": "train/test_damaged_checkpoints.py",
    "train/models/checkpointing.py": "train/test_model_options.py",
    "train/schedules/batch_scaling.py": "train/test_batch_scaling.py::test_rules_by_hand "
    "train/test_batch_scaling.py::test_settings_that_cannot_work",
    "train/schedules/longer.py": _LONGER,
    **{
        f"train/schedules/{name}.py": _SCHEDULES
        for name in (
            "cosine cosine_restarts exponential linear multistep one_cycle plateau span step "
            "warmup wsd"
        ).split()
    },
}
INTERPRETED = ("augment/kernels/mix.py",)


def subject(module: str) -> Subject:
    """The subject of a path from the repository's root.

    Raises:
        KeyError: on a module that the table does not name.
    """
    path = Path(module)
    return Subject(
        name="headrace." + ".".join(path.with_suffix("").parts),
        path=ROOT / "headrace" / path,
        tests=tuple(f"{ROOT / 'tests'}/{test}" for test in TESTS[module].split()),
        interpreted=module in INTERPRETED,
    )

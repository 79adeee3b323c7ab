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


def _of(file: str, names: str) -> str:
    """Some tests of a file."""
    return " ".join(f"{file}::test_{name}" for name in names.split())


_BETON = (
    "pipeline/test_beton.py pipeline/test_manifest_values.py pipeline/test_levels.py "
    "pipeline/test_records.py "
) + _of(
    "promises/test_damage.py",
    "one_flipped_bit_in_a_table_is_told swapped_pointers_are_told "
    "a_part_keeps_the_checksums_of_what_it_reads files_without_checksums_open_and_say_so "
    "sizes_that_the_bytes_cannot_be_are_not_believed",
)
_SHARDS = "pipeline/test_shard_tables.py pipeline/test_npz_arrays.py " + _of(
    "pipeline/test_shards.py",
    "records_are_those_of_the_beton the_index_alone_is_enough tar_members "
    "damaged_tables_and_missing_shards tables_of_earlier_and_later_versions_open "
    "levels_are_further_members the_index_alone_leads_to_the_images "
    "tables_of_levels_that_lie_are_refused",
)
_PLAN = "pipeline/test_plan.py pipeline/test_size_schedule.py {} {}".format(
    _of(
        "pipeline/test_sampling.py",
        "weights_say_how_often each_draw_has_a_crop_of_its_own equal_weights_are_no_shuffle "
        "weights_are_drawn_anew_each_epoch_and_always_the_same ranks_share_the_copies "
        "repeats_follow_each_other_with_other_crops evaluation_repeats_nothing",
    ),
    _of(
        "pipeline/test_levels.py",
        "a_plan_is_the_same_but_for_what_it_reads training_and_evaluation_have_a_sharpness_each "
        "what_is_letterboxed_is_as_sharp_as_it_is_shown",
    ),
)
_SCHEDULES = "train/test_schedules.py train/test_schedules_of_torch.py"
_LONGER = _of(
    "train/test_longer.py",
    "schedules_that_the_total_does_not_concern_go_on "
    "the_rates_on_both_sides_of_where_it_goes_on_are_told",
)
_SCALING = _of(
    "train/test_batch_scaling.py",
    "rules_by_hand a_line_tells_both_rates the_settings_themselves_refuse_what_cannot_work",
)
_UNKNOWN = "augment/test_codes.py::test_mixing_refuses_an_unknown_kind"
_MIX = f"augment/test_mix.py {_UNKNOWN} " + _of(
    "augment/test_mix_erase.py",
    "mixup_blends_with_one_share_per_batch cutmix_takes_whole_pixels_and_counts_them "
    "ricap_shows_four_images ricap_patches_come_from_inside_the_partner "
    "probability_is_applied_once share_follows_the_beta unlabelled_samples_cannot_be_mixed "
    "targets_state_what_is_in_the_image",
)
_CUTTING = _of(
    "train/test_model_options.py",
    "one_layer_is_nothing_to_cut statistics_are_counted_once_and_settings_come_back "
    "what_is_compiled_counts_once_too "
    "a_sequence_is_cut_in_front_of_what_has_weights_to_multiply_by "
    "checkpointing_leaves_sequences_alone_that_are_none checkpointing_needs_layers_to_cut_between",
)

# Below tests/: files, or tests in them; those that start a whole training run are left out where
# quicker ones reach the same lines.
TESTS = {
    "pipeline/plan.py": _PLAN,
    "pipeline/levels.py": "pipeline/test_levels.py pipeline/test_level_table.py",
    "pipeline/crops/size_schedule.py": "pipeline/test_size_schedule.py",
    "pipeline/containers/beton.py": _BETON,
    "pipeline/containers/beton_writer.py": _BETON,
    "pipeline/containers/checksums.py": f"pipeline/test_storage.py {_BETON}",
    "pipeline/containers/level_pages.py": f"pipeline/test_level_pages.py {_BETON}",
    "pipeline/containers/level_table.py": "pipeline/test_level_table.py pipeline/test_levels.py",
    "pipeline/containers/manifest.py": "pipeline/test_manifest_values.py "
    "pipeline/test_pack_report.py pipeline/test_records.py",
    "pipeline/containers/npz_arrays.py": _SHARDS,
    "pipeline/containers/shard_tables.py": _SHARDS,
    "pipeline/containers/shard_writer.py": _SHARDS,
    "pipeline/containers/shards.py": _SHARDS,
    "pipeline/containers/storage.py": f"pipeline/test_storage.py {_BETON}",
    "augment/operations/mix.py": _MIX,
    "augment/kernels/mix.py": "augment/test_mix.py",
    "augment/torch_code/mix.py": _MIX,
    "train/folder/checkpoint.py": "train/test_checkpoint.py train/test_damaged_checkpoints.py",
    "train/folder/checkpoint_fields.py": "train/test_damaged_checkpoints.py",
    "train/models/checkpointing.py": _CUTTING,
    "train/schedules/batch_scaling.py": _SCALING,
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

"""Mutants that no test can tell from the module, or need not, each with the reason."""

from __future__ import annotations

# Module, reason, changes as the command prints them.
REASONS: dict[str, dict[str, list[str]]] = {
    "pipeline/plan.py": {
        "repeating once is repeating nothing": [
            "make_plan: if config.repeats > 1: -> if config.repeats > 0:",
        ],
        "one number in 2**53 is exactly 0": [
            "make_plan: flips = _uniform(config.seed, epoch, _FLIP, n) < config.crop.flip -> "
            "flips = _uniform(config.seed, epoch, _FLIP, n) <= config.crop.flip",
        ],
    },
    "pipeline/levels.py": {
        "the bound only keeps the product finite; no side is nearly as long": [
            "pick_levels: needed = np.maximum(min(sharpness, 2.0**32) * np.asarray(targets, "
            f"np.float64), 1) -> needed = np.maximum(min(sharpness, {bound}) * "
            "np.asarray(targets, np.float64), 1)"
            for bound in ("3.0**32", "2.0**33", "2.0**31")
        ],
        "level 0 writes the 0 that is there": [
            "pick_levels: for level in range(1, stored.shape[1] + 1): -> "
            "for level in range(0, stored.shape[1] + 1):",
        ],
    },
    "pipeline/containers/npz_arrays.py": {
        "a member is smaller than the file that it is in": [
            "read_arrays: if member.compress_type != zipfile.ZIP_STORED or member.file_size > "
            "num_bytes: -> if member.compress_type != zipfile.ZIP_STORED or member.file_size >= "
            "num_bytes:",
        ],
        "without a side none is below 0, whichever number stands for it": [
            "_array: if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize != "
            "len(data) - start: -> if min(shape, default=1) < 0 or math.prod(shape) * "
            "dtype.itemsize != len(data) - start:",
        ],
    },
    "pipeline/containers/manifest.py": {
        "the manifest itself refuses it, in the same words": [
            "_ranges: if type(start) is not int or type(stop) is not int or not 0 <= start <= "
            "stop: -> if type(start) is not int or type(stop) is not int or not -1 <= start <= "
            "stop:",
        ],
        "there is one header": [
            "read_manifest: header = data[: HEADER.itemsize].view(HEADER)[0] -> "
            "header = data[: HEADER.itemsize].view(HEADER)[-1]",
        ],
        "without a split none ends too late, whichever number stands for it": [
            "manifest_of: if len(names) != num_samples or max(stops, default=0) > num_samples: -> "
            "if len(names) != num_samples or max(stops, default=-1) > num_samples:",
        ],
    },
    "train/schedules/one_cycle.py": {
        "the rise ends before the last step, since its share is below 1": [
            "build.rate: return half_cosine((place - top) / max(1e-9, last - top), span.peak, end) "
            "-> return half_cosine((place - top) / max(-0.999999999, last - top), span.peak, end)",
        ],
    },
}


def explained(module: str) -> dict[str, str]:
    """The reason of each change of a module that is known not to matter."""
    return {
        change: reason for reason, changes in REASONS.get(module, {}).items() for change in changes
    }

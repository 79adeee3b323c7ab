"""Mutants that no test can tell from the module, or need not, each with the reason."""

from __future__ import annotations

# Module, reason, changes as the command prints them.
REASONS: dict[str, dict[str, list[str]]] = {
    "pipeline/plan.py": {
        "repeating once is repeating nothing": [
            f"make_plan: if config.repeats > 1: -> if config.repeats {bound}:"
            for bound in ("> 0", ">= 1")
        ],
        "numpy works out a side that is below 0": [
            "make_plan: order = (order[:, None] * config.repeats + np.arange(config.repeats))"
            ".reshape(-1) -> order = (order[:, None] * config.repeats + np.arange(config.repeats))"
            ".reshape(-2)",
        ],
        "a way round: of no samples, or no levels, none is picked": [
            "_levels: if stored is None or not stored.shape[1]: -> "
            "if stored is None or not stored.shape[0]:",
        ],
        "one number in 2**53 is exactly 0": [
            "_flips: return _uniform(config.seed, epoch, _FLIP, n) < crop.flip -> "
            "return _uniform(config.seed, epoch, _FLIP, n) <= crop.flip",
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
    "pipeline/containers/beton.py": {
        "there is one header, and one field's pointers": [
            "is_beton: header = np.frombuffer(head, HEADER, 1)[0] -> "
            "header = np.frombuffer(head, HEADER, 1)[-1]",
            "read_tables: header = data[: HEADER.itemsize].view(HEADER)[0] -> "
            "header = data[: HEADER.itemsize].view(HEADER)[-1]",
            "_read_pointers: pointers = arguments[: POINTERS.itemsize].view(POINTERS)[0] -> "
            "pointers = arguments[: POINTERS.itemsize].view(POINTERS)[-1]",
        ],
        "memory that is not kept; no value depends on it": [
            "open_beton: forget_pages(data) # a million samples' tables are 100 MB, and have been "
            "copied -> pass # a million samples' tables are 100 MB, and have been copied",
        ],
        "what is asserted cannot be otherwise": [
            "_read_sums: assert tables.sums is not None and tables.manifest is not None -> "
            "assert tables.sums is not None or tables.manifest is not None",
        ],
    },
    "pipeline/containers/checksums.py": {
        "there is one": [
            "read_sums: if tables_sum(part.data for part in parts) != int(data[place:begin]"
            ".view(TABLES_SUM)[0]): -> if tables_sum(part.data for part in parts) != "
            "int(data[place:begin].view(TABLES_SUM)[-1]):",
        ],
    },
    "pipeline/containers/level_table.py": {
        "numpy works out a side that is below 0": [
            "check_levels: limits = np.broadcast_to(np.asarray(ends, np.uint64).reshape(-1, 1), "
            "entries.shape) -> limits = np.broadcast_to(np.asarray(ends, np.uint64).reshape(-2, "
            "1), entries.shape)",
        ],
    },
    "pipeline/containers/shard_writer.py": {
        "it is set before it is read": [
            f"ShardWriter.__init__: self._in_split = 0 -> self._in_split = {number}"
            for number in (-1, 1)
        ],
        "numpy works out a side that is below 0": [
            "ShardWriter.finish: sums = np.array(self._sums, SUM).reshape(len(self._rows), 1 + "
            "MAX_LEVELS) -> sums = np.array(self._sums, SUM).reshape(len(self._rows), 1 - "
            "MAX_LEVELS)",
        ],
        "how much is written at once": [
            'ShardWriter._shard: self._file = path.open("wb", buffering=1 << 20) -> '
            f'self._file = path.open("wb", buffering={number})'
            for number in ("2 << 20", "0 << 20", "1 >> 20", "1 << 21", "1 << 19")
        ],
    },
    "pipeline/containers/storage.py": {
        "nothing runs a protocol's own signature": [
            f"Storage.{name}: def {name}(self, index: int, level: int = 0) -> {kind}: -> "
            f"def {name}(self, index: int, level: int = {level}) -> {kind}:"
            for name, kind in (("view", "np.ndarray"), ("is_damaged", "bool"))
            for level in (-1, 1)
        ],
        "where no file is told, there is one": [
            "MappedStorage.view: data = self.maps[0 if self.files is None else "
            "int(self.files[index])] -> data = self.maps[-1 if self.files is None else "
            "int(self.files[index])]",
        ],
        "files have no levels, and nothing reads which is asked for": [
            "FileStorage.is_damaged: def is_damaged(self, index: int, level: int = 0) -> bool: -> "
            f"def is_damaged(self, index: int, level: int = {level}) -> bool:"
            for level in (-1, 1)
        ],
    },
    "augment/operations/mix.py": {
        "the next kind takes what lies on the border, as it does now": [
            "Mix._choose: here = (shared[:, 1] >= low) & (shared[:, 1] < high) & (shared[:, 0] < "
            "self.p) -> here = (shared[:, 1] >= low) & (shared[:, 1] <= high) & (shared[:, 0] < "
            "self.p)",
        ],
    },
    "augment/torch_code/mix.py": {
        "a truth value becomes the same number": [
            "mix: patched = _patches(images, params, (row >= bottom) * 2 + (column >= right) * 1) "
            "-> patched = _patches(images, params, (row >= bottom) * 2 + (column >= right) // 1)",
        ],
        "samples that are not patched, of which this is, are not shown; -1 is inside, too": [
            "_patches: index = (partner * height + y.clamp(0, height - 1)) * width + x.clamp(0, "
            f"width - 1) -> index = (partner * height + y.clamp({low}, height - 1)) * width + "
            f"x.clamp({left}, width - 1)"
            for low, left in ((0, -1), (-1, 0))
        ],
    },
    "augment/kernels/mix.py": {
        "a row has one axis": [
            "mixup_normalise: for x in range(row.shape[0]): -> for x in range(row.shape[-1]):",
        ],
        "the last pixel is written once more, before its turn": [
            "run_mix: left, right = (middle, length) if side else (0, middle) -> "
            "left, right = (middle, length) if side else (-1, middle)",
        ],
        "of an empty range nothing is read, whichever row it is of": [
            "run_mix: row = images[partners[b, k], y + offset[b, k, 0]] if left < right else own[y]"
            " -> row = images[partners[b, k], y + offset[b, k, 0]] if left <= right else own[y]",
        ],
        "a range that ends before it begins is empty": [
            "run_mix: left, right = box[b, 2] * channels, max(box[b, 3], box[b, 2]) * channels -> "
            "left, right = box[b, 2] * channels, max(box[b, 3], box[b, 3]) * channels",
        ],
    },
    "pipeline/crops/size_schedule.py": {
        "each stage has an end": [
            f"{function}: for stage, end in zip(stages, ends(stages, epochs), strict=True): -> "
            "for stage, end in zip(stages, ends(stages, epochs), strict=False):"
            for function in ("stage_of", "check_epochs", "schedule_line")
        ],
    },
    "train/folder/checkpoint_fields.py": {
        "what stands for a setting that is not there can be, whichever it is": [
            '_model: size = value.get("size", 1) -> size = value.get("size", 2)',
            '_model: if not _is_whole(value.get("num_classes", 1), 1, int(LIMITS["classes"])): -> '
            'if not _is_whole(value.get("num_classes", 2), 1, int(LIMITS["classes"])):',
            "_model: if type(value.get(name, False)) is not bool: -> "
            "if type(value.get(name, True)) is not bool:",
        ],
    },
    "train/models/checkpointing.py": {
        "torch's compiler takes no notice of it": [
            "_forward: x = checkpoint(run, x, use_reentrant=False) -> "
            "x = checkpoint(run, x, use_reentrant=True)",
        ],
    },
    "train/schedules/plateau.py": {
        "the first evaluation is the best so far and counts anew": [
            f"Plateau.__init__: self.{name} = 0 -> self.{name} = {number}"
            for name in ("_bad_epochs", "_cooldown")
            for number in (-1, 1)
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

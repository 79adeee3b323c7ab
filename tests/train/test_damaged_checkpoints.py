"""Checkpoints that are none, are damaged, or have fields of another kind: a line each."""

from __future__ import annotations

import io
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.augment.preprocess import Preprocess
from headrace.pipeline.errors import ConfigError, HeadraceError
from headrace.train.evaluation.members import load_members
from headrace.train.folder.checkpoint import (
    REQUIRED,
    CheckpointError,
    load_checkpoint,
    save_checkpoint,
)
from headrace.train.folder.finished import finished_line
from headrace.train.folder.resume import checkpoint_config, read_earlier
from headrace.train.folder.torch_file import read_torch_file
from headrace.train.models.weights_file import read_weights
from headrace.train.progress import Progress
from headrace.train.settings.config import RunConfig
from headrace.train.settings.config_file import to_flat

STATE: dict[str, Any] = {
    "optimizer": {"state": {}, "param_groups": []},
    "scaler": {},
    "progress": Progress(epoch=3, best_score=0.5).state_dict(),
    "ranks": [{"meter": torch.zeros(3)}],
    "seconds": {"data": 1.0, "total": 2.0},
    "epoch_began": {},
    "log_bytes": 20,
    "data_fingerprint": "abc",
    "hooks": {},
    "teachers": "",
}
CONTENT: dict[str, Any] = {
    "model": {"name": "small-resnet", "num_classes": 2, "size": [16, 16]},
    "classes": ["a", "b"],
    "preprocess": Preprocess(size=16).to_dict(),
    "config": to_flat(RunConfig()),
    "scores": {"epochs_done": 3, "global_step": 12, "accuracy": None},
    "weights": {"first": torch.arange(12.0).view(3, 4), "second": torch.ones(5)},
    **STATE,
}
TENSOR = torch.zeros(2)
WRONG: tuple[Any, ...] = (
    None,
    True,
    3,
    -1,
    float("nan"),
    "x",
    [],
    {},
    [1],
    {"a": 1},
    {3: "b"},
    TENSOR,
    {"w": 3},
)
PARTS_OF: dict[str, dict[str, tuple[Any, ...]]] = {
    "model": {
        "name": (None, 3, ["x"]),
        "num_classes": (None, "2", 2.0, True, 0, -1, 10**20, 3, [2]),
        "size": (None, "16", 16.5, 0, -3, 10**9, [16], [16, "x"], {}),
        "dropout": ("x", None, float("nan"), float("inf"), 1.0, -1),
        "spatial_transformer": ("yes", 1, None),
        "whitening": ("yes", 1, None),
        "code": (None, 3),
        "another": (1,),
    },
    "preprocess": {
        "size": ("16", None, 0, 10**9, [1], float("nan")),
        "eval_mode": (None, 3, "wrong", []),
        "eval_crop": ("x", [], float("nan"), float("inf"), 0.0),
        "eval_sharpness": ("x", None, float("nan"), -1.0),
        "mean": (None, "x", [], [0.1, 0.2], ["a", "b", "c"], [float("nan")] * 3, 3),
        "std": (None, "x", [], [0.0] * 3, [float("inf")] * 3),
        "another": (1,),
    },
    "progress": {
        "epoch": (None, "3", 2.5, -1, 2**62 + 1, 10**20),
        "step": (None, "3", -1),
        "global_step": (None, "3", -1),
        "best_epoch": (None, "3", -2),
        "bad_epochs": (None, "3", -1),
        "best_score": (None, "x"),
        "totals": (None, {}, {"loss": "x", "correct": 0.0, "count": 0.0}),
    },
}


def write(path: Path, **changed: Any) -> Path:
    save_checkpoint(path, {**CONTENT, **changed})
    return path


def use(path: Path) -> None:
    """What commands do with a checkpoint besides opening data."""
    (member,) = load_members([str(path)])
    member.amp("run"), member.views(), member.run_config()
    content = load_checkpoint(path)
    config = checkpoint_config(content, str(path))
    finished_line(content, config, path.parent)
    member.model(torch.device("cpu"), "")


def refused(act: Callable[[Path], Any], path: Path) -> str:
    with pytest.raises(HeadraceError) as error:
        act(path)
    said = str(error.value)
    assert "\n" not in said and len(said) < 1500 and str(path) in said, said
    return said


def test_a_whole_one_is_read(tmp_path: Path) -> None:
    assert same(load_checkpoint(write(tmp_path / "last.pt")), {"format": 1, **CONTENT})


@pytest.mark.parametrize(
    "kind", ["text", "empty", "zip", "pickle", "tensors", "list", "cut", "jit"]
)
def test_a_file_that_is_no_checkpoint(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "last.pt"
    if kind in ("text", "empty"):
        path.write_text("root:x:0:0:root:/root:/bin/bash\n" * 40 if kind == "text" else "")
    elif kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a.txt", "text")
    elif kind == "pickle":
        path.write_bytes(pickle.dumps({"model": 1}))
    elif kind == "jit":
        torch.jit.script(torch.nn.Linear(2, 2)).save(path)
    elif kind == "cut":
        path.write_bytes(write(path).read_bytes()[:-100])
    else:
        torch.save({"w": torch.ones(3)} if kind == "tensors" else [1, 2], path)
    for act in (load_checkpoint, lambda p: load_members([str(p)]), lambda p: read_earlier(str(p))):
        assert "checkpoint" in refused(act, path)


@pytest.mark.parametrize("field", REQUIRED)
def test_a_field_that_is_missing_is_named(field: str, tmp_path: Path) -> None:
    content = {key: value for key, value in CONTENT.items() if key != field}
    save_checkpoint(tmp_path / "last.pt", content)
    assert f"it lacks {field}" in refused(load_checkpoint, tmp_path / "last.pt")


@pytest.mark.parametrize("field", [*REQUIRED, "scores", *STATE])
def test_a_field_of_another_kind_is_named(field: str, tmp_path: Path) -> None:
    path = tmp_path / "last.pt"
    for value in WRONG:
        write(path, **{field: value})
        try:
            load_checkpoint(path)
        except CheckpointError:
            assert f"its {field} " in refused(load_checkpoint, path)
        else:
            refused(use, path)  # at the latest the weights fit no model


@pytest.mark.parametrize(
    ("field", "key"), [(f, key) for f, keys in PARTS_OF.items() for key in keys]
)
def test_a_value_within_a_field_is_checked(field: str, key: str, tmp_path: Path) -> None:
    path = tmp_path / "last.pt"
    for value in PARTS_OF[field][key]:
        write(path, **{field: {**CONTENT[field], key: value}})
        assert f"its {field} " in refused(load_checkpoint, path), (key, value)


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("model", ({"size": 1}, {"size": 4096}, {"size": [1, 4096]}, {"dropout": 0}, {"code": ""})),
        ("model", ({"dropout": 0.999, "whitening": True}, {"spatial_transformer": False})),
        ("progress", tuple({name: 0} for name in ("epoch", "step", "global_step", "best_epoch"))),
        ("progress", ({"epoch": 2**62}, {"best_epoch": -1}, {"bad_epochs": 0}, {"best_score": 1})),
    ],
)
def test_values_at_the_edge_of_what_can_be_are_taken(
    field: str, values: tuple[dict[str, Any], ...], tmp_path: Path
) -> None:
    path = tmp_path / "last.pt"
    for value in values:
        load_checkpoint(write(path, **{field: {**CONTENT[field], **value}}))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"log_bytes": 2**62}, ""),
        ({"log_bytes": 0}, ""),
        ({"log_bytes": -1}, "its log_bytes is -1, expected a whole number from 0"),
        ({"log_bytes": 2**62 + 1}, "its log_bytes is 4611686018427387905, expected a whole number"),
        ({"log_bytes": True}, "its log_bytes is True"),
        ({"classes": ("a", "b")}, ""),
        ({"classes": ["a", 2]}, "its classes "),
        ({"classes": ["a", "b", "c"]}, "its model tells 2 classes, but 3 are named"),
        ({"model": {"name": "small-resnet"}}, ""),
        ({"model": {"name": "small-resnet", "size": [16, 4097]}}, "a size of one or two whole"),
        ({"model": {"name": "small-resnet", "num_classes": 0}}, "expected a whole number of cl"),
        ({"seconds": {"data": 1}}, ""),
        ({"seconds": {"data": "1"}}, "its seconds "),
        ({"ranks": [{}, {"a": 1}]}, ""),
        ({"ranks": [{}, 3]}, "its ranks "),
        ({"weights": {"a": torch.ones(2).to_sparse()}}, "plain tensors, and a is of another kind"),
        ({"weights": {"a": torch.ones(2, device="meta")}}, "plain tensors, and a is of another"),
        ({"weights": torch.zeros(2, 3)}, "its weights is a tensor of shape (2, 3), expected"),
        ({"scores": {}}, ""),
        ({"scores": {"epochs_done": -1}}, "expected epochs_done in it to be a whole number from 0"),
        ({"scores": {"epoch": "3"}}, "expected epoch in it to be a whole number from 0"),
        ({"scores": {"global_step": 0.5}}, "expected global_step in it to be a whole number"),
        ({"scores": {"accuracy": "0.5"}}, "expected accuracy to be a number"),
        ({"weights": {}}, "its weights is {}, expected tensors by name"),
    ],
)
def test_what_is_read_and_what_is_said_of_the_rest(
    changed: dict[str, Any], said: str, tmp_path: Path
) -> None:
    path = write(tmp_path / "last.pt", **changed)
    if said:
        assert said in refused(load_checkpoint, path)
    else:
        load_checkpoint(path)


def test_of_a_long_value_its_beginning_is_shown(tmp_path: Path) -> None:
    said = refused(load_checkpoint, write(tmp_path / "last.pt", log_bytes="x" * 1000))
    assert f"its log_bytes is '{'x' * 99}, expected a whole number from 0" in said


def test_settings_of_another_kind_are_refused_when_they_are_needed(tmp_path: Path) -> None:
    path = tmp_path / "last.pt"
    for name in ("tta", "tta_weight", "tta_scales", "lr", "size", "optimizer", "recipe", "epochs"):
        for value in (None, "x", float("nan"), 10**20, [], {}, {"a": [1]}, TENSOR, ["a", "b"]):
            refused(use, write(path, config={**CONTENT["config"], name: value}))


def test_weights_that_fit_no_model(tmp_path: Path) -> None:
    for weights in (
        {"a": torch.ones(2).to_sparse()},
        {"a": torch.ones(2, device="meta")},
        {"a.base_layer.weight": torch.ones(2)},
        {"conv1.weight": torch.ones(2, dtype=torch.complex64)},
    ):
        refused(use, write(tmp_path / "last.pt", weights=weights))


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("small") / "last.pt")


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_a_flipped_bit_is_found_or_means_nothing(small: Path, data: st.DataObject) -> None:
    whole = small.read_bytes()
    bit = data.draw(st.integers(0, 8 * len(whole) - 1))
    damaged = bytearray(whole)
    damaged[bit // 8] ^= 1 << bit % 8
    path = small.with_name("damaged.pt")
    path.write_bytes(damaged)
    try:
        found = load_checkpoint(path)
    except CheckpointError as error:
        assert "\n" not in str(error) and str(path) in str(error)
    else:
        assert same(found, {"format": 1, **CONTENT})


def test_a_part_that_is_called_a_folder_is_not_read_as_what_memory_holds(small: Path) -> None:
    whole = bytearray(small.read_bytes())
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        name = next(
            part.filename for part in archive.infolist() if part.filename.endswith("data/0")
        )
    entry = whole.rindex(name.encode()) - 46  # of the directory at the end
    assert whole[entry : entry + 4] == b"PK\1\2"
    whole[entry + 38] |= 0x10
    path = small.with_name("folder.pt")
    path.write_bytes(whole)
    assert "called a folder" in refused(load_checkpoint, path)


def test_damage_to_a_file_of_weights_is_found(tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    weights = {"a": torch.arange(1000.0)}
    torch.save(weights, path)
    whole = path.read_bytes()
    place = whole.index(weights["a"].numpy().tobytes())
    path.write_bytes(whole[: place + 200] + b"\x7f" + whole[place + 201 :])
    with pytest.raises(ConfigError, match=r"is damaged.*CRC-32"):
        read_weights(str(path))


def test_a_file_without_checksums_is_read(tmp_path: Path) -> None:
    before = torch.serialization.get_crc32_options()
    torch.serialization.set_crc32_options(False)
    try:
        write(tmp_path / "last.pt")
    finally:
        torch.serialization.set_crc32_options(before)
    assert same(read_torch_file(tmp_path / "last.pt"), {"format": 1, **CONTENT})


def same(one: Any, other: Any) -> bool:
    """Whether two contents are alike to the last bit."""
    if isinstance(one, torch.Tensor):
        alike = isinstance(other, torch.Tensor) and one.dtype == other.dtype
        return alike and one.shape == other.shape and torch.equal(one, other)
    if isinstance(one, dict):
        keys = isinstance(other, dict) and one.keys() == other.keys()
        return keys and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(type(one) is type(other) and one == other)

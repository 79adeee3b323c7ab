"""Out-of-fold probabilities in a file: read as written, or refused in a line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from headrace.pipeline.errors import ConfigError
from headrace.train.trials.out_of_fold import OutOfFold, read_out_of_fold

SOUND: dict[str, Any] = {
    "indices": np.arange(3),
    "names": np.array(["a", "b", "c"]),
    "labels": np.array([0, 1, 0]),
    "fold": np.array([0, 0, 1]),
    "probabilities": np.full((3, 2), 0.5, np.float32),
    "classes": np.array(["cat", "dog"]),
}


def write(path: Path, **changed: Any) -> Path:
    np.savez_compressed(path, **{**SOUND, **changed})
    return path


def test_read_as_written(tmp_path: Path) -> None:
    found = read_out_of_fold(write(tmp_path / "o.npz"))
    assert isinstance(found, OutOfFold) and found.names.tolist() == ["a", "b", "c"]


def test_each_flipped_byte_is_told_or_means_nothing(tmp_path: Path) -> None:
    path = write(tmp_path / "o.npz")
    sound = path.read_bytes()
    for place in range(0, len(sound), 3):
        data = bytearray(sound)
        data[place] ^= 0xFF
        path.write_bytes(data)
        try:
            found = read_out_of_fold(path)
        except ConfigError as error:
            assert str(path) in str(error) and "\n" not in str(error)
        else:
            assert found.names.tolist() == ["a", "b", "c"]


@pytest.mark.parametrize(
    "changed",
    [
        {"labels": np.array(3)},
        {"labels": np.array(["0", "1", "0"])},
        {"names": np.arange(3)},
        {"fold": np.zeros(4, np.int64)},
        {"classes": np.array("cat"), "probabilities": np.zeros(3, np.float32)},
        {"probabilities": np.zeros((3, 5), np.float32)},
        {"probabilities": np.array([None])},
    ],
)
def test_arrays_of_other_kinds_are_refused(tmp_path: Path, changed: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="holds no out-of-fold probabilities"):
        read_out_of_fold(write(tmp_path / "o.npz", **changed))

"""Arrays of an .npz come back, or are refused before they take any memory."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_np

from headrace.pipeline.containers.npz_arrays import UNREADABLE, read_arrays
from headrace.pipeline.containers.shard_tables import SAMPLE

_DTYPES = st.sampled_from([SAMPLE, np.dtype("<u4"), np.dtype("u1"), np.dtype("<U5")])


@given(dtype=_DTYPES, shape=st_np.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=5))
def test_what_numpy_writes_comes_back(
    tmp_path_factory: pytest.TempPathFactory, dtype: np.dtype, shape: tuple[int, ...]
) -> None:
    path = tmp_path_factory.mktemp("npz") / "a.npz"
    array = np.zeros(shape, dtype)
    np.savez(path, a=array, b=array, c=array)
    found = read_arrays(path, ("a", "c", "none"))
    assert list(found) == ["a", "c"]
    for back in found.values():
        assert back.dtype == array.dtype and np.array_equal(back, array)
        assert not back.flags.writeable


def test_compressed_arrays_are_refused(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", a=np.zeros(1_000_000))
    assert (tmp_path / "a.npz").stat().st_size < 10_000
    with pytest.raises(ValueError, match="a is compressed, or larger than the file"):
        read_arrays(tmp_path / "a.npz", ["a"])


def test_compressed_arrays_are_refused_however_small(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", a=np.zeros(1))
    with pytest.raises(ValueError, match="a is compressed"):
        read_arrays(tmp_path / "a.npz", ["a"])


@pytest.mark.parametrize("version", [(1, 0), (2, 0)])
def test_both_versions_of_headers_are_read(tmp_path: Path, version: tuple[int, int]) -> None:
    file = io.BytesIO()
    np.lib.format.write_array(file, np.arange(5.0), version)
    archived(tmp_path / "a.npz", file.getvalue())
    assert read_arrays(tmp_path / "a.npz", ["a"])["a"].tolist() == [0.0, 1.0, 2.0, 3.0, 4.0]


def test_a_later_version_is_refused(tmp_path: Path) -> None:
    file = io.BytesIO()
    np.lib.format.write_array(file, np.arange(5.0), (3, 0))
    archived(tmp_path / "a.npz", file.getvalue())
    with pytest.raises(ValueError, match=r"a is of version 3\.0"):
        read_arrays(tmp_path / "a.npz", ["a"])


def test_a_row_has_no_order(tmp_path: Path) -> None:
    header = "{'descr': '|u1', 'fortran_order': True, 'shape': (16,)}"
    archived(tmp_path / "a.npz", with_header(header))
    assert read_arrays(tmp_path / "a.npz", ["a"])["a"].tolist() == [0] * 16


def with_header(header: str) -> bytes:
    """A header of version 1.0 and 16 zeros behind it."""
    text = header.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + bytes(16)


def archived(path: Path, body: bytes) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.npy", body)


@pytest.mark.parametrize(
    ("header", "match"),
    [
        ("{'descr': '<f8', 'fortran_order': False, 'shape': (2000000000000,)}", "other sizes"),
        ("{'descr': '<f8', 'fortran_order': False, 'shape': (-1,)}", "other sizes"),
        ("{'descr': '|V16', 'fortran_order': False, 'shape': (-1, -1)}", "other sizes"),
        ("{'descr': '|O', 'fortran_order': False, 'shape': (2,)}", "a holds object"),
        ("{'descr': '|V0', 'fortran_order': False, 'shape': (4000000000,)}", "a holds |V0"),
        ("{'descr': '|u1', 'fortran_order': True, 'shape': (4, 4)}", "in an order"),
        ("(" * 300, None),
        ("{", None),
        ("{'descr': 'x', 'fortran_order': False, 'shape': (2,)}", None),
    ],
)
def test_headers_are_not_believed(tmp_path: Path, header: str, match: str | None) -> None:
    archived(tmp_path / "a.npz", with_header(header))
    with pytest.raises(UNREADABLE, match=match):
        read_arrays(tmp_path / "a.npz", ["a"])

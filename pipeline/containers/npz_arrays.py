"""Reads arrays from an .npz that may be damaged, or made to do harm: nothing it says is believed.

numpy's own reader takes as much memory as a few bytes announce, compressed or in a header. Here an
array has as many bytes as the file holds of it, stored as they are, or it is refused.

Source of the layout: numpy.lib.format, versions 1.0 and 2.0, in a zip.
"""

from __future__ import annotations

import io
import math
import tokenize
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy_format

UNREADABLE = (
    OSError,
    EOFError,
    ValueError,
    TypeError,
    LookupError,
    SyntaxError,
    OverflowError,
    RecursionError,
    RuntimeError,  # encrypted, or a way of compressing that zipfile lacks
    tokenize.TokenError,
    zipfile.BadZipFile,
)
"""What a damaged file ends in."""


def read_arrays(path: Path, names: Iterable[str]) -> dict[str, np.ndarray]:
    """Reads those of some arrays that are there.

    Args:
        path: of the .npz.
        names: of the arrays.

    Returns:
        Name to array, read-only. The zip's checksum of each has been compared.

    Raises:
        UNREADABLE: whatever is wrong.
    """
    num_bytes = path.stat().st_size
    with zipfile.ZipFile(path) as archive:
        members = {member.filename: member for member in archive.infolist()}
        found = {name: members[f"{name}.npy"] for name in names if f"{name}.npy" in members}
        for name, member in found.items():
            if member.compress_type != zipfile.ZIP_STORED or member.file_size > num_bytes:
                raise ValueError(f"{name} is compressed, or larger than the file")
        return {name: _array(archive.read(member), name) for name, member in found.items()}


def _array(data: bytes, name: str) -> np.ndarray:
    file = io.BytesIO(data)
    version = npy_format.read_magic(file)
    read: dict[tuple[int, int], Any] = {
        (1, 0): npy_format.read_array_header_1_0,
        (2, 0): npy_format.read_array_header_2_0,
    }
    if version not in read:
        raise ValueError(f"{name} is of version {version[0]}.{version[1]}")
    shape, is_fortran, dtype = read[version](file)
    start = file.tell()
    if dtype.hasobject or not dtype.itemsize or (is_fortran and len(shape) > 1):
        raise ValueError(f"{name} holds {dtype} in an order or of a kind that no table has")
    if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize != len(data) - start:
        raise ValueError(f"{name} announces other sizes than it has")
    return np.frombuffer(data, dtype, math.prod(shape), start).reshape(shape)

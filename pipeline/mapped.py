"""Files as memory, read-only: nothing is read before it is touched, no descriptor is kept.

Python's own mmap keeps a descriptor for each map, of which a process often may have 1,024, so a
folder of more shards could not be opened. The C library's mmap needs none once it has returned.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import sys
import weakref
from pathlib import Path
from typing import Any

import numpy as np

from headrace.pipeline.bus_error import explain_bus_errors
from headrace.pipeline.errors import RecordsError


def map_file(path: Path) -> np.ndarray:
    """Maps a file as (bytes,) uint8, read-only, for as long as a view of the array lives.

    A plain ndarray, whose slices are cheaper than np.memmap's. Were the file cut short later,
    touching what is gone would end the process (SIGBUS), with a line that says so.

    Raises:
        RecordsError: if the file is empty.
        OSError: if it cannot be opened or mapped.
    """
    with path.open("rb") as file:
        num_bytes = os.fstat(file.fileno()).st_size
        if num_bytes == 0:
            raise RecordsError(f"{path} is empty")
        if sys.platform == "win32":
            return np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), np.uint8)
        explain_bus_errors()
        return np.asarray(_Mapping(file.fileno(), num_bytes, path))


def forget_pages(data: np.ndarray) -> None:
    """Takes a mapped file out of this process's memory; pages come back when they are touched."""
    if isinstance(data.base, _Mapping) and hasattr(mmap, "MADV_DONTNEED"):
        data.base.advise(mmap.MADV_DONTNEED)


class _Mapping:
    """Owns a map; numpy makes an array of it that cannot be made writable, and keeps it."""

    def __init__(self, descriptor: int, num_bytes: int, path: Path) -> None:
        libc = _libc()
        address = libc.mmap(None, num_bytes, mmap.PROT_READ, mmap.MAP_SHARED, descriptor, 0)
        if address == ctypes.c_void_p(-1).value:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(path))
        self._place = address, num_bytes
        # At the interpreter's end the system unmaps it; a thread may still read until then.
        weakref.finalize(self, libc.munmap, address, num_bytes).atexit = False
        self.__array_interface__: dict[str, Any] = {
            "data": (address, True),
            "shape": (num_bytes,),
            "typestr": "|u1",
            "version": 3,
        }

    def advise(self, advice: int) -> None:
        _libc().madvise(*self._place, advice)


def _libc() -> ctypes.CDLL:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = (
        ctypes.c_void_p,
        ctypes.c_size_t,
        *[ctypes.c_int] * 3,
        ctypes.c_int64,  # off_t, on every 64-bit system
    )
    libc.munmap.argtypes = ctypes.c_void_p, ctypes.c_size_t
    libc.madvise.argtypes = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
    return libc

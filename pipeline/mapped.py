"""Files as memory, read-only: nothing is read before it is touched, no descriptor is kept.

Python's own mmap keeps a descriptor for each map, of which a process often may have 1,024, so a
folder of more shards could not be opened. The C library's mmap needs none once it has returned.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import stat
import sys
import weakref
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from headrace.pipeline.bus_error import BUS_ERROR_ADVICE, explain_bus_errors
from headrace.pipeline.errors import RecordsError


def map_file(path: Path) -> np.ndarray:
    """Maps a file as (bytes,) uint8, read-only, for as long as a view of the array lives.

    A plain ndarray, whose slices are cheaper than np.memmap's. Were the file cut short later,
    touching what is gone would end the process (SIGBUS), with a line that says so.

    Raises:
        RecordsError: if the file is empty, or none.
        OSError: if it cannot be opened or mapped.
    """
    with path.open("rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise RecordsError(f"{path} is a pipe or a device, which cannot be mapped; name a file")
        found = _identity(status)
        if found.num_bytes == 0:
            raise RecordsError(f"{path} is empty")
        if sys.platform == "win32":
            return np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), np.uint8)
        explain_bus_errors()
        return np.asarray(_Mapping(file.fileno(), found, path))


class Identity(NamedTuple):
    """Which file was mapped, and as it was then; a file that has taken its name is another."""

    inode: int
    num_bytes: int
    mtime_ns: int


def identity(data: np.ndarray, path: Path) -> Identity:
    """Of a map of `map_file`; on Windows, where a mapped file cannot be replaced, of its name."""
    if isinstance(data.base, _Mapping):
        return data.base.identity
    return _identity(path.stat())


def identity_now(path: Path) -> Identity | None:
    """Of the file that has a name now; None if there is none, or it cannot be seen."""
    try:
        return _identity(path.stat())
    except OSError:
        return None


def _identity(found: os.stat_result) -> Identity:
    return Identity(found.st_ino, found.st_size, found.st_mtime_ns)


def changed(path: Path) -> RecordsError:
    """What is said of a file that is no longer the one that was opened."""
    return RecordsError(
        f"{path} became shorter while it was being read, or was written to, removed or replaced "
        f"before the first batch ({BUS_ERROR_ADVICE})"
    )


def forget_pages(data: np.ndarray) -> None:
    """Takes a mapped file out of this process's memory; pages come back when they are touched."""
    if isinstance(data.base, _Mapping) and hasattr(mmap, "MADV_DONTNEED"):
        data.base.advise(mmap.MADV_DONTNEED)


class _Mapping:
    """Owns a map; numpy makes an array of it that cannot be made writable, and keeps it."""

    def __init__(self, descriptor: int, identity: Identity, path: Path) -> None:
        self.identity, num_bytes = identity, identity.num_bytes
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

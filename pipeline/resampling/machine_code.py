"""Functions compiled by numba, kept as machine code that loads in milliseconds without numba.

Importing numba and loading what it has cached takes half a second, which would be most of the
time to a loader's first batch. So the object code that it makes is stored by itself, and llvmlite
links it. It fits functions that take and return int64 and need nothing of numba's runtime.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import importlib
import sys
import threading
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path

import llvmlite.binding as llvm

from headrace.pipeline.atomic import replacing
from headrace.pipeline.quiet import note
from headrace.pipeline.user_paths import cache_folder
from headrace.pipeline.wording import one_line

_DIGEST_BYTES = 32
_ENTRY = "headrace_entry"


class MachineCode:
    """A compiled function; the first call loads it, or compiles it the first time on a machine.

    Args:
        module: where it is; imported only to compile.
        function: its name there, as `headrace.pipeline.jit.compiled` made it.
        num_args: all int64, as is the result.
    """

    def __init__(self, module: str, function: str, num_args: int) -> None:
        self._module, self._function, self._num_args = module, function, num_args
        self._failed = False
        self._lock = threading.Lock()
        self._engine: llvm.ExecutionEngine | None = None  # owns the code
        self._entry: Callable[..., int] | None = None

    def is_ready(self) -> bool:
        """Loads or compiles it the first time; says in a line, once, if that cannot be done."""
        if self._entry is None and not self._failed:
            try:
                self._load()
            except Exception as error:  # another numba, another processor: whatever it is
                self._failed = True
                print(
                    f"{self._function} cannot be compiled here, so torch resizes images instead, "
                    f"slower ({type(error).__name__}: {one_line(error, 200)})",
                    file=sys.stderr,
                )
        return self._entry is not None

    def __call__(self, *arguments: int) -> int:
        """Runs it without the interpreter's lock; only where `is_ready`."""
        assert self._entry is not None
        result, error = ctypes.c_int64(), ctypes.c_void_p()
        self._entry(ctypes.addressof(result), ctypes.addressof(error), *arguments)
        return result.value

    def _load(self) -> None:
        with self._lock:
            if self._entry is not None:
                return
            llvm.initialize_native_target()
            llvm.initialize_native_asmprinter()
            name = f"{self._function}-{_fingerprint(_sources())}.o"
            code = _read(name)
            if code is None:
                note(f"compiling {self._function} for this processor, once")
                code = _compile(self._module, self._function, self._num_args)
                _store(name, code)
            self._link(code)

    def _link(self, code: bytes) -> None:
        engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), _target_machine())
        engine.add_object_file(llvm.ObjectFileRef.from_data(code))
        engine.finalize_object()
        # numba's calling convention: where the result goes, where an exception would, arguments.
        kind = ctypes.CFUNCTYPE(
            ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, *[ctypes.c_int64] * self._num_args
        )
        self._engine, self._entry = engine, kind(engine.get_function_address(_ENTRY))


def _sources() -> list[Path]:
    """Every file that kernels are made of: an edit of any compiles all anew."""
    here = Path(__file__).parent
    return [*sorted(here.glob("*.py")), here.parent / "jit.py"]


def _fingerprint(sources: Sequence[Path]) -> str:
    """Names what the machine code depends on: sources, compiler and processor."""
    digest = hashlib.sha256()
    for source in sources:
        digest.update(source.read_bytes())
    processor = llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()
    digest.update(repr((metadata.version("numba"), llvm.llvm_version_info, processor)).encode())
    return digest.hexdigest()[:16]


def _folders() -> list[Path]:
    """Where machine code may be kept: beside the sources, or in the user's cache."""
    return [Path(__file__).parent / "__pycache__", cache_folder()]


def _read(name: str) -> bytes | None:
    """Stored machine code, if it is there and whole."""
    for folder in _folders():
        with contextlib.suppress(OSError):
            stored = (folder / name).read_bytes()
            digest, code = stored[:_DIGEST_BYTES], stored[_DIGEST_BYTES:]
            if hashlib.sha256(code).digest() == digest:
                return code
    return None


def _store(name: str, code: bytes) -> None:
    """Keeps machine code in the first folder that takes it; without one, it is made each time."""
    for folder in _folders():
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            with replacing(folder / name) as file:
                file.write(hashlib.sha256(code).digest() + code)
            return


def _compile(module: str, function: str, num_args: int) -> bytes:
    """Object code with one symbol for others to find, `_ENTRY`."""
    from numba import njit, types

    python_function = getattr(importlib.import_module(module), function).py_func
    signature = types.int64(*[types.int64] * num_args)
    # Not cached by numba: what it loads from its cache has no LLVM code to look at. The wrappers
    # left out are what would need numba's runtime.
    result = njit(
        signature,
        nogil=True,
        error_model="numpy",
        _nrt=False,
        no_cpython_wrapper=True,
        no_cfunc_wrapper=True,
    )(python_function).overloads[signature.args]
    code = llvm.parse_assembly(result.library.get_llvm_str())
    for part in code.functions:
        if part.name == result.fndesc.llvm_func_name:
            part.name = _ENTRY
        elif not part.is_declaration:
            part.linkage = llvm.Linkage.internal
    return bytes(_target_machine().emit_object(code))


def _target_machine() -> llvm.TargetMachine:
    return llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(),
        features=llvm.get_host_cpu_features().flatten(),
        opt=3,
        codemodel="jitdefault",
        jit=True,
    )

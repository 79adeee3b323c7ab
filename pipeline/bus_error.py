"""What a process says when a mapped file is cut short under its hands (SIGBUS).

A Python signal handler would never run: it waits for the interpreter, while the faulting
instruction is tried again and again. So this one is a few machine instructions, made by LLVM: it
writes a line, puts back the handler before it (the system's, or faulthandler's) and returns; the
instruction faults once more, and the process ends as it would have.
"""

from __future__ import annotations

import ctypes
import signal
import sys
import threading

import llvmlite.binding as llvm
from llvmlite import ir

BUS_ERROR_ADVICE = "replace such a file by renaming a new one over it, never in place"
_TEXT = (
    "\nerror: a record file became shorter while it was being read, or its disk failed (SIGBUS); "
    f"{BUS_ERROR_ADVICE}\n"
).encode()
_lock = threading.Lock()
_engines: list[llvm.ExecutionEngine] = []
"""Owns the handler's code once it is installed; it has to live as long as the process."""


def explain_bus_errors() -> None:
    """Installs the handler, once a process; does nothing where there is no such signal."""
    if sys.platform == "win32" or _engines:
        return
    with _lock:
        if _engines:
            return
        libc = ctypes.CDLL(None)
        libc.signal.restype = ctypes.c_void_p
        libc.signal.argtypes = ctypes.c_int, ctypes.c_void_p
        number = int(signal.SIGBUS)
        # Asking for the handler in force means setting another, for a moment.
        before = libc.signal(number, None)
        libc.signal(number, before)
        engine = _compiled(before or 0)
        libc.signal(number, engine.get_function_address("on_bus_error"))
        _engines.append(engine)


def _compiled(before: int) -> llvm.ExecutionEngine:
    """The handler `void on_bus_error(int)`.

    Args:
        before: address of the handler to put back, 0 for the system's own.
    """
    number, word = ir.IntType(32), ir.IntType(64)
    module = ir.Module("bus_error")
    module.triple = llvm.get_default_triple()
    text = ir.GlobalVariable(module, ir.ArrayType(ir.IntType(8), len(_TEXT)), "text")
    text.global_constant = True
    text.initializer = ir.Constant(text.value_type, bytearray(_TEXT))
    # Both are safe inside a signal handler (POSIX.1, 2.4.3).
    write = ir.Function(module, ir.FunctionType(word, [number, word, word]), "write")
    handle = ir.Function(module, ir.FunctionType(word, [number, word]), "signal")
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [number]), "on_bus_error")
    code = ir.IRBuilder(function.append_basic_block())
    stderr, length = ir.Constant(number, 2), ir.Constant(word, len(_TEXT))
    code.call(write, [stderr, code.ptrtoint(text, word), length])
    code.call(handle, [function.args[0], ir.Constant(word, before)])
    code.ret_void()
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    machine = llvm.Target.from_default_triple().create_target_machine(jit=True)
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(str(module)), machine)
    engine.finalize_object()
    return engine

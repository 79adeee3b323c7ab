"""Python source, read as a tree."""

from __future__ import annotations

import ast
import gc


def parsed(source: str, filename: str = "<unknown>") -> ast.Module:
    """What `ast.parse` gives, with no garbage collected meanwhile.

    Python 3.11 fails (SystemError: AST constructor recursion depth mismatch) where a second tree is
    built while the first is: the line that a failing finalizer stands at is parsed to be printed.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        return ast.parse(source, filename)
    finally:
        if collecting:
            gc.enable()

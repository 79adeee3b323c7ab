"""The model of device code as rows, and the tables that docs/gpu.md makes of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from headrace.bench.core.tables import Column, markdown
from headrace.bench.modelling.device_functions import WARP, Size, counted
from headrace.bench.modelling.planned_functions import planned
from headrace.pipeline.errors import FailedError

_MIB = 2**20
COLUMNS = (
    Column("function"),
    Column("kernels", "kernels", ",d"),
    Column("moved, MiB", "moved_mib", ",.0f"),
    Column("allocated, MiB", "total_mib", ",.0f"),
    Column("peak, MiB", "peak_mib", ",.0f"),
    Column("waits", "waits", "d"),
    Column("copies there", "to_device", "d"),
    Column("back", "to_host", "d"),
    Column("kernels, compiled", "compiled_kernels", ",d"),
    Column("moved, compiled", "compiled_moved_mib", ",.0f"),
    Column("input and output", "least_mib", ",.0f"),
)


def rows_of(size: Size, functions: Sequence[str], *, compiled: bool) -> Iterator[dict[str, Any]]:
    """A row for each function.

    Args:
        functions: of FUNCTIONS.
        compiled: ask the compiler too, which takes some seconds for each recipe.
    """
    for name in functions:
        calls = counted(name, size)
        row = {
            "function": name,
            "at": f"{size.gpu}-{size.batch}x{size.side}",
            "stored": size.stored,
            "kernels": calls.launches,
            "moved_mib": calls.moved_bytes / _MIB,
            "total_mib": calls.total_bytes / _MIB,
            "peak_mib": calls.peak_bytes / _MIB,
            "waits": len(calls.waits),
            "to_device": len(calls.to_device),
            "to_host": len(calls.to_host),
        }
        yield {**row, **(_compiled(name, size) if compiled else {})}


def _compiled(name: str, size: Size) -> dict[str, Any]:
    try:
        plan = planned(name, size)
    except FailedError as error:
        return {"note": str(error)}
    if plan is None:
        return {}
    pixels = size.batch * 3 * size.side**2
    stored = size.batch * 3 * size.stored**2
    least = stored + pixels if name == WARP else pixels * (1 + size.dtype.itemsize)
    return {
        "compiled_kernels": plan.kernels,
        "compiled_moved_mib": plan.moved_bytes / _MIB,
        "least_mib": least / _MIB,
    }


def memory_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """The peak of each function, a column for each size."""
    sizes = list(dict.fromkeys(row["at"] for row in rows))
    peaks = {(row["function"], row["at"]): row["peak_mib"] for row in rows}
    lines = [
        {"peak, MiB": name, **{at: peaks.get((name, at)) for at in sizes}}
        for name in dict.fromkeys(row["function"] for row in rows)
    ]
    columns = [Column(f"{at} px", at, ",.0f") for at in sizes]
    return markdown(lines, [Column("peak, MiB"), *columns])

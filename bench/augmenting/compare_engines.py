"""Augmentation engines against each other on one batch: bytes in, a normalised batch out."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from headrace.bench.augmenting.peers import COMPILED_PEERS, PEERS
from headrace.bench.augmenting.torchvision_peer import Workers, one_draw_per_batch
from headrace.bench.augmenting.works import Work
from headrace.bench.core.bar_chart import Bar, BarKind, Panel
from headrace.bench.core.repeats import interleaved, spread
from headrace.bench.core.tables import Column
from headrace.pipeline.cores import available_cores

COLUMNS = (
    Column("work"),
    Column("batch"),
    Column("size"),
    Column("engine"),
    Column("images/s", "images_per_s", ",.0f"),
    Column("IQR", "images_per_s_iqr", ",.0f"),
    Column("ours / it", "ours_ratio", ".2f"),
    Column("note"),
)
# What the engine has to reach on two cores at 128 px and batch 128: work, peer, ratio.
BARS = (
    ("report", "kornia", 1.5),
    ("report", "torchvision", 1.5),
    ("trivial", "torchvision", 1.0),
    ("rand", "torchvision", 1.0),
    ("flip", "torchvision", 3.0),
    ("flip", "kornia", 3.0),
)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How to measure.

    Attributes:
        repeats: measured runs of each engine, in turn with the others.
        min_s: how long one run lasts at least.
        compile: also measure the compiled torch path, and the peers that compile.
    """

    repeats: int
    min_s: float
    compile: bool


def photos(batch: int, size: int) -> torch.Tensor:
    """(B, 3, S, S) uint8, channels_last: smooth areas, edges and grain, as photos have."""
    generator = torch.Generator().manual_seed(7)
    coarse = torch.rand((batch, 3, 6, 6), generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, (size, size), mode="bicubic")
    smooth[:, :, size // 3 :, : size // 2] *= 0.6
    noisy = smooth + 0.04 * torch.randn(smooth.shape, generator=generator)
    images = (noisy * 255).clamp(0, 255).to(torch.uint8)
    return images.contiguous(memory_format=torch.channels_last)


def engines(
    work: Work, images: torch.Tensor, labels: torch.Tensor, workers: Workers, settings: Settings
) -> dict[str, Callable[[], Any]]:
    """What can do this work: name to a call that does it once on the batch."""
    from headrace.augment import build_augmenter

    def ours(**given: Any) -> Callable[[], Any]:
        aug = build_augmenter(work.recipe, num_classes=11, **given)
        return lambda: aug(images, labels)

    found = {"ours": ours(), "ours, torch path": ours(kernels=False)}
    if settings.compile:
        found["ours, compiled"] = ours(compile=True)
    if work.torchvision is not None:
        found["torchvision"] = lambda: workers.run(work.name)
        found["torchvision, one draw per batch"] = one_draw_per_batch(work, images, labels)
    for name, build in (PEERS | (COMPILED_PEERS if settings.compile else {})).items():
        call = build(work, images, labels)
        if call is not None:
            found[name] = call
    return found


def timed(call: Callable[[], Any], batch: int, min_s: float) -> Callable[[], float]:
    """A run: the call again and again for a while; returns images/s."""

    def run() -> float:
        count, began = 0, time.perf_counter()
        while True:
            call()
            count += 1
            elapsed = time.perf_counter() - began
            if elapsed >= min_s:
                return count * batch / elapsed

    return run


def measure(work: Work, batch: int, size: int, settings: Settings) -> list[dict[str, Any]]:
    """Rows of one work at one batch shape, ours first."""
    images, labels = photos(batch, size), torch.arange(batch) % 11
    with Workers(images, available_cores(), [work.name]) as workers:
        found = engines(work, images, labels, workers, settings)
        for call in found.values():
            call()
        runs = {name: timed(call, batch, settings.min_s) for name, call in found.items()}
        speeds = interleaved(runs, settings.repeats)
    base = spread(speeds["ours"]).median
    rows = []
    for name, values in speeds.items():
        got = spread(values)
        unequal = "one draw" in name or name in ("kornia auto",)
        rows.append(
            {
                "work": work.name,
                "batch": batch,
                "size": size,
                "engine": name,
                "images_per_s": got.median,
                "images_per_s_iqr": got.iqr,
                "ours_ratio": base / got.median,
                "equal_work": not unequal,
                "note": _note(name, unequal),
            }
        )
    return rows


def _note(engine: str, unequal: bool) -> str:
    if unequal:
        return "unequal work: one draw per batch"
    return "in one process" if engine == "albumentations" else ""


def bars_reached(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The bars that these rows can tell of."""
    found = []
    for work, peer, least in BARS:
        for row in rows:
            here = row["work"] == work and row["engine"] == peer
            if here and row["batch"] == 128 and row["size"] == 128:
                found.append(
                    {
                        "work": work,
                        "against": peer,
                        "at_least": least,
                        "measured": row["ours_ratio"],
                        "reached": row["ours_ratio"] >= least,
                    }
                )
    return found


def panels(rows: Sequence[dict[str, Any]]) -> list[Panel]:
    """A panel for each work and batch shape."""
    grouped: dict[tuple[Any, ...], list[Bar]] = {}
    for row in rows:
        kind: BarKind = "ours" if row["engine"].startswith("ours") else "peer"
        note = "" if row["equal_work"] else "(less work)"
        bar = Bar(row["engine"], row["images_per_s"], row["images_per_s_iqr"], kind, note)
        grouped.setdefault((row["work"], row["batch"], row["size"]), []).append(bar)
    return [
        Panel(f"{work}, batch {batch}, {size} px", bars)
        for (work, batch, size), bars in grouped.items()
    ]

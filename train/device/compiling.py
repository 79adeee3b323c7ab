"""torch.compile, tried out before the run starts, so that a failure costs a line and not a run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext

import torch
from torch import Tensor, nn

from headrace.augment import Augmenter
from headrace.pipeline.errors import ConfigError
from headrace.train.device.amp import Precision
from headrace.train.device.memory import ran_out

GRAPHS = "reduce-overhead"
_TRIAL_PASSES = 3
"""CUDA graphs warm up in the first, are recorded in the second and replayed in the third."""


def compile_model(
    model: nn.Module, switch: str, examples: Tensor | Sequence[Tensor], precision: Precision
) -> tuple[Callable[[Tensor], Tensor], str]:
    """Compiles `model` where asked for and possible; a forward and backward pass proves it.

    Args:
        model: in training mode, on its device; weights, statistics and gradients stay as they are.
        switch: auto (CUDA only), on, off, or reduce-overhead, which is on with CUDA graphs.
        examples: (B, 3, S, S), the shape and format of the batches to come; several of them where
            batches of several shapes are to come, each of which is compiled for now.
        precision: of the forward pass.

    Returns:
        What to call for the forward pass, and a line for the user that says what it is and why.
    """
    examples = [examples] if isinstance(examples, Tensor) else list(examples)
    if switch == "off":
        return model, "off"
    if switch == "auto" and examples[0].device.type != "cuda":
        return model, "off (on a CPU compiling seldom earns back its own time; --compile on tries)"
    before = {name: value.clone() for name, value in model.state_dict().items()}
    started = time.perf_counter()
    try:
        compiled = _compiled(model, switch, len(examples))
        with _room_for(len(examples)):
            for example in examples:
                for _ in range(_TRIAL_PASSES if switch == GRAPHS else 1):
                    with precision.autocast():
                        out = compiled(example)
                    out.float().square().mean().backward()
                    model.zero_grad(set_to_none=True)
        forward = KnownShapes(model, compiled, {example.shape for example in examples})
        return forward, _compiled_line(started, len(examples), graphs=switch == GRAPHS)
    except Exception as error:  # compilers fail in as many ways as there are compilers
        if ran_out(error):
            raise  # the first step would need as much
        return model, f"off, as compiling failed: {first_line(error)}"
    finally:
        model.zero_grad(set_to_none=True)
        model.load_state_dict(before)  # the trial moved the running statistics


def check_graphs(switch: str, device: torch.device, num_processes: int) -> None:
    """Refuses CUDA graphs where there can be none, or nobody has tried.

    Raises:
        ConfigError: naming the flag.
    """
    if switch != GRAPHS:
        return
    if device.type != "cuda":
        raise ConfigError(
            f"--compile {GRAPHS} records CUDA graphs, and the device is {device.type}; take "
            "--compile auto"
        )
    if num_processes > 1:
        raise ConfigError(
            f"--compile {GRAPHS} with {num_processes} processes, which exchange gradients within "
            "the pass that would be replayed; take --compile auto, or one process"
        )


def _compiled(model: nn.Module, switch: str, num_shapes: int) -> Callable[[Tensor], Tensor]:
    # Told nothing, a second shape would be compiled for once for all sizes, and run slower.
    dynamic = False if num_shapes > 1 else None
    if switch != GRAPHS:
        called: Callable[[Tensor], Tensor] = torch.compile(model, dynamic=dynamic)
        return called
    replayed = torch.compile(model, dynamic=dynamic, mode=GRAPHS)
    # The next replay writes over what this one gave, and whoever keeps it would see that.
    return lambda images: replayed(images).clone()


@contextmanager
def _room_for(num_shapes: int) -> Iterator[None]:
    """Lets as many shapes be compiled for as there are; torch gives up on a function after eight.

    Once they are, it is not asked again: a batch of any other shape is not compiled for.
    """
    if num_shapes == 1:
        yield
        return
    from torch._dynamo import config

    with config.patch(recompile_limit=max(config.recompile_limit, 8 * num_shapes)):
        yield


def _compiled_line(started: float, num_shapes: int, graphs: bool = False) -> str:
    shapes = f" for {num_shapes} shapes" if num_shapes > 1 else ""
    replayed = " with CUDA graphs" if graphs else ""
    return f"on{replayed} (compiled{shapes} in {time.perf_counter() - started:.0f} s)"


class KnownShapes:
    """Compiled for batches of known shapes; others, as an epoch's last, go through the model.

    Args:
        model: as it is.
        compiled: the same, compiled.
        shapes: (B, 3, S, S) of the batches that the compiled one is for.
    """

    def __init__(
        self, model: nn.Module, compiled: Callable[[Tensor], Tensor], shapes: set[torch.Size]
    ) -> None:
        self._model, self._compiled, self._shapes = model, compiled, shapes
        self.no_sync = getattr(model, "no_sync", nullcontext)  # of several processes

    def __call__(self, images: Tensor) -> Tensor:
        return (self._compiled if images.shape in self._shapes else self._model)(images)


def compile_augmenter(
    augmenter: Augmenter,
    switch: str,
    shape: tuple[int, int, int],
    others: Sequence[tuple[int, int]] = (),
) -> tuple[Augmenter, str]:
    """Compiles an augmenter where asked for and possible; a batch proves it.

    Args:
        augmenter: at the beginning of its random stream, where the result begins too.
        switch: auto, on, or off; on a CPU its kernels are always taken, which are faster. With
            reduce-overhead it is compiled without CUDA graphs: a replay would write over a batch
            that whoever asked for it may still hold.
        shape: B, H and W of the batches to come.
        others: further H and W that batches may have, each of which is compiled for now.

    Returns:
        What to call, and a line for the user that says what it is and why.
    """
    device = augmenter.config.device
    if switch == "off":
        return augmenter, "off"
    if device.type == "cpu" and augmenter.config.kernels:
        return augmenter, "off (on a CPU it has kernels of its own)"
    if not augmenter.compilable:
        return augmenter, "off (the recipe has a step that draws on the host)"
    sides = [shape[1:], *others]
    started = time.perf_counter()
    try:
        compiled = augmenter.compiled(len(sides))
        with _room_for(len(sides)):
            for side in sides:
                compiled(*_blank_batch(augmenter, shape[0], side))
        compiled.load_state_dict(augmenter.state_dict())
        return compiled, _compiled_line(started, len(sides))
    except Exception as error:
        return augmenter, f"off, as compiling failed: {first_line(error)}"


def check_augmenter(augmenter: Augmenter, shapes: Sequence[tuple[int, int]]) -> None:
    """Augments a small batch of each of several sizes; the random stream stays where it is.

    Raises:
        ConfigError: naming the size, where a step of the recipe cannot work on it.
    """
    before = augmenter.state_dict()
    for height, width in shapes:
        try:
            augmenter(*_blank_batch(augmenter, 2, (height, width)))
        except Exception as error:  # whatever a step of another library says
            if ran_out(error):
                raise
            raise ConfigError(
                f"--size-schedule: the recipe cannot work on {height}x{width} px "
                f"({first_line(error)}); take another recipe, or leave that size out"
            ) from None
    augmenter.load_state_dict(before)


def _blank_batch(augmenter: Augmenter, batch: int, side: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """(B, C, H, W) uint8 images and (B,) int64 labels as an augmenter gets them, all 0."""
    device, channels = augmenter.config.device, len(augmenter.preprocess.mean)
    images = torch.zeros((batch, channels, *side), dtype=torch.uint8, device=device)
    labels = torch.zeros(batch, dtype=torch.int64, device=device)
    return images.contiguous(memory_format=torch.channels_last), labels


def first_line(error: Exception) -> str:
    """The first line of an error that says something."""
    lines = [line.strip() for line in str(error).splitlines()]
    text = next((line for line in lines if line), "")
    return f"{type(error).__name__}: {text}"[:200]

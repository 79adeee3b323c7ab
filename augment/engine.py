"""The augmenter: draws, runs the steps of a program, mixes, normalises."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch

from headrace.augment.draws import Tables
from headrace.augment.preprocess import Preprocess
from headrace.augment.program import Program
from headrace.augment.protocol import Noise, Sampled
from headrace.augment.torch_code.mix import check_labels, soft_targets
from headrace.pipeline.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class EngineConfig:
    """Where and how an augmenter runs.

    Attributes:
        num_classes: width of soft targets.
        device: where batches are.
        dtype: floating dtype of the images it returns.
        compile: run the torch path through ``torch.compile(fullgraph=True)``, for batches of the
            shapes that come first; others, as an epoch's last, are run as they are.
        compiled_shapes: how many shapes that is.
        kernels: on the CPU, use the compiled per-sample kernels instead of batched torch; the
            results are the same.
    """

    num_classes: int
    device: torch.device
    dtype: torch.dtype = torch.float32
    compile: bool = False
    compiled_shapes: int = 1
    kernels: bool = True

    def __post_init__(self) -> None:
        if self.num_classes < 1:
            raise ConfigError(f"num_classes is {self.num_classes}: expected at least 1")
        if not self.dtype.is_floating_point:
            raise ConfigError(f"dtype is {self.dtype}: expected a floating dtype")


class Augmenter:
    """Turns a batch of bytes into the input of the model; owns its random stream.

    Calling it never waits for the device: there is no branch on a value, no copy to the host, and
    the random numbers come from a generator on the device.
    """

    def __init__(
        self, program: Program, preprocess: Preprocess, config: EngineConfig, seed: int = 0
    ) -> None:
        self.program = program
        self.preprocess = preprocess
        self.config = config
        self.generator = _generator(config.device, seed)
        self._host_generator = torch.Generator().manual_seed(seed)
        self._tables: dict[tuple[Any, ...], tuple[Tables, ...]] = {}
        self._draws_on_host = any(e.step.draws_on_host for e in program.elements)
        self._noisy = any(e.step.needs_noise for e in program.elements)
        self._run: Callable[..., Any] = self.run
        if config.compile and not self._draws_on_host:
            self._run = self._run_compiled()
        elif config.kernels and config.device.type == "cpu":
            self._run = self._run_kernels()

    @property
    def compilable(self) -> bool:
        """Whether no step of the recipe draws on the host."""
        return not self._draws_on_host

    def compiled(self, num_shapes: int = 1) -> Augmenter:
        """The same augmenter at the same place of its random stream, compiled.

        Args:
            num_shapes: for how many shapes of batches, the first that come.
        """
        config = replace(self.config, compile=True, compiled_shapes=num_shapes)
        other = Augmenter(self.program, self.preprocess, config)
        other.load_state_dict(self.state_dict())
        return other

    @property
    def mixes(self) -> bool:
        """Whether targets are soft: (B, num_classes) float32 instead of (B,) int64."""
        return self.program.mix is not None

    def __call__(
        self, images: torch.Tensor, labels: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Augments and normalises one batch.

        Args:
            images: (B, C, H, W) uint8 with one or three channels, channels_last, on the device.
            labels: (B,) int64, on the device.

        Returns:
            images: (B, C, H, W) in the configured dtype, channels_last, normalised.
            targets: (B, num_classes) float32 if the recipe mixes, else ``labels``.

        Raises:
            ConfigError: on images of another dtype or shape, or, when mixing, unlabelled samples.
        """
        self._check(images, labels)
        batch, channels, height, width = images.shape
        # A caller's autocast would round matrices and blurs to its own precision.
        with torch.autocast(self.config.device.type, enabled=False):
            noise = self.sample(batch, channels, height, width)
            result: tuple[torch.Tensor, torch.Tensor]
            result = self._run(images, labels, noise, self.prepare(height, width))
        return result

    def sample(self, batch: int, channels: int, height: int, width: int) -> Noise:
        """Advances the generator by the random numbers of one batch, and returns them."""
        device, generator = self.config.device, self.generator
        kind: dict[str, Any] = {"dtype": torch.float32, "device": device}
        uniform = torch.rand((batch, self._columns()), generator=generator, **kind)
        shapes = self._gammas()
        if shapes:
            # Fills, not torch.tensor: nothing travels from the host to the device.
            parts = [torch.full((1, 1), shape, **kind) for shape in shapes]
            concentration = torch.cat(parts, 1).expand(batch, -1).contiguous()
            gamma = torch._standard_gamma(concentration, generator=generator)
        else:
            gamma = torch.empty((batch, 0), **kind)
        size = (batch, height, width, channels) if self._noisy else (0, 0, 0, 0)
        pixels = torch.randint(
            0, 256, size, generator=generator, device=device, dtype=torch.uint8
        ).permute(0, 3, 1, 2)
        return Noise(uniform, gamma, pixels, self._host_generator if self._draws_on_host else None)

    def params(
        self, noise: Noise, tables: tuple[Tables, ...], size: tuple[int, int]
    ) -> tuple[tuple[Any, ...], Any]:
        """Random numbers to the parameters of each step and of the mix (pure)."""
        column, shape = self.program.num_choices, 0
        drawn = []

        def take(step: Sampled, own: Tables) -> Any:
            nonlocal column, shape
            uniform = noise.uniform[:, column : column + step.columns]
            gamma = noise.gamma[:, shape : shape + len(step.gammas)]
            column, shape = column + step.columns, shape + len(step.gammas)
            return step.sample(uniform, gamma, own, size)

        for element, own in zip(self.program.elements, tables, strict=True):
            params = take(element.step, own)
            for gate in element.gates:
                choice = noise.uniform[:, gate.choice]
                params = element.step.mask(params, (choice >= gate.low) & (choice < gate.high))
            drawn.append(params)
        mix = self.program.mix
        return tuple(drawn), None if mix is None else take(mix, torch.zeros(0))

    def run(
        self, images: torch.Tensor, labels: torch.Tensor, noise: Noise, tables: tuple[Tables, ...]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Everything after the random numbers, in torch: what is compiled and runs on CUDA."""
        size = (images.shape[2], images.shape[3])
        params, mix_params = self.params(noise, tables, size)
        for element, own in zip(self.program.elements, params, strict=True):
            images = element.step.apply(images, own, noise)
        mix = self.program.mix
        if mix is None:
            return self.preprocess.normalise_batched(images, self.config.dtype), labels
        check_labels(labels, self.config.num_classes)
        targets = soft_targets(labels, mix_params, self.config.num_classes)
        mixed = mix.apply(images, mix_params)
        return self.preprocess.normalise_batched(mixed, self.config.dtype), targets

    def _run_compiled(self) -> Callable[..., Any]:
        """Compiles for few shapes: to compile anew for an epoch's last batch costs more than it."""
        compiled = torch.compile(self.run, fullgraph=True, dynamic=False)
        shapes: set[torch.Size] = set()

        def run(images: torch.Tensor, *others: Any) -> tuple[torch.Tensor, torch.Tensor]:
            if len(shapes) < self.config.compiled_shapes:
                shapes.add(images.shape)
            found: tuple[torch.Tensor, torch.Tensor]
            found = (compiled if images.shape in shapes else self.run)(images, *others)
            return found

        return run

    def _run_kernels(self) -> Callable[..., Any]:
        """The CPU path; its import compiles nothing, the first batch does (and caches on disk)."""
        from headrace.augment.cpu import CpuRunner

        runner = CpuRunner(self.preprocess)

        def run(
            images: torch.Tensor,
            labels: torch.Tensor,
            noise: Noise,
            tables: tuple[Tables, ...],
        ) -> tuple[torch.Tensor, torch.Tensor]:
            params, mix_params = self.params(noise, tables, (images.shape[2], images.shape[3]))
            mix, targets = self.program.mix, labels
            if mix is not None:
                check_labels(labels, self.config.num_classes)
                targets = soft_targets(labels, mix_params, self.config.num_classes)
            steps = [element.step for element in self.program.elements]
            drawn = list(zip(steps, params, strict=True))
            out = runner.run(images, drawn, None if mix is None else (mix, mix_params), noise)
            return out.to(self.config.dtype), targets

        return run

    def prepare(self, height: int, width: int) -> tuple[Tables, ...]:
        """Constants of the steps for an image size, on the device; they are copied there once."""
        key = (height, width)
        if key not in self._tables:
            with torch.device("cpu"):  # whatever the caller's default is
                made = [element.step.tables(height, width) for element in self.program.elements]
            self._tables[key] = tuple(_to_device(tables, self.config.device) for tables in made)
        return self._tables[key]

    def reseed(self, seed: int) -> None:
        """Begins another random stream, without waiting for the device.

        Args:
            seed: from 0 to 2**63 - 1.
        """
        self.generator.manual_seed(seed)
        self._host_generator.manual_seed(seed)

    def state_dict(self) -> dict[str, torch.Tensor]:
        """The random stream, as CPU byte tensors: all that exact resume needs."""
        return {
            "generator": self.generator.get_state(),
            "host_generator": self._host_generator.get_state(),
        }

    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:
        """Continues the random stream of another augmenter of the same recipe and device type.

        Raises:
            ConfigError: when the state is of another kind of device.
        """
        try:
            self.generator.set_state(state["generator"].cpu())
            self._host_generator.set_state(state["host_generator"].cpu())
        except (KeyError, RuntimeError, TypeError) as error:
            raise ConfigError(
                f"the augmenter's saved state does not fit device {self.config.device}: {error}; "
                "resume on the kind of device that the run was started on"
            ) from None

    def _steps(self) -> list[Sampled]:
        steps: list[Sampled] = [element.step for element in self.program.elements]
        return steps if self.program.mix is None else [*steps, self.program.mix]

    def _columns(self) -> int:
        return self.program.num_choices + sum(step.columns for step in self._steps())

    def _gammas(self) -> list[float]:
        return [shape for step in self._steps() for shape in step.gammas]

    def _check(self, images: torch.Tensor, labels: torch.Tensor) -> None:
        channels = len(self.preprocess.mean)
        if images.dtype != torch.uint8 or images.ndim != 4 or images.shape[1] != channels:
            raise ConfigError(
                f"images are {tuple(images.shape)} {images.dtype}: "
                f"expected (B, {channels}, H, W) uint8"
            )
        if labels.shape != images.shape[:1]:
            raise ConfigError(
                f"labels are {tuple(labels.shape)} for {len(images)} images: expected (B,)"
            )


def _generator(device: torch.device, seed: int) -> torch.Generator:
    return torch.Generator(device=device).manual_seed(seed)


def _to_device(tables: Tables, device: torch.device) -> Tables:
    if isinstance(tables, torch.Tensor):
        return tables.to(device)
    return tuple(_to_device(part, device) for part in tables)

"""Mixed precision: which number format the forward pass uses here, and why."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from headrace.pipeline.errors import ConfigError

_CPU_BF16_FLAGS = {"avx512_bf16", "amx_bf16"}


class Scaler(torch.amp.GradScaler):
    """torch's, which goes on from the state of one that was not needed, too.

    That state is empty. A run that began in bf16 or float32 may go on with fp16, on another GPU.
    """

    def load_state_dict(self, state: dict[str, Any]) -> None:
        if state:
            super().load_state_dict(state)


@dataclass(frozen=True, kw_only=True)
class Precision:
    """How the forward pass computes.

    Attributes:
        device: where.
        dtype: of matrix products and convolutions; float32 means no mixed precision.
        reason: why, for the user.
    """

    device: torch.device
    dtype: torch.dtype
    reason: str

    @property
    def mixed(self) -> bool:
        return self.dtype != torch.float32

    @property
    def scaled(self) -> bool:
        """Whether gradients need a GradScaler: fp16 has too few exponent bits for them."""
        return self.dtype == torch.float16

    def scaler(self) -> Scaler:
        """A scaler of one loss, which does nothing where none is needed."""
        return Scaler(self.device.type, enabled=self.scaled)

    def autocast(self) -> AbstractContextManager[object]:
        # torch.autocast refuses float32, so a disabled one is given bfloat16.
        dtype = self.dtype if self.mixed else torch.bfloat16
        return torch.autocast(self.device.type, dtype, enabled=self.mixed)

    @property
    def name(self) -> str:
        """The number format's: float32, bfloat16 or float16."""
        return str(self.dtype).removeprefix("torch.")

    def __str__(self) -> str:
        return f"{self.name} ({self.reason})"


def choose_precision(name: str, device: torch.device) -> Precision:
    """Resolves --amp.

    Raises:
        ConfigError: for a format that the device does not have.
    """
    dtype, reason = torch.float32, "--amp off"
    if name == "off":
        pass
    elif device.type == "cuda":
        dtype, reason = _on_cuda(name, torch.cuda.get_device_capability(device))
    elif name == "fp16":
        raise ConfigError("--amp fp16 needs a CUDA device; use --amp bf16 or --amp off")
    elif name == "bf16":
        dtype, reason = torch.bfloat16, "--amp bf16"
    elif device.type == "cpu":
        dtype, reason = _on_cpu()
    else:
        reason = f"not tried on {device.type}"
    return Precision(device=device, dtype=dtype, reason=reason)


def _on_cuda(name: str, capability: tuple[int, int]) -> tuple[torch.dtype, str]:
    """bf16 arrived with compute capability 8.0, fp16 tensor cores with 7.0."""
    version = f"compute capability {capability[0]}.{capability[1]}"
    if name == "bf16" and capability < (8, 0):
        raise ConfigError(f"--amp bf16: this GPU has {version} and no bf16; use --amp fp16")
    if name == "fp16" or (name == "auto" and (7, 0) <= capability < (8, 0)):
        return torch.float16, f"{version}, with gradient scaling"
    if capability < (7, 0):
        return torch.float32, f"{version} has no tensor cores"
    return torch.bfloat16, version


def _on_cpu() -> tuple[torch.dtype, str]:
    found = _CPU_BF16_FLAGS & cpu_flags()
    if found:
        return torch.bfloat16, f"the processor has {', '.join(sorted(found))}"
    return torch.float32, "the processor computes bf16 only by emulation"


def cpu_flags() -> set[str]:
    """Instruction sets that Linux announces; empty elsewhere."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="ascii", errors="ignore").splitlines():
            if line.startswith("flags"):
                return set(line.partition(":")[2].split())
    except OSError:
        pass
    return set()

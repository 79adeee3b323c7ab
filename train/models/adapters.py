"""Adapters: a few weights beside each frozen matrix and kernel are trained, then merged into it.

Source: Hu et al., "LoRA: low-rank adaptation of large language models", ICLR 2022; Liu et al.,
"DoRA", ICML 2024; Yeh et al., "Navigating text-to-image customization" (LoHa, LoKr), ICLR 2024; all
by Hugging Face's peft.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from headrace.pipeline.errors import ConfigError, MissingPackageError
from headrace.train.settings.technique import ABOVE_ZERO, check, check_all, check_choice

if TYPE_CHECKING:
    from torch import Tensor, nn

NONE = "none"
KINDS = (NONE, "lora", "dora", "loha", "lokr")


@dataclass(frozen=True, kw_only=True)
class AdapterConfig:
    """Which adapters are trained, and how large they are."""

    adapter: str = NONE
    """Train small adapters beside the frozen linear layers and convolutions, and the head: lora,
    dora, loha or lokr (needs the extra `peft`); best.pt has them merged into the weights."""
    adapter_rank: int = 8
    """Rank of the adapters' matrices."""
    adapter_scale: float = 1.0
    """What the adapters' output is multiplied by (alpha over rank)."""

    def __post_init__(self) -> None:
        check_choice("adapter", self.adapter, KINDS)
        check(self.adapter_rank >= 1, "adapter_rank", self.adapter_rank, "at least 1")
        check_all(self, {"adapter_scale": ABOVE_ZERO})
        for name in () if self else ("adapter_rank", "adapter_scale"):
            own = getattr(self, name)
            unsaid = own == getattr(type(self), name)
            check(unsaid, name, own, "an --adapter beside it, such as lora; or leave it out")

    def __bool__(self) -> bool:
        return self.adapter != NONE


def add_adapters(model: nn.Module, config: AdapterConfig) -> None:
    """Puts adapters into the model, which computes what it did until they are trained.

    Their weights and the head's alone are trained; norms with running statistics stay as they are.

    Args:
        model: on the CPU.
        config: with an adapter.

    Raises:
        MissingPackageError: without peft.
        ConfigError: if the model has nothing to adapt.
    """
    from headrace.train.optimizers.freezing import keep_still
    from headrace.train.optimizers.stages import stages_of

    stages = stages_of(model)
    targets = adaptable(model, {stages[-1].name} if stages else set())
    if not targets:
        raise ConfigError(
            f"--adapter {config.adapter}: this model has no linear layer or convolution before its "
            "head; leave it out"
        )
    peft = _peft(config)
    rank, alpha = config.adapter_rank, config.adapter_scale * config.adapter_rank
    asked: Any
    if config.adapter in ("lora", "dora"):
        is_dora = config.adapter == "dora"
        asked = peft.LoraConfig(r=rank, lora_alpha=alpha, target_modules=targets, use_dora=is_dora)
    else:
        kind = {"loha": peft.LoHaConfig, "lokr": peft.LoKrConfig}[config.adapter]
        asked = kind(r=rank, alpha=alpha, target_modules=targets)
    peft.inject_adapter_in_model(asked, model)
    for weight in stages[-1].parameters:
        weight.requires_grad_(True)
    for stage in stages:
        for norm in stage.norms:
            keep_still(norm)


def adaptable(model: nn.Module, without: set[str]) -> list[str]:
    """Names of the layers that get an adapter: linear ones and convolutions of one group."""
    from torch import nn

    # Its output's matrix is read, but never called.
    inner = {
        f"{name}.out_proj"
        for name, module in model.named_modules()
        if isinstance(module, nn.MultiheadAttention)
    }
    return [
        name
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) or (isinstance(module, nn.Conv2d) and module.groups == 1)
        if name not in without | inner
    ]


def merged(model: nn.Module) -> nn.Module:
    """A copy of the model with its adapters in its weights, whose names are those of before."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    model = copy.deepcopy(model)
    for name, layer in list(model.named_modules()):
        if isinstance(layer, BaseTunerLayer):
            layer.merge()
            parent, _, last = name.rpartition(".")
            setattr(model.get_submodule(parent), last, layer.get_base_layer())
    return model


def adapter_content(config: AdapterConfig, trained: nn.Module, judged: nn.Module) -> dict[str, Any]:
    """What adapter.pt holds beside what all checkpoints say: the few weights that were trained.

    Args:
        config: of the run.
        trained: the model that tells which weights those are.
        judged: the one whose weights are taken.
    """
    names = {name for name, weight in trained.named_parameters() if weight.requires_grad}
    state = {name: value for name, value in judged.state_dict().items() if name in names}
    return {"adapter": asdict(config), "weights": state}


def join(model: nn.Module, adapter: Mapping[str, Any]) -> nn.Module:
    """A model with the weights that an adapter was trained on, with the adapter merged into it.

    Args:
        model: with the head's number of classes; it is changed.
        adapter: content of an adapter.pt.

    Raises:
        ConfigError: if the adapter is one of another model.
    """
    add_adapters(model, AdapterConfig(**adapter["adapter"]))
    weights: dict[str, Tensor] = adapter["weights"]
    own = model.state_dict()
    wrong = [n for n, w in weights.items() if n not in own or own[n].shape != w.shape]
    if wrong:
        raise ConfigError(f"the adapter does not fit this model: it has {wrong[0]}; take its own")
    model.load_state_dict(weights, strict=False)
    return merged(model)


def _peft(config: AdapterConfig) -> Any:
    try:
        import peft
    except ImportError as error:
        raise MissingPackageError(
            f'--adapter {config.adapter} needs peft: pip install "headrace[peft]" ({error})'
        ) from None
    return peft

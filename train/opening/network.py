"""Second stage: the model, how it computes, and which of its weights are trained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from headrace.augment import Preprocess
from headrace.train.data.normalisation import make_preprocess
from headrace.train.device.amp import Precision, choose_precision
from headrace.train.device.compiling import check_graphs
from headrace.train.device.cpu_bf16 import defined_gradients
from headrace.train.models.adapters import add_adapters
from headrace.train.models.build import starting_model
from headrace.train.models.checkpointing import checkpoint_activations
from headrace.train.models.sizes import check_batch_norm, check_sizes
from headrace.train.models.spec import ModelSpec, spec_of
from headrace.train.opening.samples import Samples
from headrace.train.opening.start import Start
from headrace.train.optimizers.freezing import Freezing
from headrace.train.processes.sync_norms import sync_norms
from headrace.train.settings.config import RunConfig


@dataclass(frozen=True, kw_only=True)
class Network:
    """What is trained.

    Attributes:
        preprocess: how images become its input.
        precision: of its forward pass, and its device.
        spec: what builds it again.
        model: on the device, with its first weights.
        freezing: which of them are trained.
    """

    preprocess: Preprocess
    precision: Precision
    spec: ModelSpec
    model: nn.Module
    freezing: Freezing


def build_network(samples: Samples, start: Start) -> Network:
    """Builds the model and checks that it can learn from such images and batches.

    Raises:
        HeadraceError: if it cannot.
    """
    config, device, say = samples.config, start.device, start.say
    data, optim = config.data, config.optim
    precision = choose_precision(config.runtime.amp, device)
    check_graphs(config.runtime.compile, device, start.world.size)
    preprocess = make_preprocess(config.model, data.crop, samples.records, start.checkpoint, say)
    spec = spec_of(config.model, len(samples.classes), data.crop.side(train=True))
    model = seeded_model(spec, config, start.is_new, device, say)
    if config.model.sync_bn:
        model = sync_norms(model, start.world, device)
    freezing = Freezing(model, optim.freeze, say)
    check_batch_norm(model, data.batch_size // start.world.size, optim.accumulate)
    check_sizes(model, data.crop, device)
    return Network(
        preprocess=preprocess,
        precision=defined_gradients(precision, model, data.crop.shapes, config.runtime.amp),
        spec=spec,
        model=model,
        freezing=freezing,
    )


def seeded_model(
    spec: ModelSpec,
    config: RunConfig,
    is_new: bool,
    device: torch.device,
    say: Callable[[str], None],
) -> nn.Module:
    """The model on the device, with the weights that --seed, --pretrained or --weights give it."""
    torch.manual_seed(config.runtime.seed)  # the initial weights; the loop seeds every step anew
    settings = config.model
    model = starting_model(
        spec,
        pretrained=settings.pretrained and is_new,
        weights=settings.weights if is_new else "",
        say=say,
    )
    model = model.to(memory_format=torch.channels_last)
    if config.optim.adapters:  # now, as peft's DoRA cannot read its own kernels in that format
        add_adapters(model, config.optim.adapters)
    if settings.activation_checkpointing:
        checkpoint_activations(model)
    return model.to(device)

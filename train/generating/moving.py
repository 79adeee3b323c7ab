"""One step of a network that is trained: its weights move along the gradient of a loss."""

from __future__ import annotations

from torch import Tensor
from torch.amp import GradScaler
from torch.nn.utils import clip_grad_norm_
from torch.optim import Optimizer


def move(
    loss: Tensor, optimizer: Optimizer, scaler: GradScaler, most_gradient: float | None = None
) -> None:
    """Moves an optimizer's weights once and clears their gradients.

    Args:
        loss: scalar, with a graph.
        optimizer: of the weights that move.
        scaler: of this loss alone, enabled where fp16 is computed with on the way back: it then
            leaves out a step whose gradients overflow. See torch's "Automatic mixed precision
            examples"; with losses of several optimizers, each of which is finished before the next
            one begins, each has a scaler of its own.
        most_gradient: norm to which the gradient is clipped.
    """
    scaler.scale(loss).backward()
    if most_gradient is not None:
        scaler.unscale_(optimizer)
        weights = [weight for group in optimizer.param_groups for weight in group["params"]]
        clip_grad_norm_(weights, most_gradient)
    scaler.step(optimizer)
    scaler.update()
    optimizer.zero_grad(set_to_none=True)

"""Two processes whose batches are cut into parts: the same model as from whole batches."""

from __future__ import annotations

from pathlib import Path

import torch

from headrace.train.folder.checkpoint import load_checkpoint
from tests.train.test_world import NEEDS_GROUP, two_processes
from tests.train.tiny_runs import write_data

CODE = """
import sys
from pathlib import Path
import torch
from torch.nn.parallel import DistributedDataParallel
from tests.train.tiny_runs import settings
from headrace.train.run import run_training

exchanged = []
class Watched(DistributedDataParallel):
    def forward(self, *inputs):
        exchanged.append(self.require_backward_grad_sync)
        return super().forward(*inputs)

torch.nn.parallel.DistributedDataParallel = Watched
parts = int(sys.argv[3])
changes = {"model": "timm:test_vit", "dropout": 0.0, "amp": "off", "optimizer": "sgd"}
changes |= {"average": "ema", "objective": "sam", "penalty": 1e-4, "class_weights": "inverse"}
out = Path(sys.argv[2]) / sys.argv[3]
run_training(settings(Path(sys.argv[1]), out, epochs=1, lr=0.01, accumulate=parts, **changes))
print(len(exchanged), sum(exchanged))
"""


@NEEDS_GROUP
def test_parts_make_the_same_model_and_exchange_gradients_once(tmp_path: Path) -> None:
    data = write_data(tmp_path / "tiny.beton")
    # Six steps, two gradients each for SAM, of which the last part's is exchanged.
    for parts, counts in (("1", "12 12"), ("2", "24 12")):
        for status, said, errors in two_processes(CODE, str(data), str(tmp_path), parts):
            assert status == 0, errors
            assert said.splitlines()[-1] == counts
    whole, in_parts = (load_checkpoint(tmp_path / name) for name in ("1", "2"))
    for name, value in whole["weights"].items():
        torch.testing.assert_close(in_parts["weights"][name], value, rtol=1e-4, atol=1e-6)
        mean, other = (c["hooks"]["ema"]["model"][name] for c in (whole, in_parts))
        torch.testing.assert_close(other, mean, rtol=1e-4, atol=1e-6)

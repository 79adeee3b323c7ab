"""Loss and accuracy of training, summed on the device."""

from __future__ import annotations

import torch

from headrace.train.metrics.meter import Meter, Totals, to_totals


def test_meter_sums_over_batches_of_different_size() -> None:
    meter = Meter(torch.device("cpu"))
    right = torch.tensor([[0.0, 1.0], [1.0, 0.0], [0.0, 1.0]])
    meter.add(torch.tensor(2.0), right, torch.tensor([1, 0, 0]))
    meter.add(torch.tensor(4.0), right[:1], torch.tensor([[0.2, 0.8]]))
    totals = to_totals(meter.sums)
    assert (totals.mean_loss, totals.accuracy, totals.count) == (2.5, 0.75, 4)
    meter.clear()
    assert to_totals(meter.sums) == Totals()


def test_a_meter_goes_on_from_its_state() -> None:
    meter, again = Meter(torch.device("cpu")), Meter(torch.device("cpu"))
    meter.add(torch.tensor(2.0), torch.eye(2), torch.tensor([0, 0]))
    again.load_state_dict(meter.state_dict())
    assert to_totals(again.sums) == to_totals(meter.sums) == Totals(loss=4.0, correct=1.0, count=2)

"""What the graph computes of an image's size is what evaluation's own code computes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.augment.preprocess import Preprocess
from headrace.pipeline.crops import EVALUATION, crop_of
from headrace.tools.exporting.placing import PLACING, place, weights

SIDES = st.one_of(st.integers(1, 70), st.integers(1, 20_000))


def test_every_way_of_evaluating_is_known() -> None:
    assert PLACING.keys() == EVALUATION.keys()


@pytest.mark.parametrize("mode", PLACING)
@settings(deadline=None)
@given(
    image=st.tuples(SIDES, SIDES),
    size=st.tuples(st.integers(1, 300), st.integers(1, 300)),
    share=st.one_of(st.sampled_from([1.0, 0.875, 0.9, 0.5, 0.1]), st.floats(0.001, 1.0)),
)
def test_boxes_and_places_are_the_plans(
    mode: str, image: tuple[int, int], size: tuple[int, int], share: float
) -> None:
    preprocess = Preprocess(size=size, eval_mode=mode, eval_crop=share)
    crop, (height, width) = preprocess.crop, image
    cuts = crop_of(mode).cut(np.array([height]), np.array([width]), crop, size, np.zeros)
    targets = np.array([[0, 0, *size]]) if cuts.targets is None else cuts.targets
    high, wide = (torch.tensor(float(side), dtype=torch.float64) for side in image)
    rows, columns = place((high, wide), preprocess)
    assert [int(v) for v in (rows.start, columns.start, rows.length, columns.length)] == (
        cuts.boxes[0].tolist()
    )
    found = rows.out_start, columns.out_start, rows.out_length, columns.out_length
    assert [int(v) for v in found] == targets[0].tolist()


@pytest.mark.parametrize("mode", PLACING)
@settings(deadline=None, max_examples=30)
@given(image=st.tuples(SIDES, SIDES), size=st.integers(1, 100))
def test_weights_sum_to_one_inside_and_to_nothing_outside(
    mode: str, image: tuple[int, int], size: int
) -> None:
    preprocess = Preprocess(size=size, eval_mode=mode)
    high, wide = (torch.tensor(float(side), dtype=torch.float64) for side in image)
    for placed, side in zip(place((high, wide), preprocess), image, strict=True):
        sums = weights(placed, side, size).sum(1)
        begin, length = int(placed.out_start), int(placed.out_length)
        expected = torch.zeros(size)
        expected[begin : begin + length] = 1
        assert torch.allclose(sums, expected, atol=1e-4)

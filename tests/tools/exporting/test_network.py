"""The pixels that the graph makes, beside those of evaluation."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from headrace.augment.preprocess import Preprocess
from headrace.tools.exporting.comparing import evaluation_pixels, model_answers
from headrace.tools.exporting.network import WholeNetwork
from headrace.tools.exporting.placing import PLACING
from headrace.tools.exporting.trial_images import made_up_image
from tests.builders import photo

SIZES = [(1, 1), (3, 5), (31, 33), (32, 48), (64, 96), (97, 41), (500, 333), (9, 400)]


class Means(nn.Module):
    """Each channel's mean for a logit."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.mean((2, 3))


@pytest.mark.parametrize("size", [(32, 48), 32], ids=str)
@pytest.mark.parametrize("mode", PLACING)
def test_pixels_are_within_one_level(mode: str, size: int | tuple[int, int]) -> None:
    preprocess = Preprocess(size=size, eval_mode=mode)
    network = WholeNetwork(Means(), preprocess)
    for number, (height, width) in enumerate(SIZES):
        image = photo(number, height, width)
        found = network.levels(torch.from_numpy(image)[None])[0].permute(1, 2, 0).numpy()
        expected = evaluation_pixels(image, preprocess)
        assert found.shape == expected.shape
        apart = np.abs(found - expected)
        assert apart.max() <= 1 and (apart > 0).mean() < 0.02, (height, width)
        if mode == "letterbox":
            assert ((found == 0).all(2) >= (expected == 0).all(2)).all()


def test_an_image_of_the_inputs_size_is_left_as_it_is() -> None:
    preprocess = Preprocess(size=(20, 30), eval_mode="centre", eval_crop=1.0)
    image = photo(0, 20, 30)
    found = WholeNetwork(Means(), preprocess).levels(torch.from_numpy(image)[None])
    assert np.array_equal(found[0].permute(1, 2, 0).numpy(), image)


def test_normalised_as_in_evaluation() -> None:
    preprocess = Preprocess(size=8, mean=(0.2, 0.5, 0.7), std=(0.1, 0.2, 0.3))
    images = np.stack([made_up_image(11, 13, number) for number in range(3)])
    logits, probabilities = WholeNetwork(Means(), preprocess)(torch.from_numpy(images))
    expected = model_answers(Means(), preprocess, images)
    assert np.allclose(probabilities.numpy(), expected, atol=1e-3)
    assert torch.allclose(logits.softmax(1), probabilities)


def test_what_it_says_carries_no_gradient() -> None:
    """The weights of a .pt2 would ask for one, and its results could be no array."""
    network = WholeNetwork(nn.Sequential(Means(), nn.Linear(3, 2)), Preprocess(size=8))
    logits, _ = network(torch.zeros(1, 8, 8, 3, dtype=torch.uint8))
    assert logits.numpy().shape == (1, 2)


def test_made_up_images_are_the_same_everywhere() -> None:
    """Files hold what was said of them: another image of the same name would be a difference."""
    assert made_up_image(3, 2, 1).tolist() == [
        [[1, 10, 0], [123, 158, 195]],
        [[66, 74, 83], [202, 236, 255]],
        [[209, 216, 224], [239, 16, 20]],
    ]
    assert made_up_image(300, 400, 2).std() > 30

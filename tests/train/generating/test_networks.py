"""The networks and the mathematics of both kinds of generators."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from headrace.pipeline.errors import ConfigError, MissingPackageError
from headrace.train.generating import flow_training
from headrace.train.generating.flow import carried, flow_loss
from headrace.train.generating.flow_training import build_network
from headrace.train.generating.gan import (
    NOISE,
    Discriminator,
    GanGenerator,
    relativistic,
    slope_penalty,
)
from headrace.train.generating.kind import Shape, as_input, as_pixels
from headrace.train.generating.neighbours import copy_distance, nearest
from headrace.train.generating.noise import noise_of
from headrace.train.generating.unet import UNet, UNetConfig

SIZES = (16, 24, 32, 64, 96, 128)


@pytest.mark.parametrize("size", SIZES)
def test_each_network_makes_and_reads_images_of_each_size(size: int) -> None:
    labels = torch.tensor([0, 2])
    images = torch.rand(2, 3, size, size)
    unet = UNet(UNetConfig(classes=3, size=size, width=8))
    said = unet(images, torch.tensor([0.1, 0.9]), labels)
    assert said.shape == images.shape and not said.any()  # nothing is said at first
    made = GanGenerator(3, size, 8)(torch.randn(2, NOISE), labels)
    assert made.shape == images.shape
    assert Discriminator(3, size, 8)(made, labels).shape == (2,)


def test_the_network_of_diffusers_is_called_as_ours() -> None:
    pytest.importorskip("diffusers")
    shape = Shape(kind="flow", network="diffusers", classes=3, size=32, width=8)
    images = torch.rand(2, 3, 32, 32)
    said = build_network(shape)(images, torch.tensor([0.1, 0.9]), torch.tensor([0, 3]))
    assert said.shape == images.shape


def test_without_diffusers_it_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow_training, "is_installed", lambda package: False)
    shape = Shape(kind="flow", network="diffusers", classes=3, size=32, width=8)
    with pytest.raises(MissingPackageError, match="--network diffusers needs diffusers: pip inst"):
        build_network(shape)


@pytest.mark.parametrize("size", [8, 20, 72, 136])
def test_a_size_that_cannot_be_halved_is_refused(size: int) -> None:
    with pytest.raises(ConfigError, match=f"size is {size}, expected a multiple of"):
        UNetConfig(classes=3, size=size)


def test_time_and_class_are_seen() -> None:
    torch.manual_seed(0)
    unet = UNet(UNetConfig(classes=3, size=16, width=8))
    for weight in unet.parameters():
        torch.nn.init.normal_(weight, std=0.05)
    images = torch.rand(1, 3, 16, 16)

    def said(time: float, label: int) -> torch.Tensor:
        found: torch.Tensor = unet(images, torch.tensor([time]), torch.tensor([label]))
        return found

    assert not torch.allclose(said(0.2, 0), said(0.7, 0))
    assert not torch.allclose(said(0.2, 0), said(0.2, 3))


@pytest.mark.parametrize("steps", [1, 2, 7])
def test_a_straight_flow_arrives_whatever_the_steps(steps: int) -> None:
    noise, images = torch.randn(2, 3, 8, 8), torch.rand(2, 3, 8, 8)
    way = images - noise
    labels = torch.zeros(2, dtype=torch.int64)
    found = carried(lambda x, times, labels: way, noise, labels, 5, 1.0, steps)
    torch.testing.assert_close(found, images)


def test_heun_integrates_a_growing_velocity_to_second_order() -> None:
    labels = torch.zeros(1, dtype=torch.int64)

    def error(steps: int) -> float:
        start = torch.ones(1, 3, 2, 2, dtype=torch.float64)
        found = carried(lambda x, t, labels: x.double(), start, labels, 1, 1.0, steps)
        return abs(float(found.mean()) - np.e)

    assert error(40) < error(10) / 3


def test_guidance_goes_on_from_no_class_through_the_class() -> None:
    def velocity(x: torch.Tensor, times: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return torch.where(labels == 9, 1.0, 3.0)[:, None, None, None].expand_as(x)

    noise, labels = torch.zeros(2, 3, 4, 4), torch.zeros(2, dtype=torch.int64)
    for guidance, expected in ((0.0, 1.0), (1.0, 3.0), (2.0, 5.0)):
        found = carried(velocity, noise, labels, 9, guidance, 3)
        torch.testing.assert_close(found, torch.full_like(found, expected))


def test_the_loss_is_that_of_the_way_from_noise_to_image_and_leaves_labels_out() -> None:
    images, labels = torch.rand(4000, 1, 1, 1), torch.ones(4000, dtype=torch.int64)
    asked: list[torch.Tensor] = []

    def velocity(x: torch.Tensor, times: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        asked.append(labels)
        assert ((times > 0) & (times < 1)).all()
        # Of x = noise + t * way one knows the image, and so the noise.
        share = times[:, None, None, None]
        noise = (x - share * images) / (1 - share)
        return images - noise

    torch.manual_seed(1)
    assert float(flow_loss(velocity, images, labels, none=7, drop=0.25)) < 1e-4
    dropped = float((asked[0] == 7).float().mean())
    assert 0.2 < dropped < 0.3 and set(asked[0].tolist()) == {1, 7}


def test_a_gans_losses_compare_pairs_and_penalise_slopes() -> None:
    better, worse = torch.tensor([2.0, 0.0]), torch.tensor([0.0, 0.0])
    expected = (np.log1p(np.exp(-2.0)) + np.log(2.0)) / 2
    assert float(relativistic(better, worse)) == pytest.approx(expected, rel=1e-5)
    images = torch.rand(3, 3, 4, 4, requires_grad=True)
    said = 2 * images.sum((1, 2, 3))
    assert float(slope_penalty(said, images)) == pytest.approx(4 * 48 / 2, rel=1e-5)


def test_pixels_survive_being_an_input() -> None:
    pixels = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16).expand(2, 3, 16, 16)
    assert torch.equal(as_pixels(as_input(pixels)), pixels)
    beyond = torch.tensor([-1.5, 1.5]).reshape(1, 1, 1, 2).expand(1, 3, 1, 2)
    assert as_pixels(beyond)[0, 0].tolist() == [[0, 255]]


def test_an_images_noise_depends_on_seed_class_and_number_alone() -> None:
    whole = noise_of(3, 1, range(200), (3, 8, 8))
    assert torch.equal(noise_of(3, 1, range(7, 9), (3, 8, 8)), whole[7:9])
    assert abs(float(whole.mean())) < 0.02 and abs(float(whole.std()) - 1) < 0.02
    for seed, label in ((3, 2), (4, 1)):
        assert not torch.equal(noise_of(seed, label, range(2), (3, 8, 8)), whole[:2])
    assert noise_of(0, 0, range(1), (5,)).shape == (1, 5)  # an odd count


def test_the_nearest_is_found_as_by_looking_at_each() -> None:
    rng = np.random.default_rng(0)
    asked, among = (rng.normal(size=(n, 6)).astype(np.float32) for n in (1500, 40))
    gaps = np.linalg.norm(asked[:, None] - among[None], axis=2)
    places, found = nearest(asked, among)
    assert (places == gaps.argmin(1)).all()
    np.testing.assert_allclose(found, gaps.min(1), rtol=1e-4)
    own, apart = nearest(among, among, itself=True)
    assert (own != np.arange(40)).all() and (apart > 0).all()
    assert apart.min() <= copy_distance(among) <= np.median(apart)
    assert copy_distance(among, 40) == copy_distance(among)
    assert copy_distance(among, 2) >= apart[[0, 39]].min() > 0  # none is its own neighbour

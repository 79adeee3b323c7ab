"""Features in two dimensions."""

from __future__ import annotations

import numpy as np
import pytest

from headrace.train.reporting import projection
from headrace.train.reporting.projection import (
    fitting_perplexity,
    neighbour_share,
    principal_components,
    tsne,
)


def groups(count: int = 20) -> tuple[np.ndarray, np.ndarray]:
    """Three groups far apart in eight dimensions, and which sample is of which."""
    rng = np.random.default_rng(0)
    centres = 50 * np.eye(3, 8)
    labels = np.arange(3 * count) % 3
    return (centres[labels] + rng.normal(size=(3 * count, 8))).astype(np.float32), labels


def test_components_are_scikit_learns() -> None:
    pca = pytest.importorskip("sklearn.decomposition").PCA(2)
    features, _ = groups()
    expected = pca.fit_transform(features)
    found, shares = principal_components(features, 2)
    assert np.allclose(np.abs(found), np.abs(expected), atol=1e-3)
    assert shares == pytest.approx(pca.explained_variance_ratio_)


def test_a_single_feature_and_samples_alike() -> None:
    found, shares = principal_components(np.ones((6, 1), np.float32), 2)
    assert found.shape == (6, 1) and shares == pytest.approx([0])
    assert tsne(np.ones((6, 4), np.float32)) is None


@pytest.mark.parametrize("count", [5, 6, 60])
def test_neighbours_stay_neighbours_in_small_sets_too(count: int) -> None:
    pytest.importorskip("sklearn")
    features, labels = groups()
    points = tsne(features[:count])
    assert points is not None and points.shape == (count, 2) and np.isfinite(points).all()
    if count == 60:
        assert neighbour_share(points, labels) == 1


def test_perplexity_stays_below_what_samples_allow() -> None:
    assert fitting_perplexity(1000) == 30
    assert all(1 <= fitting_perplexity(n) < n for n in range(2, 100))


def test_too_few_or_no_package_is_no_map(monkeypatch: pytest.MonkeyPatch) -> None:
    features, _ = groups()
    assert tsne(features[:4]) is None
    monkeypatch.setattr(projection, "is_installed", lambda name: False)
    assert tsne(features) is None

"""What is said of drawn images: distances, fidelity, copies; and what is kept of them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from headrace.pipeline.errors import ConfigError
from headrace.pipeline.records import Records
from headrace.train.generating.distances import covered, distances
from headrace.train.generating.draw import draw
from headrace.train.generating.draw_settings import DrawConfig
from headrace.train.generating.fit import fit
from headrace.train.generating.judging import JudgeConfig, judge
from headrace.train.run import run_training
from tests.train.generating.tiny_fits import fit_config
from tests.train.tiny_runs import settings, write_data


def test_equal_distributions_are_near_and_shifted_ones_far() -> None:
    rng = np.random.default_rng(0)
    real, same = (rng.normal(size=(600, 4)).astype(np.float32) for _ in range(2))
    near, far = distances(real, same), distances(real, same + 3)
    assert near.frechet < 0.1 and far.frechet == pytest.approx(4 * 9, rel=0.1)
    assert abs(near.kernel) < 0.1 < far.kernel
    assert near.precision > 0.9 and near.recall > 0.9
    assert far.precision < 0.2 and far.recall < 0.2


def test_a_collapsed_generator_is_precise_and_covers_nothing() -> None:
    rng = np.random.default_rng(1)
    real = rng.normal(size=(500, 4)).astype(np.float32)
    one = (0.01 * rng.normal(size=(500, 4))).astype(np.float32)
    assert covered(one, real) > 0.95
    assert covered(real, one) < 0.05


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """Records, a generator and a classifier."""
    folder = tmp_path_factory.mktemp("all")
    data = write_data(folder / "tiny.beton")
    generator = fit(fit_config(data, folder / "flow"))
    run_training(settings(data, folder / "judge", epochs=1, amp="off"))
    return data, generator, folder / "judge"


def drawing(trained: tuple[Path, Path, Path], out: Path, **changes: object) -> DrawConfig:
    told = {"per_class": 4, "steps": 2, "device": "cpu", "amp": "off", **changes}
    return DrawConfig(run=trained[1], out=out, **told)  # type: ignore[arg-type]


def test_a_judge_tells_numbers_and_draws_neighbours(
    trained: tuple[Path, Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, _, classifier = trained
    made = draw(drawing(trained, tmp_path / "made.beton"))
    verdict = judge(
        JudgeConfig(
            made=made,
            data=data,
            judge=classifier,
            test_split="val",
            json=tmp_path / "v.json",
            picture=tmp_path / "v.png",
            device="cpu",
        )
    )
    assert json.loads((tmp_path / "v.json").read_text()) == verdict.plain()
    assert verdict.drawn.frechet > verdict.real.frechet
    assert 0 <= verdict.copies <= 1
    assert "frechet" in capsys.readouterr().out
    with Image.open(tmp_path / "v.png") as picture:
        assert picture.size == (12 * 18, 38)
    with pytest.raises(ConfigError, match="holds no made-up images"):
        judge(JudgeConfig(made=data, data=data, judge=classifier))


def test_what_the_judge_is_surest_of_is_kept(
    trained: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    _, _, classifier = trained
    everything = draw(drawing(trained, tmp_path / "all.beton", per_class=8))
    best = draw(drawing(trained, tmp_path / "best.beton", keep_best=0.5, judge=classifier))
    with Records.open(everything) as whole, Records.open(best) as kept:
        assert np.bincount(kept.labels).tolist() == [4, 4, 4]
        for place in range(len(kept)):
            number = int(kept.name(place).split("/")[-1])
            among = 8 * int(kept.labels[place]) + number
            assert (kept.decode(place) == whole.decode(among)).all()

"""Every script in examples/ runs, and goes on where it says that it does."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
NEEDS = {
    "plain_loop": "",
    "augmenter_only": "",
    "timm_training": "timm",
    "lightning_loop": "lightning",
    "accelerate_loop": "accelerate",
}
"""Every example, and the package without which it is left out here."""
SMALLER = {
    "size=128": "size=32",
    "batch_size=64": "batch_size=16",
    "from torchvision.models import": "from tests.examples.tiny_model import",
    "RandomResizedCrop(128,": "RandomResizedCrop(32,",
    "num_workers=2": "num_workers=0",
    "every_n_train_steps=20": "every_n_train_steps=1",
    "% 20 == 0": "% 1 == 0",
    "max_epochs=epochs,": "max_epochs=epochs, accelerator='cpu',",
}
"""What is written in them, and what takes no time."""


def main_of(name: str) -> Callable[..., None]:
    """An example's main function, made for images of 32 px."""
    if package := NEEDS[name]:
        pytest.importorskip(package, reason=f"{package} is not installed")
    path = ROOT / "examples" / f"{name}.py"
    text = path.read_text()
    for written, smaller in SMALLER.items():
        text = text.replace(written, smaller)
    found: dict[str, Any] = {"__name__": f"examples.{name}"}
    exec(compile(text, str(path), "exec"), found)
    main: Callable[..., None] = found["main"]
    return main


def test_every_example_is_here() -> None:
    assert sorted(NEEDS) == sorted(path.stem for path in (ROOT / "examples").glob("*.py"))


def test_the_plain_loop_is_short() -> None:
    lines = (ROOT / "examples/plain_loop.py").read_text().split("def main", 1)[1].splitlines()
    body = lines[: lines.index('if __name__ == "__main__":')]
    assert len([line for line in body if line.strip()]) <= 25


@pytest.mark.parametrize(
    ("name", "more"), [("plain_loop", ()), ("timm_training", ("test_resnet",))]
)
def test_a_loop_of_ones_own(
    name: str, more: tuple[str, ...], sample: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main_of(name)(str(sample / "food.beton"), 2, *more)
    lines = re.findall(r"^epoch (\d): loss \d+\.\d+", capsys.readouterr().out, re.MULTILINE)
    assert lines == ["0", "1"]


def test_the_augmenter_alone(sample: Path, tmp_path: Path, capsys: Any) -> None:
    for number, path in enumerate(sorted((sample / "food" / "train").iterdir())[:24]):
        place = tmp_path / f"class{number % 2}" / path.name
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(path.read_bytes())
    main_of("augmenter_only")(str(tmp_path), 1)
    assert re.search(r"^epoch 0: loss \d", capsys.readouterr().out, re.MULTILINE)


@pytest.mark.parametrize("name", ["accelerate_loop", "lightning_loop"])
def test_a_loop_that_is_called_again_goes_on(
    name: str, sample: Path, tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    from headrace.pipeline.planned import EpochIterator

    taken: list[tuple[int, int]] = []
    begin = EpochIterator.__next__

    def counted(self: EpochIterator) -> Any:
        loader = self._loader
        batch = begin(self)
        if loader.config.plan.train:
            taken.append(loader.position)
            if len(taken) == stop:
                raise KeyboardInterrupt
        return batch

    monkeypatch.setattr(EpochIterator, "__next__", counted)
    main, stop = main_of(name), 3
    data, folder = str(sample / "food.beton"), str(tmp_path / "run")
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        main(data, 2, folder)
        raise KeyboardInterrupt
    del taken[2]  # it was fetched, and not learnt from
    stop = 0
    main(data, 2, folder)
    steps = max(step for _, step in taken)
    assert taken == [(epoch, step) for epoch in range(2) for step in range(1, steps + 1)]
    main(data, 3, folder)
    assert [place for place in taken if place[0] == 2] == [(2, step + 1) for step in range(steps)]
    capsys.readouterr()

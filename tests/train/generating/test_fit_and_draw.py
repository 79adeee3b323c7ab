"""From records to a generator to records: training, going on with it, drawing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

import headrace.train.generate
from headrace.pipeline.containers.manifest import Manifest
from headrace.pipeline.errors import ConfigError, FailedError, HeadraceError, Interrupted
from headrace.pipeline.flat_settings import to_flat, with_values
from headrace.pipeline.records import Records
from headrace.train.clock import PHASES
from headrace.train.divergence import Diverged
from headrace.train.folder.checkpoint import CheckpointError, load_checkpoint
from headrace.train.folder.folder_lock import lock_folder
from headrace.train.folder.run_folder import make_folder
from headrace.train.generate import main as generate
from headrace.train.generating import fit as fitting
from headrace.train.generating.continuing import earlier_settings
from headrace.train.generating.draw import draw
from headrace.train.generating.draw_settings import DrawConfig
from headrace.train.generating.fit import fit
from headrace.train.generating.fit_state import Fit
from headrace.train.generating.flow_training import FlowTraining
from headrace.train.generating.generator_file import read_generator_file
from headrace.train.generating.settings import FitConfig
from headrace.train.reporting.generators.log import is_generator
from headrace.train.settings.config import RunConfig, RuntimeConfig
from tests.train.tiny_runs import assert_same, rows, write_data

TINY: dict[str, Any] = {
    "size": 16,
    "width": 8,
    "batch_size": 8,
    "epochs": 2,
    "device": "cpu",
    "amp": "off",
    "warmup_steps": 3,
    "log_every": 2,
}


def fit_config(source: Path, folder: Path, **changes: Any) -> FitConfig:
    return FitConfig(**{**TINY, "data": str(source), "out": str(folder), **changes})


def going_on(folder: Path, **changes: Any) -> FitConfig:
    return with_values(earlier_settings(str(folder)), changes)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("data") / "tiny.beton")


@pytest.fixture(scope="module")
def fitted(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fit(fit_config(data, tmp_path_factory.mktemp("fit") / "flow"))


def drawn(fitted: Path, out: Path, **changes: Any) -> Path:
    told = {"per_class": 3, "steps": 2, "device": "cpu", "amp": "off", **changes}
    return draw(DrawConfig(run=fitted, out=out, **told))


@pytest.mark.parametrize("kind", ["flow", "gan"])
def test_a_training_goes_on_to_the_same_weights(
    kind: str, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = fit(fit_config(data, tmp_path / "whole", kind=kind))
    longer = fit(fit_config(data, tmp_path / "longer", kind=kind, epochs=1))
    fit(going_on(longer, epochs=2))

    class Stop(fitting.StopRequest):
        requested = True

        def __init__(self) -> None:
            self._previous = {}

    with monkeypatch.context() as patched:
        patched.setattr(fitting, "StopRequest", Stop)
        with pytest.raises(Interrupted, match=r"saved at step 1; go on with `.* --resume "):
            fit(fit_config(data, tmp_path / "stopped", kind=kind))
    stopped = fit(going_on(tmp_path / "stopped"))
    asked = torch.load(whole / "last.pt", weights_only=True)
    for folder in (longer, stopped):
        found = torch.load(folder / "last.pt", weights_only=True)
        assert_same(found["training"], asked["training"])
        assert_same(found["weights"], asked["weights"])
        steps = [row["step"] for row in rows(folder, "steps")]
        assert steps == sorted(set(steps))


def test_weights_that_are_no_numbers_are_not_saved_over_others(
    data: Path, fitted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(fitted, folder)
    before = {name: (folder / name).read_bytes() for name in ("last.pt", "generator.pt")}
    step = FlowTraining.step

    def diverging(training: FlowTraining, *given: Any) -> dict[str, torch.Tensor]:
        losses = step(training, *given)
        if sound:
            sound.pop()
        if not sound:
            next(training.parts["model"].parameters()).data.fill_(float("nan"))
        return losses

    monkeypatch.setattr(FlowTraining, "step", diverging)
    told = r"not a number at step 1\d; last\.pt and generator\.pt in .* a lower --lr \(now 0\.001\)"
    sound: list[int] = []
    for first, what in ((5, "weight"), (2, "loss")):  # steps of an epoch: 5
        sound[:] = range(first)
        with pytest.raises(Diverged, match=f"{what} is {told}"):
            fit(going_on(folder, epochs=3))
    assert before == {name: (folder / name).read_bytes() for name in before}
    sound[:] = [0]
    with pytest.raises(Diverged, match="nothing was saved yet"):
        fit(fit_config(data, tmp_path / "new"))


@pytest.mark.parametrize(
    ("key", "wrong"), [("training", {}), ("training", "moments"), ("seconds", 3.5)]
)
def test_a_state_of_another_kind_is_named_before_a_step(
    key: str, wrong: Any, fitted: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(fitted, folder)
    content = torch.load(folder / "last.pt", weights_only=True)
    if wrong == "moments":
        wrong = content["training"]
        wrong["optimizer"]["state"][0]["exp_avg"] = torch.zeros(3, 99)
    torch.save({**content, key: wrong}, folder / "last.pt")
    with pytest.raises(
        ConfigError, match=f"cannot resume {folder}: {key} of its checkpoint is not"
    ):
        fit(going_on(folder, epochs=3))


def test_a_limit_of_time_ends_a_training_and_more_goes_on_with_it(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = fit(fit_config(data, tmp_path / "whole"))
    (end,) = rows(whole, "end")
    assert end["reason"] == "epochs" and (end["epoch"], end["step"]) == (2, 10)

    def a_minute_a_step(run: Fit) -> bool:
        return run.config.max_minutes is not None and run.step >= run.config.max_minutes

    monkeypatch.setattr(Fit, "out_of_time", property(a_minute_a_step))
    folder = fit(fit_config(data, tmp_path / "run", max_minutes=3, save_every=9))
    (end,) = rows(folder, "end")
    assert end["reason"] == "max_minutes" and (end["epoch"], end["step"]) == (0, 3)
    assert rows(folder, "steps")[-1]["step"] == 3
    said = capsys.readouterr().out
    assert "ended by --max-minutes 3, 0 of 2 epochs are done; go on with `" in said
    assert f"fit --resume {folder} --max-minutes 6`" in said
    fit(going_on(folder, max_minutes=5))  # to the end of an epoch
    (end,) = rows(folder, "end")
    assert (end["reason"], end["epoch"], end["step"]) == ("max_minutes", 1, 5)
    fit(going_on(folder, max_minutes=99))
    (end,) = rows(folder, "end")
    assert (end["reason"], end["epoch"], end["step"]) == ("epochs", 2, 10)
    asked, found = (torch.load(run / "last.pt", weights_only=True) for run in (whole, folder))
    assert_same(found["training"], asked["training"])


def test_a_flag_given_to_go_on_counts_also_where_it_is_the_usual_value(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = fit(fit_config(data, tmp_path / "run", epochs=1, warmup_steps=3, max_minutes=9))
    asked: list[FitConfig] = []

    def noted(config: FitConfig) -> Path:
        asked.append(config)
        return folder

    with monkeypatch.context() as patched:
        patched.setattr(headrace.train.generate, "fit", noted)
        words = f"fit --resume {folder} --epochs 100 --max-minutes None --no-report"
        patched.setattr("sys.argv", ["generate.py", *words.split()])
        generate()
    (config,) = asked
    assert (config.epochs, config.max_minutes, config.report) == (100, None, False)
    assert (config.size, config.warmup_steps, config.data) == (16, 3, str(data))
    for name, value in (("warmup_steps", 200), ("size", 32)):  # as usual, and not as they were
        with pytest.raises(ConfigError, match=f"a changed --{name.replace('_', '-')} "):
            fit(going_on(folder, **{name: value}))
    with pytest.raises(ConfigError, match="but a resumed run goes on in its own folder"):
        fit(going_on(folder, out=str(tmp_path / "other")))


def test_what_was_asked_for_holds_where_a_training_dies_before_it_is_saved_with_it(
    data: Path, fitted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(_: Fit) -> None:
        raise RuntimeError("killed")

    folder = tmp_path / "run"
    shutil.copytree(fitted, folder)
    with monkeypatch.context() as patched:
        patched.setattr(fitting, "save", die)
        with pytest.raises(RuntimeError, match="killed"):
            fit(going_on(folder, epochs=5, max_minutes=9.0, log_every=1))
    assert read_generator_file(folder / "last.pt")["config"]["epochs"] == 2
    config = going_on(folder)
    assert (config.epochs, config.max_minutes) == (5, 9.0)
    said = yaml.safe_load((folder / "config.yaml").read_text())
    for others in ({**said, "seed": 1}, {**said, "epochs": "more"}, {"epochs": 7}, {}):
        (folder / "config.yaml").write_text(yaml.safe_dump(others))
        assert going_on(folder).epochs == 2


def test_a_training_goes_on_from_the_file_that_was_named(fitted: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(fitted, folder)
    (folder / "last.pt").rename(folder / "old.pt")
    fit(going_on(folder / "old.pt", epochs=3))
    assert read_generator_file(folder / "last.pt")["progress"]["epoch"] == 3
    assert read_generator_file(folder / "old.pt")["progress"]["epoch"] == 2
    with pytest.raises(ConfigError, match=r"generator\.pt cannot be resumed: it lacks training"):
        fit(going_on(folder / "generator.pt", epochs=4))


def test_a_limit_that_has_passed_is_refused_and_changes_nothing(data: Path, tmp_path: Path) -> None:
    folder = fit(fit_config(data, tmp_path / "run", max_minutes=1e-9))
    log = (folder / "metrics.jsonl").read_bytes()
    assert [row["step"] for row in rows(folder, "steps")] == [1]
    with pytest.raises(ConfigError, match=r"--max-minutes is 1e-09, and .* are done already"):
        fit(going_on(folder))
    assert (folder / "metrics.jsonl").read_bytes() == log
    with pytest.raises(ConfigError, match=r"max.minutes is 0, expected above 0"):
        FitConfig(max_minutes=0)


def test_the_log_tells_where_the_time_went_and_on_what(fitted: Path) -> None:
    written = (fitted / "metrics.jsonl").read_text().splitlines()
    start, end = json.loads(written[0]), json.loads(written[-1])
    assert start["parameters"] > 1000 and start["images"] == 42
    assert start["environment"]["python"] and start["loader"]
    assert set(end["seconds"]) == {*PHASES, "total"}
    assert sum(end["shares"].values()) == pytest.approx(1, abs=0.01)


def test_it_learns(data: Path, tmp_path: Path) -> None:
    folder = fit(fit_config(data, tmp_path / "run", epochs=30, lr=3e-3, log_every=10_000))
    losses = [row["loss"] for row in rows(folder, "steps")]
    # 0.69 to 0.72 with other seeds; where nothing is learnt it is 1.
    assert np.mean(losses[-5:]) < 0.85 * np.mean(losses[:3])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data": ""}, "no data: give --data FILE"),
        ({"batch_size": 4096}, "--batch-size 4096 leaves no whole batch"),
        ({"train_split": "nowhere"}, "nowhere"),
    ],
)
def test_what_cannot_be_learnt_from_is_refused(
    changes: dict[str, Any], message: str, data: Path, tmp_path: Path
) -> None:
    with pytest.raises(HeadraceError, match=message):
        fit(fit_config(data, tmp_path / "run", **changes))
    assert not (tmp_path / "run").exists()


def test_a_folder_is_not_written_over(data: Path, fitted: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"holds a run already; .*fit --resume {fitted}`, name"):
        fit(fit_config(data, fitted))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("x")
    with pytest.raises(ConfigError, match=r"holds no run: there is thesis\.txt; name a"):
        fit(fit_config(data, tmp_path / "mine", overwrite=True))
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]
    with pytest.raises(ConfigError, match=r"a changed --size \(was 16, now 24\)"):
        fit(going_on(fitted, size=24))
    with pytest.raises(ConfigError, match=r"--epochs is 1, and 2 are done .* more than 2"):
        fit(going_on(fitted, epochs=1))


def test_a_generators_folder_becomes_a_classifiers(fitted: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(fitted, folder)
    (folder / "notes.md").write_text("x")
    assert is_generator(folder)
    make_folder(RunConfig(runtime=RuntimeConfig(out=str(folder), overwrite=True))).close()
    assert not is_generator(folder)
    assert {path.name for path in folder.iterdir()} == {"config.yaml", "notes.md"}


def test_a_training_that_was_never_saved_is_begun_again(data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with pytest.raises(ConfigError, match="does not exist; give a run folder"):
        going_on(folder)
    folder.mkdir()
    (folder / "config.yaml").write_text(yaml.safe_dump(to_flat(FitConfig())))
    with pytest.raises(ConfigError, match=f"begin it again with --out {folder} --overwrite"):
        going_on(folder)
    fit(fit_config(data, folder, epochs=1, overwrite=True))
    assert going_on(folder).epochs == 1


def test_a_folder_that_a_training_holds_is_not_gone_on_with(fitted: Path) -> None:
    with lock_folder(fitted), pytest.raises(ConfigError, match="is being written by another run"):
        fit(going_on(fitted, epochs=3))


def test_drawn_images_have_classes_names_and_a_mark(fitted: Path, tmp_path: Path) -> None:
    out = drawn(fitted, tmp_path / "made.beton")
    with Records.open(out) as made, Records.open(data_of(fitted)) as real:
        assert made.manifest.classes == real.manifest.classes
        count = len(made.manifest.classes)
        assert made.labels.tolist() == [label for label in range(count) for _ in range(3)]
        assert made.sizes(np.arange(len(made))).tolist() == [[16, 16]] * len(made)
        assert made.name(1) == f"{fitted.name}-seed0/{made.manifest.classes[0]}/000001"
        told = made.manifest.synthetic
        assert told is not None and told["generator"] == f"flow {fitted.name}"
        assert told["seed"] == 0
        assert made.decode(0).std() > 0


def data_of(fitted: Path) -> str:
    return str(read_generator_file(fitted)["config"]["data"])


def test_the_same_seed_draws_the_same_file_and_each_image_by_itself(
    fitted: Path, tmp_path: Path
) -> None:
    one, same = (drawn(fitted, tmp_path / name) for name in ("a.beton", "b.beton"))
    assert one.read_bytes() == same.read_bytes()
    other = drawn(fitted, tmp_path / "c.beton", seed=1)
    with Records.open(one) as a, Records.open(other) as c:
        name = a.manifest.classes[1]
        more = drawn(fitted, tmp_path / "d.beton", classes=(name,), per_class=70)
        with Records.open(more) as d:
            assert set(d.labels.tolist()) == {1} and d.manifest.classes == a.manifest.classes
            for number in range(3):
                assert (d.decode(number) == a.decode(3 + number)).all()
        assert (a.decode(0) != c.decode(0)).any()


def test_what_cannot_be_drawn_is_refused(fitted: Path, tmp_path: Path) -> None:
    out = drawn(fitted, tmp_path / "made.beton")
    before = out.read_bytes()
    with pytest.raises(ConfigError, match=r"made\.beton exists; name another file"):
        drawn(fitted, out)
    with pytest.raises(ConfigError, match="--classes unicorn is no class of"):
        drawn(fitted, tmp_path / "other.beton", classes=("unicorn",))
    with pytest.raises(ConfigError, match=r"expected a name that ends in \.beton"):
        drawn(fitted, tmp_path / "made.png")
    with pytest.raises(ConfigError, match="--keep-best and --judge go together"):
        drawn(fitted, tmp_path / "x.beton", keep_best=0.5)
    assert out.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["made.beton"]
    with pytest.raises(CheckpointError, match="does not exist"):
        drawn(tmp_path / "nowhere", tmp_path / "x.beton")
    with pytest.raises(FailedError, match=r"^cannot write .*/nowhere/x\.beton: No such file"):
        drawn(fitted, tmp_path / "nowhere" / "x.beton")


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("generator", {"kind": "flow"}, "its generator is .*, expected classes, kind, network"),
        ("classes", ["a"], "its generator tells 3 classes, but 1 are named"),
        ("classes", [1], r"its classes is \[1\], expected a list of"),
        ("weights", {"a": 1}, "its weights is {'a': 1}, expected tensors by name"),
        ("weights", {}, "its weights is {}, expected tensors by name"),
        ("weights", {"a": torch.zeros(1)}, "its weights are of another network"),
        ("progress", {"epoch": "x"}, "its progress is"),
        ("progress", {"epoch": 1, "step": -1}, "its progress is .*, expected epoch and step"),
        ("format", 99, "has checkpoint format 99, expected 1"),
        ("format", True, "has checkpoint format True, expected 1"),
        ("config", 3, "its config is 3"),
    ],
)
def test_a_file_with_a_wrong_field_is_refused(
    field: str, value: Any, message: str, fitted: Path, tmp_path: Path
) -> None:
    content = torch.load(fitted / "generator.pt", weights_only=True)
    torch.save({**content, field: value}, tmp_path / "generator.pt")
    with pytest.raises(CheckpointError, match=message):
        drawn(tmp_path / "generator.pt", tmp_path / "x.beton")


def test_files_of_another_kind_say_what_they_lack(fitted: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"not a checkpoint of .*train.*model"):
        load_checkpoint(fitted)
    torch.save({"format": 1, "model": {}}, tmp_path / "last.pt")
    with pytest.raises(
        CheckpointError, match=r"not a checkpoint of .*generate.* fit: it lacks gen"
    ):
        read_generator_file(tmp_path / "last.pt")


def test_the_command_names_its_steps(capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    monkeypatch.setattr("sys.argv", ["generate.py", "--help"])
    generate()
    assert "draw labelled images" in capsys.readouterr().out
    monkeypatch.setattr("sys.argv", ["generate.py", "paint"])
    with pytest.raises(ConfigError, match="'paint' is no step: expected fit, draw or judge"):
        generate()


def test_a_manifest_keeps_its_mark() -> None:
    told = {"generator": "flow x", "seed": 3}
    assert Manifest.from_json(Manifest(synthetic=told).to_json()).synthetic == told

"""A student that learns from teachers: the loss by hand, what a teacher sees, runs and resuming."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import headrace.train.run
from headrace.augment import Preprocess
from headrace.pipeline.errors import ConfigError, Interrupted
from headrace.train.command_line import read_command_line
from headrace.train.device.amp import choose_precision
from headrace.train.folder.checkpoint import load_checkpoint, save_checkpoint
from headrace.train.losses import distillation
from headrace.train.losses.cross_entropy import CrossEntropy
from headrace.train.losses.distillation import DistillConfig, soft_loss
from headrace.train.losses.teachers import Teacher, Teachers
from headrace.train.processes.stop import StopRequest
from headrace.train.run import run_training
from headrace.train.settings.config_file import from_flat, load_yaml
from headrace.train.state import Run
from headrace.train.step import add_gradient
from headrace.train.trials.settings import TrialsConfig, check_together
from tests.train.test_objectives import double_net, run_of
from tests.train.tiny_runs import assert_same_run, settings

CPU = torch.device("cpu")
EXACT = choose_precision("off", CPU)
PLAIN = Preprocess(size=8, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))


def teacher(net: nn.Module, own: Preprocess = PLAIN, given: Preprocess = PLAIN) -> Teacher:
    return Teacher(net, own, given, own.crop.shape(train=False))


def teachers(*nets: nn.Module, temperature: float = 1.0) -> Teachers:
    return Teachers([teacher(net) for net in nets], EXACT, temperature, "x")


class Constant(nn.Module):
    """Says the same of every image, and keeps what it has been shown."""

    def __init__(self, *logits: float) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.tensor(logits))
        self.shown: list[Tensor] = []

    def forward(self, images: Tensor) -> Tensor:
        assert not self.training and not torch.is_grad_enabled()
        self.shown.append(images)
        return self.logits.expand(len(images), -1)


def test_the_loss_by_hand() -> None:
    """Student logits 0 and 2 ln 3 at T = 2: a quarter and three quarters; the teachers say half."""
    logits = torch.tensor([[0.0, 2 * math.log(3)]])
    answers = torch.tensor([[0.5, 0.5]])
    divergence = 0.5 * math.log(0.5 / 0.25) + 0.5 * math.log(0.5 / 0.75)
    assert float(soft_loss(logits, answers, 2.0)) == pytest.approx(4 * divergence, rel=1e-6)
    hard = math.log(1 + 9)  # of class 0, at temperature 1: a tenth
    asked = DistillConfig(teacher=("t",), distill_temperature=2.0, hard_share=0.25)
    loss = distillation.build(asked, CrossEntropy())
    found = loss(logits, torch.tensor([0]), answers)
    assert float(found) == pytest.approx(0.25 * hard + 0.75 * 4 * divergence, rel=1e-6)
    assert float(loss(logits, torch.tensor([0]), None)) == pytest.approx(hard, rel=1e-6)
    assert float(soft_loss(logits, answers * torch.tensor([[2.0, 0.0]]), 1.0)) == pytest.approx(
        hard, rel=1e-6
    ), "a teacher that is sure is a label"


def test_the_mean_is_over_the_batch_and_the_gradient_that_of_hinton() -> None:
    """At a high temperature it tends to (z - v) / N, Hinton et al., equation 4."""
    torch.manual_seed(0)
    student = (torch.randn(5, 4) - 0.1).double().requires_grad_(True)
    told, temperature = torch.randn(5, 4).double(), 1000.0
    answers = (told / temperature).softmax(1)
    divergence = temperature**2 * F.kl_div(
        (student / temperature).log_softmax(1), answers, reduction="batchmean"
    )
    (exact,) = torch.autograd.grad(divergence, student)
    centred = (student - student.mean(1, True)) - (told - told.mean(1, True))
    torch.testing.assert_close(exact, centred.detach() / 4 / 5, rtol=0.02, atol=1e-4)
    found = float(soft_loss(student, answers.float(), 2.0).detach())
    each = [
        float(soft_loss(student[i : i + 1].detach(), answers[i : i + 1].float(), 2.0))
        for i in range(5)
    ]
    assert found == pytest.approx(sum(each) / 5, rel=1e-5)


def test_several_teachers_are_the_mean_of_their_probabilities() -> None:
    """At T = 2: 1/4 and 3/4, 1/2 and 1/2."""
    said = teachers(Constant(0.0, 2 * math.log(3)), Constant(0.0, 0.0), temperature=2.0)
    found = said(torch.zeros(3, 3, 8, 8), parts=2)
    assert found is not None and not found.requires_grad
    torch.testing.assert_close(found, torch.tensor([[0.375, 0.625]] * 3))
    assert Teachers((), EXACT, 2.0, "")(torch.zeros(3, 3, 8, 8)) is None


def test_a_teacher_sees_the_images_in_its_own_normalisation_and_size() -> None:
    own = Preprocess(size=4, mean=(0.2, 0.3, 0.4), std=(0.5, 0.25, 0.2))
    given = Preprocess(size=8, mean=(0.5, 0.4, 0.1), std=(0.1, 0.3, 0.7))
    net, bytes_ = Constant(0.0, 0.0), torch.randint(0, 256, (2, 3, 8, 8), dtype=torch.uint8)
    with torch.no_grad():
        Teacher(net, own, given, (8, 8))(given.normalise(bytes_))
        torch.testing.assert_close(net.shown[0], own.normalise(bytes_), rtol=1e-4, atol=1e-4)
        Teacher(net, own, own, (4, 4))(own.normalise(bytes_))
    expected = F.interpolate(own.normalise(bytes_), (4, 4), mode="bilinear", antialias=True)
    torch.testing.assert_close(net.shown[1], expected)


def test_a_teacher_stays_in_evaluation_and_is_not_trained() -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(192, 4), nn.BatchNorm1d(4), nn.Dropout(0.5))
    before = {name: value.clone() for name, value in net.state_dict().items()}
    said = teachers(net)
    images = torch.randn(6, 3, 8, 8)
    once, again = said(images), said(images, parts=3)
    assert once is not None and again is not None
    torch.testing.assert_close(once, again)
    assert not any(weight.requires_grad for weight in net.parameters())
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())


@pytest.mark.parametrize("soft", [False, True])
def test_parts_of_a_taught_batch_add_up(soft: bool) -> None:
    images = torch.randn(14, 3, 6, 6, dtype=torch.float64)
    targets = torch.rand(14, 4).softmax(1) if soft else torch.randint(0, 4, (14,))
    answers = torch.randn(14, 4).softmax(1)
    found = []
    for accumulate in (1, 3):
        model = double_net()
        run = run_of(model, accumulate=accumulate, teacher=["t"])
        add_gradient(run, images, targets, answers)
        found.append([weight.grad for weight in model.parameters()])
    for whole, summed in zip(*found, strict=True):
        torch.testing.assert_close(summed, whole, rtol=1e-5, atol=1e-6)
    plain = double_net()
    add_gradient(run_of(plain), images, targets)
    assert not torch.allclose(found[0][0], next(plain.parameters()).grad)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"teacher": ["t"], "distill_temperature": 0}, "--distill-temperature is 0"),
        ({"teacher": ["t"], "hard_share": 1.0}, "--hard-share is 1.0"),
        ({"hard_share": 0.5}, "--hard-share 0.5 has no teacher to weigh"),
    ],
)
def test_settings_that_cannot_work(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        from_flat(values, "test")


def test_folds_and_a_teacher_exclude_each_other() -> None:
    config = from_flat({"teacher": ["t"]}, "test")
    with pytest.raises(ConfigError, match="--folds 3 and --teacher exclude each other"):
        check_together(TrialsConfig(folds=3), config)
    check_together(TrialsConfig(repeats=3), config)


@pytest.fixture(scope="module")
def taught_by(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two teachers: one of the student's size, one of another size and normalisation."""
    folder = tmp_path_factory.mktemp("teachers")
    run_training(settings(data, folder / "same", seed=5, epochs=1))
    other = {"size": 48, "normalise": "half", "seed": 6, "epochs": 1}
    run_training(settings(data, folder / "larger", **other))
    return folder


def student(data: Path, folder: Path, taught_by: Path, **changes: Any) -> Any:
    """Mixed images, SAM and batches in parts."""
    places = [str(taught_by / "same"), str(taught_by / "larger" / "best.pt")]
    techniques = {"objective": "sam", "accumulate": 2, "hard_share": 0.25}
    return settings(data, folder, **{"teacher": places, **techniques, **changes})


@pytest.fixture(scope="module")
def whole(data: Path, taught_by: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("student") / "run"
    asked: list[int] = []
    real = Teachers.__call__

    def counted(self: Teachers, images: Tensor, parts: int = 1) -> Tensor | None:
        asked.append(parts)
        return real(self, images, parts)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Teachers, "__call__", counted)
        run_training(student(data, folder, taught_by))
    assert len(asked) == 12, "once a step, though SAM takes two gradients"
    return folder


@pytest.fixture(scope="module")
def stopped(data: Path, taught_by: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stopped") / "run"
    asked = iter(range(1, 100))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StopRequest, "agreed", lambda *rest, **named: next(asked) == 8)
        with pytest.raises(Interrupted):
            run_training(student(data, folder, taught_by))
    return folder


def test_resuming_with_another_teacher_is_refused(
    stopped: Path, taught_by: Path, tmp_path: Path
) -> None:
    resume, same = str(stopped), str(taught_by / "same")
    changed = load_checkpoint(taught_by / "same" / "best.pt")
    name = next(name for name, value in changed["weights"].items() if value.is_floating_point())
    changed["weights"][name][0] += 1e-4
    save_checkpoint(tmp_path / "changed.pt", {k: v for k, v in changed.items() if k != "format"})
    larger = str(taught_by / "larger")
    for places in ([same], [larger, same], [str(tmp_path / "changed.pt"), larger]):
        with pytest.raises(ConfigError, match=r"cannot resume: --teacher .* other weights"):
            run_training(*read_command_line(["--resume", resume, "--teacher", *places]))
    with pytest.raises(ConfigError, match=r"--teacher .*nowhere does not exist"):
        run_training(*read_command_line(["--resume", resume, "--teacher", "nowhere"]))
    with pytest.raises(ConfigError, match=r"changed --hard-share"):
        run_training(*read_command_line(["--resume", resume, "--hard-share", "0.3"]))


def test_a_taught_run_goes_on_to_the_bit_also_where_its_teachers_have_moved(
    whole: Path, stopped: Path, taught_by: Path, tmp_path: Path
) -> None:
    moved = tmp_path / "moved.pt"
    moved.write_bytes((taught_by / "same" / "best.pt").read_bytes())
    places = [str(moved), str(taught_by / "larger")]
    run_training(*read_command_line(["--resume", str(stopped), "--teacher", *places]))
    assert_same_run(whole, stopped, ("out", "teacher"))
    assert load_yaml(whole / "config.yaml").optim.distill.hard_share == 0.25


def test_a_student_begins_with_the_weights_that_it_has_alone(
    data: Path, taught_by: Path, tmp_path: Path
) -> None:
    """Teachers draw no random number of the run's."""
    begun: list[dict[str, Tensor]] = []

    def keep(run: Run, stop: StopRequest) -> None:
        begun.append({name: value.clone() for name, value in run.model.state_dict().items()})
        raise Interrupted

    for places in ([str(taught_by / "same")], []):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(headrace.train.run, "train", keep)
            with pytest.raises(Interrupted):
                run_training(settings(data, tmp_path / str(len(places)), teacher=places))
    assert all(torch.equal(value, begun[1][name]) for name, value in begun[0].items())


def test_teachers_that_cannot_teach(
    data: Path,
    taught_by: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    same = taught_by / "same"
    other = load_checkpoint(same / "best.pt")
    other["classes"] = [other["classes"][i] for i in (1, 0, 2)]
    save_checkpoint(tmp_path / "other.pt", {k: v for k, v in other.items() if k != "format"})
    refusals: list[tuple[dict[str, Any], str]] = [
        (
            {"teacher": [str(tmp_path / "other.pt")]},
            "other classes than the student: class 0",
        ),
        ({"teacher": [str(same)], "size": [32, 48]}, "32x32 px, --size 32x48 has another aspect"),
        ({"teacher": [str(same)], "out": str(same), "overwrite": True}, "would replace --teacher"),
        ({"teacher": [str(data)]}, "--teacher: .* holds packed images, and is no checkpoint"),
    ]
    for changes, message in refusals:
        with pytest.raises(ConfigError, match=message):
            run_training(settings(data, tmp_path / "new", **changes))
    assert not (tmp_path / "new").exists()
    assert (same / "best.pt").exists()
    capsys.readouterr()
    changes = {"teacher": [str(taught_by / "larger")], "train_split": "train[:50%]", "epochs": 1}
    run_training(settings(data, tmp_path / "new", **changes))
    line = next(row for row in capsys.readouterr().out.splitlines() if row.startswith("teacher: "))
    assert "48x48 px, to which each batch is resampled; it learnt from 'train', the" in line

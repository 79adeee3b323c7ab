"""Mistakes in device code that a GPU would punish now and then, and the checks that find each.

A mistake is a change to the source (tests/mutated.py); what must fail on it is the very check that
passes on the code as it is. docs/gpu.md lists them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from headrace.bench.modelling.device_functions import (
    DALI_MIXED,
    EVALUATION,
    LEVELS,
    SIZES,
    STEP_ON_CUDA,
    WARP,
)
from tests.mutated import Change, loaded
from tests.pipeline.test_streams import Journey
from tests.promises.test_device_model import check_budget

ONCE = settings(
    max_examples=200,
    stateful_step_count=30,
    phases=[Phase.generate],  # the first failure will do
    derandomize=True,
    database=None,
    deadline=None,
)


def run_machine(machine: type[RuleBasedStateMachine], **parts: Any) -> None:
    run_state_machine_as_test(type("Mutated", (machine,), parts), settings=ONCE)


class Mistake(NamedTuple):
    """A change, and the words of the failure that it has to lead to.

    Attributes:
        title: as docs/gpu.md has it.
        module: that is changed.
        change: of its source.
        failure: a regular expression.
    """

    title: str
    module: str
    change: Change
    failure: str


_COPIED = (
    "                with torch.cuda.stream(side):\n"
    "                    moved = Batch(*(async_copy(tensor, device) for tensor in batch))\n"
)
_RECORDED = "                done = side.record_event()\n"
ON_STREAMS = [
    Mistake(
        "the copy is not waited for",
        "headrace.pipeline.device",
        Change("    stream.wait_event(done)\n", ""),
        "used before its copy was waited for",
    ),
    Mistake(
        "the allocator is not told which stream uses a batch",
        "headrace.pipeline.device",
        Change("        tensor.record_stream(stream)\n", "        pass\n"),
        "the allocator is not told who uses it",
    ),
    Mistake(
        "sources are not kept until they are copied",
        "headrace.pipeline.device",
        Change("                sources.append((batch, done))\n", ""),
        "written again before its copy was over",
    ),
    Mistake(
        "sources are let go before their copy is over",
        "headrace.pipeline.device",
        Change("while sources and sources[0][1].query():", "while len(sources) > 1:"),
        "written again before its copy was over",
    ),
    Mistake(
        "an epoch that ends does not wait for the last copies",
        "headrace.pipeline.device",
        Change("        side.synchronize()  # before the last sources go\n", "        pass\n"),
        "written again before its copy was over",
    ),
    Mistake(
        "the event is recorded before the copy",
        "headrace.pipeline.device",
        Change(_COPIED + _RECORDED, _RECORDED + _COPIED),
        "used before its copy was waited for|written again",
    ),
    Mistake(
        "a view of a lent buffer does not keep it lent",
        "headrace.pipeline.buffers",
        Change("return np.asarray(loan)", "return part.reshape(rows, *shape, 3)"),
        "written again before its copy was over|bytes of",
    ),
]
"""What the journey of batches over streams finds."""


@pytest.mark.parametrize("mistake", ON_STREAMS, ids=lambda mistake: mistake.title)
def test_a_mistake_on_streams_is_found(mistake: Mistake) -> None:
    part = mistake.module.rpartition(".")[2]
    with pytest.raises(AssertionError, match=mistake.failure):
        run_machine(Journey, **{part: loaded(mistake.module, mistake.change)})


class Counted(NamedTuple):
    """A mistake that the counts find.

    Attributes:
        mistake: what is changed.
        part: of the module, dots within it: what is put in the place of the sound one.
        place: where that one is, as modules name it.
        function: of FUNCTIONS, that breaks its budget.
    """

    mistake: Mistake
    part: str
    place: str
    function: str


_SUMS = "    weights = weights * ((place >= 0) & (place < length[:, None, None]))\n"
_COLUMNS = "batch.indices, batch.labels, predicted, confidence, loss, logits"
_NARROW = "torch.bmm(planes.view(batch, side * 3, side), columns.transpose(1, 2))"
COUNTED = [
    Counted(
        Mistake(
            "the warp reads a value of its boxes",
            "headrace.pipeline.warp",
            Change(_SUMS, f"{_SUMS}    assert length.min().item() >= 0\n"),
            "waits for the device",
        ),
        "crop_resize_batch",
        "headrace.pipeline.loaders.resident.crop_resize_batch",
        WARP,
    ),
    Counted(
        Mistake(
            "the warp's weights are broadcast over rows, which copies them for each",
            "headrace.pipeline.warp",
            Change(_NARROW, "torch.matmul(planes, columns.transpose(1, 2)[:, None])"),
            "bytes at the peak",
        ),
        "crop_resize_batch",
        "headrace.pipeline.loaders.resident.crop_resize_batch",
        WARP,
    ),
    Counted(
        Mistake(
            "the resident loader waits until its boxes are on the device",
            "headrace.pipeline.loaders.resident",
            Change(
                "async_copy(torch.from_numpy(array.copy()), self._device)",
                "torch.from_numpy(array.copy()).to(self._device)",
            ),
            "waits for the device",
        ),
        "ResidentBackend._moved",
        "headrace.pipeline.loaders.resident.ResidentBackend._moved",
        LEVELS,
    ),
    Counted(
        Mistake(
            "the dali loader waits until its slots are on the device",
            "headrace.pipeline.loaders.dali",
            Change(
                "async_copy(torch.from_numpy(slots), device)", "torch.from_numpy(slots).to(device)"
            ),
            "waits for the device",
        ),
        "DaliBackend._merged",
        "headrace.pipeline.loaders.dali.DaliBackend._merged",
        DALI_MIXED,
    ),
    Counted(
        Mistake(
            "a recipe's step reads a value",
            "headrace.augment.passes",
            Change(
                "        return run(images, params, self",
                "        params.magnitude.max().item()\n        return run(images, params, self",
            ),
            "waits for the device",
        ),
        "Pass.apply",
        "headrace.augment.passes.Pass.apply",
        "recipe trivial",
    ),
    Counted(
        Mistake(
            "a step's constants travel to the device with each batch",
            "headrace.augment.preprocess",
            Change(
                "torch.cat([torch.full((1, 1, 1, 1), v, **kind) for v in values], 1)",
                "torch.tensor(values).view(1, -1, 1, 1).to(images.device)",
            ),
            "waits for the device",
        ),
        "Preprocess.normalise_batched",
        "headrace.augment.preprocess.Preprocess.normalise_batched",
        "recipe none",
    ),
    Counted(
        Mistake(
            "the training step reads its loss",
            "headrace.train.metrics.meter",
            Change("loss.detach() * len(logits)", "loss.item() * len(logits)"),
            "waits for the device",
        ),
        "Meter.add",
        "headrace.train.metrics.meter.Meter.add",
        STEP_ON_CUDA,
    ),
    Counted(
        Mistake(
            "evaluation copies what each batch says to the host",
            "headrace.train.evaluation.inference",
            Change(f"({_COLUMNS})", f"tuple(map(torch.Tensor.cpu, ({_COLUMNS})))"),
            "copied to the host",
        ),
        "answer",
        "headrace.bench.modelling.device_functions.answer",
        EVALUATION,
    ),
]


@pytest.mark.parametrize("counted", COUNTED, ids=lambda counted: counted.mistake.title)
def test_a_mistake_that_counts_tell_is_found(
    counted: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_budget(counted.function, SIZES[0])
    changed: Any = loaded(counted.mistake.module, counted.mistake.change)
    for name in counted.part.split("."):
        changed = getattr(changed, name)
    monkeypatch.setattr(counted.place, changed)
    with pytest.raises(AssertionError, match=counted.mistake.failure):
        check_budget(counted.function, SIZES[0])


def test_the_guide_lists_every_mistake() -> None:
    guide = Path(__file__).resolve().parents[2] / "docs" / "gpu.md"
    titles = [m.title for m in (*ON_STREAMS, *(c.mistake for c in COUNTED))]
    rows = [line.split("|")[1].strip() for line in guide.read_text().splitlines() if "|" in line]
    assert [title for title in titles if title not in rows] == []

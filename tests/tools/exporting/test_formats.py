"""What every format writes, opened again."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch

from headrace.augment.preprocess import Preprocess
from headrace.pipeline.errors import ConfigError
from headrace.tools.export import ExportConfig, export
from headrace.tools.exporting.comparing import compare, evaluation_pixels
from headrace.tools.exporting.description import weights_hash
from headrace.tools.exporting.formats import FORMATS, format_of
from headrace.tools.exporting.network import WholeNetwork
from headrace.tools.exporting.placing import PLACING
from headrace.tools.exporting.program import program_of
from headrace.tools.exporting.trial_images import trials
from headrace.train.evaluation.members import load_members
from headrace.train.models import MODELS
from tests.builders import photo
from tests.tools.exporting.made_up_checkpoints import (
    CLASSES,
    SUFFIXES,
    checkpoint_of,
    needs_onnx,
    small_checkpoint,
)

SLOW_ONES = [
    pytest.param(".onnx", mode, marks=[needs_onnx, *([pytest.mark.slow] if number else [])])
    for number, mode in enumerate(PLACING)
]
QUICK_ONES = [(suffix, mode) for suffix in (".pt2", ".safetensors") for mode in PLACING]


@pytest.mark.parametrize(("suffix", "mode"), [*SLOW_ONES, *QUICK_ONES])
def test_any_size_and_number_in_every_geometry(suffix: str, mode: str, tmp_path: Path) -> None:
    run = small_checkpoint(tmp_path / "run", size=(16, 24), eval_mode=mode)
    out = tmp_path / f"out{suffix}"
    export(ExportConfig(paths=(str(run), str(out))))
    opened = format_of(out).read(out, "")
    assert opened.description.classes == CLASSES and opened.description.run == "run"
    preprocess = Preprocess.from_dict(opened.description.preprocess)
    (member,) = load_members([str(run)])
    model = member.model(torch.device("cpu"), "").eval()
    for count, height, width in [(1, 1, 1), (1, 7, 5), (5, 40, 30), (2, 1, 9)]:
        images = np.stack([photo(i, height, width) for i in range(count)])
        logits, probabilities = opened.answer(images)
        assert logits.shape == probabilities.shape == (count, len(CLASSES))
        pixels = np.stack([evaluation_pixels(image, preprocess) for image in images])
        with torch.no_grad():
            expected = model(preprocess.normalise(torch.from_numpy(pixels).permute(0, 3, 1, 2)))
        assert np.allclose(logits, expected.numpy(), atol=0.02)
        assert np.allclose(probabilities, expected.softmax(1).numpy(), atol=0.005)
        for image, row in zip(images, logits, strict=True):  # alone as in company
            assert np.allclose(opened.answer(image[None])[0][0], row, atol=1e-4)


@needs_onnx
def test_onnx_says_what_it_is(tmp_path: Path) -> None:
    import onnx

    out = tmp_path / "out.onnx"
    export(ExportConfig(paths=(str(small_checkpoint(tmp_path / "run")), str(out))))
    model = onnx.load(out)
    onnx.checker.check_model(model)
    (given,) = model.graph.input
    dims = [dim.dim_param or dim.dim_value for dim in given.type.tensor_type.shape.dim]
    assert given.name == "images" and dims == ["batch", "height", "width", 3]
    assert given.type.tensor_type.elem_type == onnx.TensorProto.UINT8
    assert [value.name for value in model.graph.output] == ["logits", "probabilities"]
    for value in model.graph.output:
        dims = [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim]
        assert dims == ["batch", 3]
    said = {entry.key: entry.value for entry in model.metadata_props}
    assert said["run"] == "run" and said["classes"] == '["apple pie", "bäckerei", "c"]'


ALL_MODELS = [
    "small-resnet",
    *(pytest.param(name, marks=pytest.mark.slow) for name in MODELS if name != "small-resnet"),
]


@pytest.mark.parametrize("name", ALL_MODELS)
def test_every_model_of_ours_has_a_graph(name: str, tmp_path: Path) -> None:
    _check_graph(checkpoint_of(tmp_path, name, Preprocess(size=32)), ".pt2")


@needs_onnx
@pytest.mark.parametrize("name", ALL_MODELS)
def test_a_spatial_transformer_in_front_of_every_model(name: str, tmp_path: Path) -> None:
    run = checkpoint_of(tmp_path, name, Preprocess(size=32), spatial_transformer=True)
    _check_graph(run, ".onnx")


@needs_onnx
@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["timm:test_vit", "timm:test_convnext", "torchvision:regnet_y_400mf"]
)
def test_models_of_libraries(name: str, tmp_path: Path) -> None:
    size = 160 if "vit" in name else 64
    _check_graph(checkpoint_of(tmp_path, name, Preprocess(size=size)), ".onnx")


def _check_graph(run: Path, suffix: str) -> None:
    (member,) = load_members([str(run)])
    model = member.model(torch.device("cpu"), "").eval()
    out = run / f"out{suffix}"
    export(ExportConfig(paths=(str(run), str(out))))
    found = compare(
        format_of(out).read(out, ""), model, member.preprocess, trials(member, "").batches
    )
    assert found.largest < 0.01 and found.num_images == 9


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("content", ["nothing", "noise", "another"])
def test_a_file_that_is_no_export_is_one_line(suffix: str, content: str, tmp_path: Path) -> None:
    path = tmp_path / f"x{suffix}"
    path.write_bytes({"nothing": b"", "noise": b"\x01\x02 noise" * 99}.get(content, b""))
    if content == "another":
        path.write_bytes(_of_others(suffix))
    with pytest.raises(ConfigError, match=r"cannot be opened|does not say what it is") as caught:
        format_of(path).read(path, "")
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)


def _of_others(suffix: str) -> bytes:
    """A sound file of the format that has nothing of ours in it."""
    file = io.BytesIO()
    if suffix == ".safetensors":
        from safetensors.torch import save

        return bytes(save({"a": torch.zeros(1)}))
    layer = torch.nn.Linear(1, 1)
    program = torch.export.export(layer, (torch.zeros(1, 1),))
    if suffix == ".pt2":
        torch.export.save(program, file)
        return file.getvalue()
    made = torch.onnx.export(program, (), None, verbose=False)
    return bytes(made.model_proto.SerializeToString())


def test_the_hash_of_weights_is_of_names_and_values() -> None:
    a, b = torch.arange(6.0), torch.tensor(3)
    whole = weights_hash({"a": a, "b": b})
    assert whole == weights_hash({"b": b, "a": a})
    others = [{"a": a, "c": b}, {"a": a.view(2, 3), "b": b}, {"a": a + 1, "b": b}, {"a": a}]
    assert whole not in map(weights_hash, others)


def test_other_names_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"x.pth: expected a name that ends in .onnx, .pt2, .saf"):
        format_of(Path("x.pth"))
    assert len(FORMATS) == 3


def test_a_program_has_free_axes(tmp_path: Path) -> None:
    (member,) = load_members([str(small_checkpoint(tmp_path / "run"))])
    model = member.model(torch.device("cpu"), "")
    program = program_of(WholeNetwork(model, member.preprocess)).module()
    assert program(torch.zeros(4, 9, 2, 3, dtype=torch.uint8))[1].shape == (4, 3)

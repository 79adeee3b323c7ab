"""What one training run is: frozen settings, checked here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, get_args

import yaml
from tyro.constructors import PrimitiveConstructorSpec

from headrace.pipeline.crops.settings import CropConfig
from headrace.pipeline.crops.size_schedule import check_epochs
from headrace.pipeline.flat_settings import flag_of
from headrace.pipeline.limits import check_limits
from headrace.pipeline.loaders.settings import DecodeConfig
from headrace.pipeline.plan import PlanConfig
from headrace.pipeline.yaml_text import read_yaml
from headrace.train.models.places import with_whole_path
from headrace.train.settings.optim import OptimConfig
from headrace.train.settings.technique import check, check_choice
from headrace.train.settings.views import ViewConfig

CompileName = Literal["auto", "on", "off", "reduce-overhead"]
AmpName = Literal["auto", "bf16", "fp16", "off"]
LogName = Literal["none", "wandb", "mlflow"]
NormaliseName = Literal["auto", "data", "imagenet", "half", "none", "model"]


def _recipe_of(words: list[str]) -> Any:
    if not words[0].lstrip().startswith("["):
        return words[0]
    try:
        return read_yaml(words[0])
    except ValueError as error:
        raise ValueError(f"is not a YAML list: {error}") from None


def _recipe_text(recipe: Any) -> list[str]:
    if isinstance(recipe, str):
        return [recipe]
    return [yaml.safe_dump(recipe, default_flow_style=True, width=10_000).strip()]


def _data_of(words: list[str]) -> str | tuple[str, ...]:
    if not words:
        raise ValueError("expected a file at least")
    return words[0] if len(words) == 1 else tuple(words)


_DATA_FLAG = PrimitiveConstructorSpec(
    nargs="*",
    metavar="FILE [FILE[:SHARE] ...]",
    instance_from_str=_data_of,
    is_instance=lambda value: isinstance(value, str | tuple),
    str_from_instance=lambda value: [value] if isinstance(value, str) else list(value),
)
_RECIPE_FLAG = PrimitiveConstructorSpec(
    nargs=1,
    metavar="NAME|LIST",
    instance_from_str=_recipe_of,
    is_instance=lambda value: isinstance(value, str | list),
    str_from_instance=_recipe_text,
)


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """Where the images come from, which of them, how often, and how they are cut and decoded."""

    data: Annotated[str | tuple[str, ...], _DATA_FLAG] = ""
    """.beton file, WebDataset shards, or an image folder; or several packed files with the first
    one's classes, joined split by split. FILE:0.3, not the first, makes up 0.3 of each training
    epoch, drawn anew every time."""
    crop: CropConfig = field(default_factory=CropConfig)
    batch_size: int = 128
    """Samples per optimiser step, over all processes together."""
    train_split: str = "train"
    """Split to learn from, or several: train+val, fold*-fold2, train[:10%], train-@bad.txt."""
    val_split: str = "val"
    """Split to measure on after every epoch, or several, as with --train-split; nothing is measured
    with none, or where there is no val."""
    sampling: str = "shuffle"
    """How often each training sample comes: shuffle (all once), balanced (classes alike), or a file
    of weights, one for each record (.npy or text)."""
    aug_repeats: int = 1
    """Times in a row that each training sample comes, with other crops and augmentation."""
    drop_last: bool = False
    """Leave out the last, incomplete batch of an epoch."""
    limit_batches: int = 0
    """Use only this many batches of each split per epoch (0: all), those of validation spread over
    all classes; for a quick try."""
    decode: DecodeConfig = field(default_factory=DecodeConfig)

    def __post_init__(self) -> None:
        check_limits(self)
        if not isinstance(self.data, str):
            check(len(self.data) > 0, "data", self.data, "a file at least")
            one = self.data[0] if len(self.data) == 1 else tuple(self.data)
            object.__setattr__(self, "data", one)  # a list of one is that one
        crop = self.crop
        for flag, shape in (("size", crop.shape(train=True)), ("eval_size", crop.shape(False))):
            check(min(shape) >= 8, flag, getattr(crop, flag), "8 to 4096 pixels")
        words = " ".join(crop.size_schedule)
        check(min(map(min, crop.shapes)) >= 8, "size_schedule", words, "sides of 8 to 4096 pixels")
        check(self.limit_batches >= 0, "limit_batches", self.limit_batches, "0 or more")
        PlanConfig(batch_size=self.batch_size, repeats=self.aug_repeats)  # which checks the rest

    def plan(self, train: bool, epochs: int, seed: int = 0) -> PlanConfig:
        """The settings of the training or the validation split's plan, for one process.

        Args:
            train: whether of training.
            epochs: of the run.
            seed: of the run.
        """
        repeats = self.aug_repeats if train else 1
        return PlanConfig(
            crop=self.crop,
            epochs=epochs,
            batch_size=self.batch_size,
            repeats=repeats,
            train=train,
            seed=seed,
        )


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """What is trained, and on which images it learns."""

    model: str = "resnet18-strided"
    """homework-cnn, report-resnet (-unpooled, -deep, -dropout), resnet18, resnet18-cifar,
    resnet18-strided, airbench, small-resnet, timm:NAME, torchvision:NAME, hub:OWNER/REPOSITORY:NAME
    or hub:FOLDER:NAME (torch.hub), or FILE.py:FUNCTION for one of your own."""
    pretrained: bool = False
    """Start from published weights (timm:, torchvision: and hub: only; needs the network)."""
    weights: str = ""
    """Start a new run from the weights alone in this file (.safetensors, .pth, .pt) or run folder,
    without the last layer where the classes are others."""
    dropout: float = 0.0
    """Dropout probability in front of the last linear layers."""
    spatial_transformer: bool = False
    """Put a spatial transformer in front, which learns to turn, shift and scale each image."""
    whitening: bool = False
    """First layer (of airbench) from the training images' patches, and not trained."""
    activation_checkpointing: bool = False
    """Compute activations twice instead of keeping them: less memory, about a third more time."""
    sync_bn: bool = False
    """Under torchrun, on CUDA: batch normalisation over the batch of all processes, not over each
    one's share."""
    normalise: NormaliseName = "auto"
    """Mean and deviation that the model's input is freed of: the data's, ImageNet's, 0.5 and 0.5
    (half), 0 and 1 (none), or those that its first weights were trained with (model); auto: the
    latter with --pretrained, or --weights that tell them, else the data's."""
    recipe: Annotated[Any, _RECIPE_FLAG] = "report"
    """Augmentation recipe: its name, or a list of steps as in YAML: '[hflip, {op: rotate}]'."""

    def __post_init__(self) -> None:
        check_limits(self)
        # A run is resumed and its checkpoints are used from other working directories too.
        object.__setattr__(self, "model", with_whole_path(self.model))
        both = "no --pretrained beside it: a model starts from one or the other"
        check(not (self.weights and self.pretrained), "weights", self.weights, both)
        check_choice("normalise", self.normalise, get_args(NormaliseName))
        starts = bool(self.weights or self.pretrained)
        from_weights = "another: it is those of --pretrained or --weights, and neither is there"
        check(starts or self.normalise != "model", "normalise", self.normalise, from_weights)
        check(0 <= self.dropout < 1, "dropout", self.dropout, "from 0 to below 1")
        check(isinstance(self.recipe, str | list), "recipe", self.recipe, "a name or a list")


@dataclass(frozen=True, kw_only=True)
class RuntimeConfig:
    """Where and how the run is carried out."""

    out: str = ""
    """Run folder; by default runs/DATA-MODEL-NUMBER."""
    overwrite: bool = False
    """Replace the run that --out holds."""
    seed: int = 0
    """Fixes the weights at the start, the order, the crops, the augmentation and the dropout."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""
    amp: AmpName = "auto"
    """Mixed precision; auto: bf16 where the hardware has it, else fp16 on CUDA, else off."""
    compile: CompileName = "auto"
    """torch.compile; auto: on CUDA only, as on a CPU it seldom earns back its own time;
    reduce-overhead: as on, and the model's kernels are recorded and replayed as CUDA graphs."""
    deterministic: bool = False
    """Only algorithms that give the same numbers every time: slower, and an operation that has none
    ends the run with its name."""
    log_every: int = 20
    """Steps between two log rows; the only points in an epoch where the device is waited for."""
    save_every: int = 0
    """Write last.pt every so many steps besides every epoch (0: epochs only)."""
    tensorboard: bool = True
    """Write TensorBoard events into the run folder."""
    tensorboard_media: bool = False
    """Write into them too: the model's graph and an augmented batch at the start, the features of
    held-out images at the end."""
    log: LogName = "none"
    """Send what is logged to a service, through its own client: wandb (Weights & Biases) or mlflow;
    its environment variables hold, WANDB_MODE=offline say."""
    profile: bool = False
    """Record a few steps for torch's profiler: trace.json.gz in the run folder, which
    ui.perfetto.dev and chrome://tracing show."""
    report: bool = True
    """Write report.html into the run folder at the end: curves, classes, mistakes, a map (needs the
    extra `report`)."""

    def __post_init__(self) -> None:
        check(0 <= self.seed < 2**63, "seed", self.seed, "from 0 to 2**63 - 1")
        check_choice("amp", self.amp, get_args(AmpName))
        check_choice("compile", self.compile, get_args(CompileName))
        check_choice("log", self.log, get_args(LogName))
        both = "off: --no-tensorboard leaves nothing to write it into"
        check(self.tensorboard or not self.tensorboard_media, "tensorboard_media", True, both)
        check(self.log_every >= 1, "log_every", self.log_every, "at least 1")
        check(self.save_every >= 0, "save_every", self.save_every, "0 or more")
        check_limits(self)


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """One training run, and how its models predict later.

    Field names are unique over the parts, so flags and YAML keys are flat.
    """

    data: DataConfig = field(default_factory=DataConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    runtime: RuntimeConfig = field(default_factory=RuntimeConfig)
    views: ViewConfig = field(default_factory=ViewConfig)

    def __post_init__(self) -> None:
        schedule = self.data.crop.size_schedule
        check_epochs(schedule, self.optim.epochs, flag_of("size_schedule"))
        several = self.optim.several_passes
        once = f"on or auto: a CUDA graph is for one pass a step, and {several} takes several"
        graphs = self.runtime.compile == "reduce-overhead"
        check(not (graphs and several), "compile", self.runtime.compile, once)


# What a resumed run may change: none of these alters which numbers are computed from which
# samples, save for rounding. Everything else would turn the continued run into another one.
# Teachers may have been moved; that they are the same is checked by their fingerprint.
FREE_ON_RESUME = frozenset(
    "data loader workers on_bad_sample check_bytes patience out overwrite device amp compile "
    "log_every save_every tensorboard report pretrained weights activation_checkpointing "
    "resident_memory tta tta_weight tta_scales deterministic profile teacher log "
    "tensorboard_media".split()
)
STARTS = ("weights", "pretrained")
"""What a run begins with: one that goes on may leave it out, but would pass over another."""
LONGER = frozenset({"epochs", "schedule_from"})
"""What a resumed run may change to be trained longer; what that does to the learning rate is said
(train/schedules/longer.py)."""

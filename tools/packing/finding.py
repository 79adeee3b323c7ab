"""Finds the samples of a source as its user asks, and keeps how, so that they are found again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from headrace.pipeline.errors import ConfigError
from headrace.pipeline.layouts.config import LayoutConfig
from headrace.pipeline.layouts.discovery import discover
from headrace.pipeline.layouts.listing import Listing
from headrace.pipeline.layouts.splitting import make_folds, take_validation


@dataclass(frozen=True, kw_only=True)
class FindConfig:
    """How samples, labels and splits are found.

    Attributes:
        layout: what is known of the layout.
        val_fraction: move this share of train into val.
        folds: divide train into so many folds.
        seed: of the two.
    """

    layout: LayoutConfig = field(default_factory=LayoutConfig)
    val_fraction: float | None = None
    folds: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.folds is not None and self.val_fraction is not None:
            raise ConfigError("--folds and --val-fraction exclude each other: choose one")


def find_samples(source: Path, config: FindConfig) -> Listing:
    """The listing of a folder, or of a list file in it, with its splits divided as asked.

    Raises:
        ConfigError, RecordsError: see `discover`, `make_folds` and `take_validation`.
    """
    listing = discover(source, config.layout)
    if config.folds is not None:
        return make_folds(listing, config.folds, config.seed)
    if config.val_fraction is not None:
        return take_validation(listing, config.val_fraction, config.seed)
    return listing


def to_json(config: FindConfig, source: Path) -> dict[str, Any]:
    """Whatever is not as it is by default, as plain JSON values.

    Files below the source are kept relative to it, so that the source may be moved.
    """
    values: dict[str, Any] = {}
    for part in (config, config.layout):
        for spec in fields(part):
            value = getattr(part, spec.name)
            if spec.name != "layout" or part is config.layout:
                values[spec.name] = _plain(value, _root(source))
    plain = to_json_defaults()
    return {key: value for key, value in values.items() if value != plain[key]}


def to_json_defaults() -> dict[str, Any]:
    """The keys of `to_json`, each as it is by default."""
    found, layout = FindConfig(), LayoutConfig()
    values = {s.name: getattr(found, s.name) for s in fields(found) if s.name != "layout"}
    values |= {s.name: getattr(layout, s.name) for s in fields(layout)}
    return {key: _plain(value, None) for key, value in values.items()}


def found_again(kept: Mapping[str, Any], given: FindConfig, source: Path) -> FindConfig:
    """The settings that a pack kept; whatever is given now goes before them.

    Raises:
        ConfigError: see `from_json`; or the two contradict each other.
    """
    return from_json({**kept, **to_json(given, source)}, source)


def from_json(values: Mapping[str, Any], source: Path) -> FindConfig:
    """Reads what `to_json` made.

    Args:
        values: from a file, and so from anywhere.
        source: the folder or list file to look in.

    Raises:
        ConfigError: a setting that this version does not know, or of another shape.
    """
    unknown = sorted(values.keys() - to_json_defaults().keys())
    if unknown:
        raise unknown_settings(f"the setting {unknown[0]}")
    layout_names = {spec.name for spec in fields(LayoutConfig)}
    layout: dict[str, Any] = {k: _tuples(v) for k, v in values.items() if k in layout_names}
    if "lists" in layout:
        layout["lists"] = tuple(_found_path(str(path), source) for path in layout["lists"])
    if layout.get("class_names") is not None:
        layout["class_names"] = _found_path(str(layout["class_names"]), source)
    rest = {k: v for k, v in values.items() if k not in layout_names}
    try:
        return FindConfig(layout=LayoutConfig(**layout), **rest)
    except TypeError as error:
        raise ConfigError(f"the file's settings of its layout are damaged: {error}") from None


def unknown_settings(what: str) -> ConfigError:
    """The complaint about a file to check whose settings are not those of this version."""
    return ConfigError(
        f"the file to check was packed with {what} that this version does not know; use the "
        "version of Headrace that packed it, or a newer one"
    )


def _plain(value: Any, root: Path | None) -> Any:
    if isinstance(value, Path):
        if root is None:
            return str(value)
        # Given relative to where the user stands or, as lists may be, to the source.
        path = (value if value.exists() else root / value).absolute()
        inside = path.is_relative_to(root.absolute())
        return str(path.relative_to(root.absolute())) if inside else str(path)
    if isinstance(value, tuple):
        return [_plain(entry, root) for entry in value]
    return value


def _tuples(value: Any) -> Any:
    return tuple(_tuples(entry) for entry in value) if isinstance(value, list) else value


def _root(source: Path) -> Path:
    return source.parent if source.is_file() else source


def _found_path(path: str, source: Path) -> Path:
    below = _root(source) / path
    return below if below.exists() else Path(path)

"""Models of torch.hub: of a repository on GitHub, or of a folder with a hubconf.py.

Source: docs.pytorch.org/docs/stable/hub.html.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from headrace.pipeline.errors import ConfigError
from headrace.train.models.head import num_outputs, replace_head
from headrace.train.models.places import hub_place
from headrace.train.models.published import Published, cannot_build
from headrace.train.models.spec import ModelSpec


def build(name: str, spec: ModelSpec, pretrained: bool) -> Published:
    """The model that a hubconf.py calls by the last part of `name`, with our classes.

    torch.hub asks in the terminal before it runs a repository's code for the first time.

    Raises:
        ConfigError: for a folder or a model that is not there, or an option that it does not take.
        HeadraceError: if published weights cannot be fetched.
    """
    place, entry, is_folder = hub_place(name)
    if spec.dropout:
        raise ConfigError(f"--dropout: hub:{name} has no dropout that could be set; leave it out")
    if is_folder and not (Path(place) / "hubconf.py").is_file():
        raise ConfigError(f"--model hub:{name}: there is no {Path(place) / 'hubconf.py'}")
    model = _load(place, entry, is_folder, name, pretrained)
    if not isinstance(model, nn.Module):
        raise ConfigError(f"--model hub:{name} is a {type(model).__name__}, expected a model")
    found = num_outputs(model, spec)
    if found != spec.num_classes and not replace_head(model, found, spec.num_classes):
        raise ConfigError(
            f"--model hub:{name} tells {found} classes, and no last layer of so many outputs was "
            f"found to replace by one of {spec.num_classes}; wrap it in a file of your own: "
            "--model FILE.py:FUNCTION"
        )
    return Published(model, found if pretrained else None)


def _load(place: str, entry: str, is_folder: bool, name: str, pretrained: bool) -> Any:
    """Loads with `pretrained`, which hub models by convention take, or without it where not."""
    source = "local" if is_folder else "github"
    choices: list[dict[str, Any]] = [{"pretrained": pretrained}]
    if not pretrained:
        choices.append({})
    for keywords in choices:
        try:
            return torch.hub.load(place, entry, source=source, trust_repo="check", **keywords)
        except EOFError:
            raise ConfigError(
                f"--model hub:{name} runs code of {place}, and torch.hub asks first: answer it "
                "once in a terminal, or download the repository and name its folder"
            ) from None
        except Exception as error:  # the code of a repository raises what it likes
            takes_none = isinstance(error, TypeError) and "'pretrained'" in str(error)
            if takes_none and pretrained:
                raise ConfigError(
                    f"--pretrained: hub:{name} takes no such option; leave it out, or give a file "
                    "with --weights"
                ) from None
            if not takes_none or keywords is choices[-1]:
                raise cannot_build(f"hub:{name}", pretrained, error) from None
    raise AssertionError("the last choice returns or raises")

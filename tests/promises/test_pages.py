"""Pages lead to what is there, and their commands are ones that the commands take."""

from __future__ import annotations

import ast
import importlib
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from headrace import Preprocess, build_augmenter
from headrace.pipeline import flags
from headrace.pipeline.command_line import SCRIPTS
from headrace.pipeline.flat_settings import flag_of, setting_types
from headrace.tools.documenting.command_pages import STEPS, page_of
from headrace.tools.documenting.help_text import Group, help_of
from headrace.tools.documenting.site_hook import API, COPIES, FOLDER, SETTINGS
from headrace.train import command_line
from headrace.train.settings.config_file import load_yaml
from headrace.train.settings.rooms import ROOMS, settings_kind
from tests.promises.written_pages import PAGES, ROOT, Command, anchors, blocks, commands, links
from tests.promises.written_pages import flags as flags_in
from tests.source_code import parsed

DOCS = ROOT / "docs"
MADE = {
    DOCS / place
    for place in (*map(page_of, SCRIPTS), SETTINGS, API, f"{FOLDER}/index.md", *COPIES.values())
}
"""Pages that there are in the site only."""
OTHERS = set(
    "--nproc-per-node --nnodes --max-restarts --requeue --rdzv-endpoint --rdzv-id --rdzv-backend "
    "--optim --loss --build-arg --spec --from --gpus --pyargs --index-url".split()
)
"""Flags of torchrun, Slurm, pip, pipx, docker and so on, and ours that begin longer ones."""


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    for place, heading in links(page):
        target = (page.parent / place).resolve() if place else page
        if page.is_relative_to(DOCS) and target in MADE:
            continue
        assert target.exists(), f"{page}: {place}"
        assert not heading or heading in anchors(target), f"{page}: {place}#{heading}"


@pytest.mark.parametrize("overview", ["index.md", "how-to/index.md"])
def test_an_overview_leads_to_every_how_to(overview: str) -> None:
    page = DOCS / overview
    named = {(page.parent / place).resolve() for place, _ in links(page) if place}
    assert named >= {*(DOCS / "how-to").glob("*.md")} - {DOCS / "how-to/index.md"}


def test_pages_that_the_code_names_are_there() -> None:
    places = [ROOT / "dev", ROOT / "mkdocs.yml", ROOT / "Dockerfile"]
    places += (ROOT / ".github").rglob("*.yml")
    for folder in ("pipeline", "augment", "train", "tools", "bench", "examples", "tests"):
        places += [*(ROOT / folder).rglob("*.py"), *(ROOT / folder).rglob("*.yaml")]
    for path in places:
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        for page in re.findall(r"(?<![\w./])docs/[\w/-]+\.(?:md|png)", text):
            assert (ROOT / page).is_file(), f"{path} names {page}"


class Parsed(BaseException):
    """A command line has been read; the command's work would come now."""


@pytest.fixture
def no_work(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Lets every command end when its flags have been read, and believes in files that it names."""
    for folder in ("data", "photos", "imagenet/train"):
        (tmp_path / folder).mkdir(parents=True)
    monkeypatch.chdir(tmp_path)

    def read(settings: Any, check: Any = flags.check_limits) -> None:
        check(settings)
        raise Parsed

    monkeypatch.setattr(flags, "check_limits", read)
    begun = (command_line.CommandLine(), Path("runs"))
    monkeypatch.setattr(command_line, "_resumed", lambda resume: begun)
    monkeypatch.setattr(command_line, "load_yaml", lambda path: begun[0].run)


def written_commands() -> list[Command]:
    return [command for page in PAGES for command in commands(page)]


@pytest.mark.usefixtures("no_work")
@pytest.mark.parametrize("command", written_commands(), ids=str)
def test_a_command_is_one_that_its_parser_takes(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = importlib.import_module(
        f"headrace.{SCRIPTS[command.word].removesuffix('.py').replace('/', '.')}"
    )
    monkeypatch.setattr(sys, "argv", ["headrace", *filter("--quiet".__ne__, command.words)])
    try:
        module.main()
    except Parsed:
        return
    except SystemExit as end:
        assert not end.code  # --help


def test_a_wrong_flag_would_be_found(no_work: None, monkeypatch: pytest.MonkeyPatch) -> None:
    module = importlib.import_module("headrace.tools.pack")
    monkeypatch.setattr(sys, "argv", ["headrace", "data", "a.beton", "--dry"])
    with pytest.raises(flags.ConfigError, match="--dry-run"):
        module.main()


def test_every_page_with_commands_is_read() -> None:
    """What finds commands finds them."""
    found = written_commands()
    assert len(found) > 60
    assert {"pack", "train", "predict", "bench throughput"} <= {command.word for command in found}
    assert any(command.words[:2] == ("--data", "food11.beton") for command in found)


@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p, "python")], ids=name_of)
def test_code_imports_what_there_is(page: Path) -> None:
    found = [parsed(code, str(page)) for code in blocks(page, "python")]
    for node in (node for tree in found for node in ast.walk(tree)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("headrace"):
            module = importlib.import_module(node.module or "")
            assert all(hasattr(module, alias.name) for alias in node.names), ast.unparse(node)


@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p, "yaml")], ids=name_of)
def test_settings_in_yaml_are_ones_of_a_run(page: Path, tmp_path: Path) -> None:
    for text in blocks(page, "yaml"):
        (tmp_path / "run.yaml").write_text(text)
        config = load_yaml(str(tmp_path / "run.yaml"))
        build_augmenter(config.model.recipe, num_classes=3, preprocess=Preprocess(size=32))


@cache
def groups_of_helps() -> list[Group]:
    steps = [(word, step) for word in SCRIPTS for step in STEPS.get(word, ("",))]
    return [group for word, step in steps for group in help_of(word, *filter(None, [step])).groups]


def known_flags() -> Iterator[str]:
    for group in groups_of_helps():
        yield from (name for flag in group.flags for name in flag.names)
    for room, techniques in ROOMS.items():
        for technique in techniques:
            yield from map(flag_of, setting_types(settings_kind(room, technique)))


def test_flags_in_the_prose_exist() -> None:
    # The changelog and the guide for contributors speak of pytest's and of former ones, too.
    pages = [page for page in PAGES if page.name not in ("CHANGELOG.md", "CONTRIBUTING.md")]
    known = {*known_flags(), *OTHERS, "--help-all", "--quiet", "--version"}
    known |= {f"--no-{flag[2:]}" for flag in known}
    wrong = {name_of(page): sorted(flags_in(page) - known) for page in pages}
    assert {page: found for page, found in wrong.items() if found} == {}


def test_helps_name_commands_by_their_words() -> None:
    """What is installed has no scripts."""
    for group in groups_of_helps():
        told = " ".join([group.about, *(flag.about for flag in group.flags)])
        assert not [path for path in SCRIPTS.values() if path in told], told


def test_dataclasses_of_the_settings_page_are_whole() -> None:
    from headrace.tools.documenting.setting_pages import setting_page
    from headrace.train.settings.config import RunConfig

    text = setting_page()
    for name in setting_types(RunConfig):
        assert f"<code>{name.replace('_', '&#95;')}</code>" in text
    assert "MISSING" not in text and "dataclass" not in text.partition("## Of a training run")[2]

"""What services and containers read names what there is: workflows, templates, Dockerfile."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
FORMS = (ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml")
TEMPLATES = sorted(path for path in FORMS if path.stem != "config")


def read(path: Path) -> dict[Any, Any]:
    found = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


def steps(path: Path) -> list[dict[str, Any]]:
    return [step for job in read(path)["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_calls_what_there_is(path: Path) -> None:
    document = read(path)
    assert document["name"] == path.stem and document[True]  # YAML takes `on` for true
    assert document["permissions"] == {"contents": "read"}
    usage = subprocess.run([ROOT / "dev"], capture_output=True, text=True).stdout
    for job in document["jobs"].values():
        assert job["timeout-minutes"]
    for step in steps(path):
        assert "@" in step.get("uses", "@")
        for word in re.findall(r"\./dev ([\w-]+)", step.get("run", "")):
            assert f"./dev {word}" in usage, word


def test_every_python_is_tested() -> None:
    low, high = re.findall(r'requires-python = ">=3\.(\d+),<3\.(\d+)"', PROJECT)[0]
    tested = read(ROOT / ".github/workflows/tests.yml")["jobs"]["tests"]["strategy"]["matrix"]
    assert tested["python"] == [f"3.{minor}" for minor in range(int(low), int(high))]


def test_publishing_needs_no_password_and_a_word_of_the_owner() -> None:
    text = (ROOT / ".github/workflows/publish.yml").read_text(encoding="utf-8")
    publish = read(ROOT / ".github/workflows/publish.yml")["jobs"]["publish"]
    assert "secrets." not in text and "password" not in text.partition("name: publish")[2]
    assert publish["permissions"] == {"id-token": "write"} and publish["needs"] == "build"
    assert publish["if"] and publish["environment"]


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_a_template_is_a_form(path: Path) -> None:
    form = read(path)
    assert {"name", "description", "body"} <= set(form)
    asked = [part for part in form["body"] if part["type"] != "markdown"]
    ids = [part["id"] for part in asked]
    assert len(set(ids)) == len(ids) > 2
    assert all(part["attributes"]["label"] for part in asked)
    assert any(part.get("validations", {}).get("required") for part in asked)


def test_the_container_is_made_of_what_there_is() -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert lines[0].startswith("ARG BASE=") and lines[1] == "FROM ${BASE}"
    for line in lines:
        if line.startswith("COPY "):
            assert all((ROOT / name).exists() for name in line.split()[1:-1]), line
    for bound in re.findall(r'"(torch(?:vision)?>=[\d.]+)"', text):
        assert f'"{bound}"' in PROJECT
    extras = re.findall(r"EXTRAS=([\w,]+)", text)
    named = {extra for group in extras for extra in group.split(",")}
    assert named and all(re.search(rf"^{extra} = \[", PROJECT, re.MULTILINE) for extra in named)
    arguments = set(re.findall(r"--build-arg (\w+)=", text))
    assert arguments == set(re.findall(r"^ARG (\w+)=", text, re.MULTILINE))
    # Folders of the package, which its links lead to.
    for link in (ROOT / "headrace").iterdir():
        assert not link.is_symlink() or f"COPY {link.name} {link.name}" in lines

"""Two builds are the same bytes, and version, tag and changelog agree or are refused."""

from __future__ import annotations

import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

import headrace
from headrace.pipeline.errors import ConfigError, FailedError
from headrace.tools import release
from headrace.tools.release import check_readable, check_version, digest
from headrace.tools.releasing.steady_archive import exported

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 1_700_000_000
pytestmark = pytest.mark.skipif(not shutil.which("git"), reason="git is not installed")


def committed(folder: Path) -> Path:
    """A checkout of what is in this one, so that it does not matter what is committed here."""
    source = folder / "checkout"
    names = ["pyproject.toml", "README.md", "LICENSE", "headrace/__init__.py", "headrace/py.typed"]
    names += ["headrace/__main__.py", "tools/__init__.py", "tools/pack.py", "headrace/tools"]
    for name in names:
        place = source / name
        place.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_symlink():
            place.symlink_to((ROOT / name).readlink())
        else:
            place.write_bytes((ROOT / name).read_bytes())
    (source / "tools/pack.py").chmod(0o755)
    (source / "left-out.txt").write_text("git does not follow this")
    for words in (["init", "-q"], ["add", *names]):
        subprocess.run(["git", "-C", str(source), *words], check=True)
    return source


def test_two_builds_are_the_same_bytes(tmp_path: Path) -> None:
    pytest.importorskip("build")
    source = committed(tmp_path)
    (tmp_path / "scratch").mkdir()
    made = release.built_twice(source, tmp_path / "scratch", SECONDS)
    assert [path.suffix for path in made] == [".whl", ".gz"]
    with zipfile.ZipFile(made[0]) as wheel:
        assert {info.date_time for info in wheel.infolist()} == {(2023, 11, 14, 22, 13, 20)}
        assert {info.external_attr >> 16 & 0o777 for info in wheel.infolist()} == {0o644}
    pytest.importorskip("twine")
    check_readable(made)


def test_builds_that_differ_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def built(source: Path, out: Path, seconds: int) -> list[Path]:
        out.mkdir()
        (out / "a.whl").write_text(str(source))
        return [out / "a.whl"]

    monkeypatch.setattr(release, "_built", built)
    (tmp_path / "scratch").mkdir()
    with pytest.raises(FailedError, match=r"two builds of a\.whl differ"):
        release.built_twice(committed(tmp_path), tmp_path / "scratch", SECONDS)


def test_what_git_follows_is_copied(tmp_path: Path) -> None:
    source = committed(tmp_path)
    exported(source, tmp_path / "copy")
    assert not (tmp_path / "copy/left-out.txt").exists()
    assert (tmp_path / "copy/headrace/tools").is_symlink()
    assert (tmp_path / "copy/tools/pack.py").stat().st_mode & 0o777 == 0o755
    assert digest(source / "README.md") == digest(tmp_path / "copy/README.md")


def test_a_folder_that_is_no_checkout(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"is no checkout of git: .*a release is of a commit"):
        exported(tmp_path, tmp_path / "copy")


@pytest.mark.parametrize("tag", ["", "v1.2.3"])
def test_a_version_that_all_agree_on(tag: str) -> None:
    check_version("1.2.3", tag, "# Changelog\n\n## 1.2.3\n\n## 1.2.2\n")


@pytest.mark.parametrize(
    ("tag", "changelog", "said"),
    [
        ("v1.2.4", "## 1.2.3", "the tag is v1.2.4, .* says 1.2.3: expected v1.2.3"),
        ("1.2.3", "## 1.2.3", "the tag is 1.2.3, .* expected v1.2.3"),
        ("v1.2.3", "## 1.2.2", "CHANGELOG.md begins with 1.2.2"),
        ("", "# Changelog", "begins with no version"),
    ],
)
def test_a_version_that_they_do_not_agree_on(tag: str, changelog: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        check_version("1.2.3", tag, changelog)


def test_this_version_could_be_released() -> None:
    check_version(headrace.__version__, "", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))

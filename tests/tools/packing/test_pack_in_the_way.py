"""A pack removes, truncates and replaces no name that it did not make."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from headrace.pipeline.errors import ConfigError
from headrace.pipeline.records import Records
from headrace.tools.pack import main
from headrace.tools.packing import renames
from tests.builders import jpeg_bytes, photo

OUTPUTS = ("o.beton", "o/", "o.tar")
_LONGEST_NAME_BYTES = 255


@pytest.fixture
def source(tmp_path: Path) -> str:
    (tmp_path / "in" / "a").mkdir(parents=True)
    (tmp_path / "in" / "a" / "x.jpg").write_bytes(jpeg_bytes(photo(1, 24, 32)))
    return str(tmp_path / "in")


@pytest.fixture(params=["renameat2", "plain"])
def system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """With what Linux offers, and with what every system has."""
    if request.param == "plain":
        monkeypatch.setattr(renames, "_system_call", lambda: None)
        monkeypatch.delattr(os, "O_TMPFILE")
        monkeypatch.delattr(os, "setxattr")
    return request.param


def _content(folder: Path) -> dict[str, bytes | None]:
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


@pytest.mark.parametrize("name", OUTPUTS)
def test_every_neighbour_survives(tmp_path: Path, source: str, name: str, system: str) -> None:
    out = tmp_path / "out"
    for folder in ("o.old", "o.tar.old", "o.tar.shards", "o.tar.shards.part", "o.shards.part"):
        (out / folder).mkdir(parents=True)
        (out / folder / "mine.tar").write_bytes(b"mine")
    for file in ("o.beton.old", "o.beton.tmp", "o.npz", "o.tar.idx", "headrace.npz"):
        (out / file).write_bytes(b"mine")
    before = _content(out)
    for options in ([], ["--force"]):
        assert main([source, f"{out}/{name}", *options]) == 0
    after = _content(out)
    assert after.items() >= before.items()
    mine = {"o.beton"} if name == "o.beton" else {"o.tar", "o.idx", "o.headrace.npz"}
    if name == "o/":
        mine = {"o", "o/headrace.npz", "o/train-000000.tar", "o/train-000000.idx"}
    assert after.keys() - before.keys() == mine
    assert len(Records.open(out / name)) == 1


@pytest.mark.parametrize("options", [[], ["--force"]])
@pytest.mark.parametrize("part", ["download", "empty", "beton", "folder", "link", "no link"])
@pytest.mark.parametrize("name", OUTPUTS)
def test_a_part_of_somebody_elses_is_in_the_way(
    tmp_path: Path, source: str, name: str, part: str, options: list[str], system: str
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    there = out / (name.strip("/") + ".part")
    if part == "folder":
        there.mkdir()
        (there / "train-000000.tar").write_bytes(b"mine")
    elif part in ("link", "no link"):
        there.symlink_to(out / "target")
        if part == "link":
            (out / "target").write_bytes(b"mine")
    elif part == "beton":  # all of a download, not renamed yet
        assert main([source, str(tmp_path / "x.beton")]) == 0
        (tmp_path / "x.beton").rename(there)
    else:  # a browser's download in progress begins empty
        there.write_bytes(b"" if part == "empty" else b"\0" * 100)
    before = _content(out)
    with pytest.raises(ConfigError, match=rf"{name.strip('/')}\.part is in the way; move it"):
        main([source, f"{out}/{name}", *options])
    assert _content(out) == before


@pytest.mark.parametrize("beside", ["o.idx", "o.headrace.npz"])
def test_an_index_without_its_tar_is_in_the_way(
    tmp_path: Path, source: str, beside: str, system: str
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / beside).write_text("v1.2 1\njpg 1536 9 0.jpg\n")
    before = _content(out)
    for options in ([], ["--force"]):
        with pytest.raises(ConfigError, match=rf"{beside} is in the way; move it"):
            main([source, str(out / "o.tar"), *options])
    assert _content(out) == before


@pytest.mark.parametrize("beside", ["o.idx", "o.headrace.npz"])
def test_what_does_not_belong_to_a_tar_is_not_replaced_with_it(
    tmp_path: Path, source: str, beside: str
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    assert main([source, str(out / "o.tar")]) == 0
    (out / beside).write_bytes(b"# a subtitle index, say")
    before = _content(out)
    with pytest.raises(ConfigError, match=rf"{beside} is in the way; move it"):
        main([source, str(out / "o.tar"), "--force"])
    assert _content(out) == before
    (out / beside).unlink()
    assert main([source, str(out / "o.tar"), "--force"]) == 0


def test_a_tar_with_the_index_of_wds2idx_is_replaced_by_force(tmp_path: Path, source: str) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "o.tar").write_bytes(b"another")
    (out / "o.idx").write_text("v1.2 1\njpg 1536 9 0.jpg\n")
    assert main([source, str(out / "o.tar"), "--force"]) == 0
    assert sorted(_content(out)) == ["o.headrace.npz", "o.idx", "o.tar"]
    assert len(Records.open(out / "o.tar")) == 1


@pytest.mark.parametrize("stranger", ["home.tar", "notes.idx", "features.npz", "x.txt"])
@pytest.mark.parametrize("packed", [True, False])
def test_a_folder_that_holds_more_than_our_shards_is_never_replaced(
    tmp_path: Path, source: str, stranger: str, packed: bool
) -> None:
    out = tmp_path / "shards"
    if packed:
        assert main([source, f"{out}/"]) == 0
    else:
        out.mkdir()
    (out / stranger).write_bytes(b"mine")
    np.savez(tmp_path / "other.npz", shards=np.array([1]))
    before = _content(out)
    with pytest.raises(ConfigError, match=rf"holds more than shards .*{stranger}"):
        main([source, f"{out}/", "--force"])
    assert _content(out) == before


def test_what_comes_while_a_pack_runs_is_not_replaced(
    tmp_path: Path, source: str, monkeypatch: pytest.MonkeyPatch, system: str
) -> None:
    from headrace.tools.packing.tally import Tally

    out = tmp_path / "out"
    out.mkdir()
    manifest = Tally.manifest
    for name, comes in (
        ("o.beton", "o.beton"),
        ("o/", "o"),
        ("o.tar", "o.tar"),
        ("p.tar", "p.idx"),
    ):

        def arrive(*arguments: object, comes: str = comes) -> object:
            (out / comes).write_bytes(b"mine")
            return manifest(*arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(Tally, "manifest", arrive)
        with pytest.raises(ConfigError, match=rf"out/{comes} (exists|is in the way|is a file)"):
            main([source, f"{out}/{name}"])
        assert _content(out) == {comes: b"mine"}
        (out / comes).unlink()


def test_a_part_that_was_replaced_while_it_was_written(
    tmp_path: Path, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from headrace.tools.packing.tally import Tally

    out = tmp_path / "out"
    out.mkdir()
    manifest = Tally.manifest

    def replace(*arguments: object) -> object:
        part = next(out.glob("*.part"))
        part.unlink()
        part.write_bytes(b"mine")
        return manifest(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Tally, "manifest", replace)
    for name in OUTPUTS:
        with pytest.raises(ConfigError, match="was removed or replaced"):
            main([source, f"{out}/{name}"])
        assert _content(out) == {f"{name.strip('/')}.part": b"mine"}
        next(out.glob("*.part")).unlink()


def test_a_part_that_names_a_folder_of_somebody_elses(tmp_path: Path, source: str) -> None:
    from headrace.tools.packing.claim import MARK

    out = tmp_path / "out"
    (out / "precious").mkdir(parents=True)
    for name in (b"precious", b"../in", b"o.beton.part-0000000g", b"\0", b"."):
        (out / "o.beton.part").write_bytes(MARK + name + b"\n")
        assert main([source, str(out / "o.beton"), "--force"]) == 0
        assert sorted(_content(out)) == ["o.beton", "precious"]
    assert Path(source).is_dir()


def test_a_link_stays_and_what_it_leads_to_is_written(
    tmp_path: Path, source: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """As of every other output; `NAME.part` lies beside the file, not beside the link."""
    out, real = tmp_path / "out", tmp_path / "real"
    out.mkdir()
    real.mkdir()
    for name in OUTPUTS:
        assert main([source, f"{real}/{name}"]) == 0
        (out / name).symlink_to(Path("..") / "real" / name)
    Image.fromarray(photo(2, 24, 32)).save(Path(source) / "a" / "y.jpg")
    for name in OUTPUTS:
        capsys.readouterr()
        assert main([source, f"{out}/{name}", "--force"]) == 0
        assert (out / name).is_symlink() and len(Records.open(real / name)) == 2
        assert capsys.readouterr().out.startswith(f"{real / name}: 2 images")
    assert sorted(p.name for p in out.iterdir()) == ["o", "o.beton", "o.tar"]
    assert len(Records.open(out / "o")) == len(Records.open(out / "o.beton")) == 2


def test_a_link_may_lead_to_what_is_not_there_yet(tmp_path: Path, source: str) -> None:
    links = {"o.beton": "later.beton", "lost.beton": "nowhere/x.beton", "o.tar": "blob"}
    for name, target in {**links, "loop.beton": "loop.beton"}.items():
        (tmp_path / name).symlink_to(target)
    for name, words in {
        "lost.beton": "nowhere does not exist; make it first",
        "o.tar": r"o\.tar leads to .*blob: expected a name that ends in \.tar",
        "loop.beton": r"loop\.beton exists; pass --force",
        "o.beton": r"later\.beton exists; pass --force",
    }.items():
        if name == "o.beton":
            assert main([source, f"{tmp_path}/{name}"]) == 0
        with pytest.raises(ConfigError, match=words):
            main([source, f"{tmp_path}/{name}"])
    assert (tmp_path / "o.beton").is_symlink()
    assert len(Records.open(tmp_path / "later.beton")) == 1


@pytest.mark.parametrize("ending", [".beton", ".tar", "/"])
def test_a_name_may_be_as_long_as_the_file_system_takes(
    tmp_path: Path, source: str, ending: str, system: str
) -> None:
    beside = ".headrace.npz" if ending == ".tar" else ending.strip("/")  # the longest name there is
    name = "ä" + "n" * (_LONGEST_NAME_BYTES - 2 - len(beside)) + ending
    out = tmp_path / "out"
    out.mkdir()
    for options in ([], ["--force"]):
        assert main([source, f"{out}/{name}", *options]) == 0
    assert len(Records.open(out / name)) == 1
    assert not [path for path in out.iterdir() if ".part" in path.name]


def test_a_name_that_is_too_long_for_what_lies_beside_it_is_refused(
    tmp_path: Path, source: str
) -> None:
    with pytest.raises(ConfigError, match=r"headrace\.npz is too long: expected a name of at most"):
        main([source, f"{tmp_path}/{'n' * 250}.tar"])
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


@pytest.mark.parametrize("suffix", ["", ".tar"])
def test_the_data_set_itself_is_not_replaced_by_force(
    tmp_path: Path, source: str, suffix: str
) -> None:
    image, table = Path(source) / "a" / "x.jpg", Path(source) / "list.csv"
    table.write_text("a/x.jpg,1\n")
    targets = [image.with_name(f"y.jpg{suffix}"), table.with_name(f"other.csv{suffix}")]
    for target, like in zip(targets, (image, table), strict=True):
        target.write_bytes(like.read_bytes())
    (tmp_path / "link.beton").symlink_to(image)
    before = _content(tmp_path)
    for given in (source, str(table)):
        for target in [*targets, tmp_path / "link.beton"]:
            with pytest.raises(
                ConfigError, match="is a file of the data set itself; choose another"
            ):
                main([given, str(target), "--force"])
    assert _content(tmp_path) == before


def test_a_record_file_may_lie_in_the_data_set(source: str) -> None:
    for options in ([], ["--force"]):
        assert main([source, f"{source}/o.beton", *options]) == 0


@pytest.mark.skipif(not Path("/dev/stdout").exists(), reason="needs devices with names")
@pytest.mark.parametrize("force", [False, True])
def test_a_device_is_not_replaced_by_force(force: bool, tmp_path: Path) -> None:
    """It would be, by root: a standard output that is a file looks like one that may be."""
    code = (
        "from pathlib import Path\n"
        "from headrace.tools.packing.output import Output, check_output\n"
        f"check_output(Output(path=Path('/dev/stdout'), force={force}), claimed=False)"
    )
    with (tmp_path / "out").open("wb") as out:
        run = subprocess.run([sys.executable, "-c", code], stdout=out, stderr=subprocess.PIPE)
    assert b"ConfigError: /dev/stdout is a pipe or a device; choose another name" in run.stderr


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes with names")
def test_a_pipe_is_not_replaced_by_force(tmp_path: Path, source: str) -> None:
    os.mkfifo(tmp_path / "pipe.beton")
    with pytest.raises(ConfigError, match="is a pipe or a device"):
        main([source, str(tmp_path / "pipe.beton"), "--force"])
    assert (tmp_path / "pipe.beton").is_fifo()

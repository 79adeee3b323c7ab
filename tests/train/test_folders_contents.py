"""What lies in a folder: a run to replace or to go on with, or what is nobody's to touch."""

from __future__ import annotations

from pathlib import Path

import pytest

from headrace.pipeline.errors import ConfigError
from headrace.train.folder.resume import begun_folder, earlier_folder, hold_earlier
from headrace.train.folder.run_folder import begin_folder, make_folder
from tests.train.run_folders import OF_CLASSIFIER, OF_GENERATOR, config, content, old_run


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_of_something_else_is_refused_and_named(overwrite: bool, tmp_path: Path) -> None:
    folder = old_run(tmp_path / "photos", "b.jpg", "a.jpg", "c.jpg", "d.jpg", "e.jpg")
    before = content(folder)
    with pytest.raises(ConfigError) as error:
        make_folder(config(folder, overwrite=overwrite))
    assert str(error.value) == (
        f"--out {folder} is not empty and holds no run: there is a.jpg, b.jpg, c.jpg and 2 more; "
        "name a folder that is new or empty"
    )
    assert content(folder) == before


CLASSIFIER = ("last.pt", "best.pt", "adapter.pt", "log.txt", "trace.json.gz")
GENERATOR = ("last.pt", "generator.pt")
BOTH = ("config.yaml", "metrics.jsonl", "report.html", "events.out.tfevents.17.host")


def generator_folder(folder: Path, *, overwrite: bool = False) -> None:
    begin_folder(str(folder), overwrite, lambda: folder, lambda: OF_GENERATOR).close()


@pytest.mark.parametrize("old", [CLASSIFIER, GENERATOR], ids=["classifier", "generator"])
@pytest.mark.parametrize("new", ["classifier", "generator"])
def test_a_run_of_either_kind_is_replaced_and_what_is_no_runs_stays(
    old: tuple[str, ...], new: str, tmp_path: Path
) -> None:
    theirs = {"notes.md", "suspects.csv", ".gitignore"}
    said = OF_GENERATOR if old is GENERATOR else OF_CLASSIFIER
    names = (*old, *BOTH, *theirs, ".generator.pt.12345678")
    folder = old_run(tmp_path / "run", *names, settings=said)

    def begin(overwrite: bool) -> None:
        if new == "generator":
            generator_folder(folder, overwrite=overwrite)
        else:
            make_folder(config(folder, overwrite=overwrite)).close()

    command = "generate.* fit" if old is GENERATOR else "train[^ ]*"
    message = f"holds a run already; continue it with `.*{command} --resume {folder}`, name another"
    before = content(folder)
    with pytest.raises(ConfigError, match=message):
        begin(overwrite=False)
    assert content(folder) == before
    begin(overwrite=True)
    assert {path.name for path in folder.iterdir()} == {"config.yaml", *theirs}
    assert ((folder / "config.yaml").read_text() == OF_GENERATOR) == (new == "generator")


@pytest.mark.parametrize("saved", [True, False])
def test_what_a_generator_does_not_write_is_not_cleared_with_it(
    saved: bool, tmp_path: Path
) -> None:
    theirs = {"log.txt", "trace.json.gz"}
    ours = ("config.yaml", "metrics.jsonl", *(GENERATOR if saved else ()))
    folder = old_run(tmp_path / "run", *ours, *theirs, settings=OF_GENERATOR)
    with pytest.raises(ConfigError, match=f"`.*generate.* fit --resume {folder}`"):
        generator_folder(folder)
    generator_folder(folder, overwrite=True)
    assert {path.name for path in folder.iterdir()} == {"config.yaml", *theirs}


@pytest.mark.parametrize("name", sorted({*CLASSIFIER, *GENERATOR, *BOTH} - {"config.yaml"}))
def test_names_that_others_use_too_make_no_run(name: str, tmp_path: Path) -> None:
    folder = old_run(tmp_path / "seeds", "trials.yaml", name)
    before = content(folder)
    for begin in (make_folder, lambda asked: generator_folder(folder, overwrite=True)):
        with pytest.raises(ConfigError, match=f"holds no run: there is {name}, trials.yaml; name"):
            begin(config(folder, overwrite=True))
    assert content(folder) == before


@pytest.mark.parametrize(
    "settings",
    [
        "model: {name: vit}\noptimizer: adamw\nlr: 0.1\nseed: 1\nout: x\n",
        "data: food11.beton\nlr: 0.002  # as in the paper\n",
        "[train_split, out, on_bad_sample]",
        "train_split: {",
        "",
    ],
    ids=["another program's", "ours to begin with", "a list", "damaged", "empty"],
)
def test_a_config_yaml_that_no_run_has_written_makes_none(settings: str, tmp_path: Path) -> None:
    """Whatever lies beside it stays, and is not gone on with."""
    folder = old_run(tmp_path / "run", *BOTH, "log.txt", "best.pt", settings=settings)
    before = content(folder)
    refusal = r"holds no run: there is best\.pt, config\.yaml, events"
    for overwrite in (False, True):
        with pytest.raises(ConfigError, match=refusal):
            make_folder(config(folder, overwrite=overwrite))
        with pytest.raises(ConfigError, match=refusal):
            generator_folder(folder, overwrite=overwrite)
    with pytest.raises(ConfigError, match=r"holds no run: neither last\.pt nor a run's config"):
        earlier_folder(str(folder))
    assert begun_folder(str(folder)) == ""
    assert content(folder) == before


@pytest.mark.parametrize("start", ["last.pt", "mine.pt"])
@pytest.mark.parametrize("theirs", sorted({*CLASSIFIER, *GENERATOR, *BOTH}))
def test_a_checkpoint_beside_another_programs_files_is_not_gone_on_with(
    theirs: str, start: str, tmp_path: Path
) -> None:
    """They would be cut back to where it was taken, or replaced."""
    if theirs == start:
        return
    folder = old_run(tmp_path / "run", start, theirs, "notes.md", settings="lr: 0.1")
    before = content(folder)
    wanted = rf"holds {theirs} and no config\.yaml of a run, .*go on with {start} in a folder of"
    with pytest.raises(ConfigError, match=wanted):
        hold_earlier(str(folder / start))
    assert content(folder) == before
    (folder / theirs).unlink()
    hold_earlier(str(folder / start)).close()


def test_refusals_send_nobody_in_circles(tmp_path: Path) -> None:
    folder = old_run(tmp_path / "weights", "best.pt", "metrics.jsonl")
    with pytest.raises(ConfigError, match=r"neither last\.pt nor a run's config\.yaml"):
        earlier_folder(str(folder))
    with pytest.raises(ConfigError) as error:
        make_folder(config(folder))
    assert "holds no run: there is best.pt, metrics.jsonl; name" in str(error.value)
    assert "--resume" not in str(error.value) and "--overwrite" not in str(error.value)
    assert {p.name for p in folder.iterdir()} == {"best.pt", "metrics.jsonl"}
    with pytest.raises(
        ConfigError, match=r"nope does not exist; give a run folder or its last\.pt"
    ):
        earlier_folder(str(tmp_path / "nope"))

"""The report of a pack in a manifest: it reads back, also from files of other versions."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.pipeline.containers.manifest import Manifest, manifest_bytes, read_manifest
from headrace.pipeline.containers.pack_report import Double, LeftOut, PackReport, PassedOver
from headrace.pipeline.errors import RecordsError

texts = st.text(max_size=8) | st.just("caf\udce9")
reports = st.builds(
    PackReport,
    layout=texts,
    why=texts,
    taken=st.tuples(texts),
    passed_over=st.tuples(st.builds(PassedOver, name=texts, reason=texts)),
    notes=st.tuples(texts, texts),
    settings=st.just({"layout": {"merge": ["train", "val"]}, "encode": {"quality": 90}}),
    stored=st.dictionaries(texts, st.integers(0, 9), max_size=2),
    left_out=st.tuples(
        st.builds(
            LeftOut, kind=texts, reason=texts, count=st.integers(0, 9), examples=st.tuples(texts)
        )
    ),
    beyond=st.integers(0, 9),
    alike=st.tuples(st.tuples(texts, texts)),
    doubles=st.tuples(
        st.builds(
            Double,
            what=texts,
            count=st.integers(0, 9),
            among=st.dictionaries(texts, st.integers(0, 9), max_size=2),
            examples=st.tuples(st.tuples(st.tuples(texts, texts), st.tuples(texts, texts))),
        )
    ),
)


@given(reports)
def test_a_report_reads_back(report: PackReport) -> None:
    manifest = Manifest(classes=("a",), report=report)
    back, _ = read_manifest(np.frombuffer(manifest_bytes(manifest, ["x.jpg"]), np.uint8))
    assert back == manifest


def test_files_of_other_versions_open() -> None:
    values = Manifest(classes=("a", "b")).to_json()
    assert "report" not in values  # as every file was before there were reports
    assert Manifest.from_json(values).report is None
    values |= {"captions": ["new"], "report": {"layout": "list", "mood": 3}}
    report = Manifest.from_json(values).report
    assert report == PackReport(layout="list")


@pytest.mark.parametrize(
    "report",
    [
        3,
        {"taken": "train.txt"},
        {"left_out": [{"kind": "skipped"}]},
        {"stored": {"encoded": "many"}},
        {"doubles": [{"what": "", "count": 1, "among": {}, "examples": [[["a"]]]}]},
        {"settings": {"layout": 3}},
    ],
)
def test_a_damaged_report_is_refused(report: object) -> None:
    values = json.loads(json.dumps(Manifest().to_json() | {"report": report}))
    with pytest.raises(RecordsError, match="the manifest is damaged"):
        Manifest.from_json(values)

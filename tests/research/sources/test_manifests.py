"""Manifests: every kind people bring, and a sentence with the line for what means nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from research.errors import FetchError
from research.sources import Selection, parse_manifest, read_manifest

TCIA = """downloadServerUrl=https://public.cancerimagingarchive.net/nbia-download/servlet/DownloadServlet
includeAnnotation=true
noOfrRetry=4
databasketId=manifest-1596054785471.tcia
manifestVersion=3.0
ListOfSeriesToDownload=
1.3.6.1.4.1.14519.5.2.1.1
1.3.6.1.4.1.14519.5.2.1.2
1.3.6.1.4.1.14519.5.2.1.1
"""
S5CMD = """# To download, install s5cmd and run: s5cmd --no-sign-request run manifest.txt
cp s3://idc-open-data/0a1b2c3d-0000-4000-8000-000000000001/* .
cp "s3://idc-open-data-two/0a1b2c3d-0000-4000-8000-000000000002/*" somewhere/
"""


def test_tcia() -> None:
    assert parse_manifest(TCIA) == Selection(
        series=("1.3.6.1.4.1.14519.5.2.1.1", "1.3.6.1.4.1.14519.5.2.1.2")
    )
    assert parse_manifest(TCIA.replace("\n", "\r\n")) == parse_manifest(TCIA)


def test_s5cmd() -> None:
    assert parse_manifest(S5CMD).addresses == (
        "s3://idc-open-data/0a1b2c3d-0000-4000-8000-000000000001/*",
        "s3://idc-open-data-two/0a1b2c3d-0000-4000-8000-000000000002/*",
    )
    bare = "s3://idc-open-data/0a1b2c3d-0000-4000-8000-000000000001/\n"
    assert parse_manifest(bare).addresses == (parse_manifest(S5CMD).addresses[0],)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("1.2.3\n1.2.4\n", Selection(series=("1.2.3", "1.2.4"))),
        ("SeriesInstanceUID,Modality\n1.2.3,CT\n1.2.4,MR\n", Selection(series=("1.2.3", "1.2.4"))),
        ("Subject ID\tSeries UID\nP1\t1.2.3\n", Selection(series=("1.2.3",))),
        ("PatientID\nLIDC-IDRI-0001\n", Selection(patients=("LIDC-IDRI-0001",))),
        ("StudyInstanceUID\n1.2\n", Selection(studies=("1.2",))),
        ('{"collection": "A", "patients": ["p"]}', Selection(collection="A", patients=("p",))),
        ('{"series": ["1.2"], "modalities": ["CT"]}', Selection(series=("1.2",), modalities=("CT",))),
    ],
)
def test_other_lists(text: str, wanted: Selection) -> None:
    assert parse_manifest(text) == wanted


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "holds no line"),
        ("# nothing\n", "holds no line"),
        (TCIA.replace("5.2.1.2", "5.2.1.x"), "line 8 is no SeriesInstanceUID"),
        (TCIA.replace("5.2.1.2", "5.02.1.2"), "line 8"),
        (TCIA.split("1.3.6")[0], "line 6 is followed by no"),
        (TCIA.replace("ListOfSeriesToDownload=\n", ""), "line 6 comes before"),
        ("manifestVersion=3.0\n", "has no line ListOfSeriesToDownload="),
        (S5CMD + "rm -rf /\n", "line 4 is no `cp"),
        ("cp s3://bucket/../*", "line 1"),
        ("cp\ncp s3://bucket/a/* .", "line 1"),
        ("PatientID\n", "line 1"),
        ("SeriesInstanceUID\n1.2\nx\n", "line 3 has no SeriesInstanceUID"),
        ("1.2.3\nMRN-12345\n", "line 2"),
        ("{", "is no JSON"),
        ('{"patient": ["x"]}', "fields that mean nothing"),
        ('{"patients": "x"}', "a list of texts as patients"),
        ('{"collection": 3}', "a text as collection"),
        ('{"series": ["x"]}', "no UID"),
        ('{"modalities": ["CT"]}', "narrows nothing"),
    ],
)
def test_what_means_nothing_is_told_by_line_and_never_quoted(text: str, told: str) -> None:
    with pytest.raises(FetchError) as caught:
        parse_manifest(text, name="list.txt")
    assert caught.value.code == "bad-manifest"
    assert "list.txt" in caught.value.reason
    assert told in caught.value.reason
    assert "MRN" not in str(caught.value)


def test_files(tmp_path: Path) -> None:
    (tmp_path / "a.tcia").write_text("\ufeff" + TCIA, encoding="utf-8")
    assert len(read_manifest(tmp_path / "a.tcia").series) == 2
    with pytest.raises(FetchError, match=r"no manifest b\.tcia"):
        read_manifest(tmp_path / "b.tcia")
    (tmp_path / "c").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(FetchError, match="UTF-8"):
        read_manifest(tmp_path / "c")


@given(st.text(max_size=200))
def test_any_text_is_a_selection_or_a_sentence(text: str) -> None:
    code, found = "bad-manifest", None
    try:
        found = parse_manifest(text)
    except FetchError as error:
        code = error.code
    assert code == "bad-manifest"
    assert found is None or not found.is_open

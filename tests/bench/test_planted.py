"""The planted corpus: the same for the same seed, readable, and an answer key that can be met completely."""

from __future__ import annotations

import csv
import hashlib
import json
from collections import defaultdict
from pathlib import Path

import pydicom
import pytest
from pydicom.uid import ExplicitVRLittleEndian

from bench.planted.corpus import ROOT, Corpus, generate
from bench.planted.key import rules, types
from deid.scoring import load_answers, score
from deid.scoring.beyond import intervals, references, residue
from deid.scoring.values import quiet, read_output

SEED, PATIENTS = 14, 5  # every kind of study is among them


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Corpus:
    return generate(tmp_path_factory.mktemp("planted"), SEED, PATIENTS)


def mapping(folder: Path, corpus: Corpus, new) -> tuple[Path, Path]:
    uids, patients = set(), set()
    for instance in load_answers(corpus.answers):
        for answer in instance.answers:
            if answer.action == "uid_consistent":
                uids.add(answer.value)
            elif answer.action == "patid_consistent":
                patients.add(answer.value)
    paths = []
    for name, found in (("uid", uids), ("patid", patients)):
        path = folder / f"{name}_mapping.csv"
        with path.open("w", newline="") as stream:
            csv.writer(stream).writerows(
                [("id_old", "id_new"), *((one, new(name, one)) for one in sorted(found))]
            )
        paths.append(path)
    return paths[0], paths[1]


def alias(_name: str, old: str) -> str:
    return f"2.25.{int(hashlib.sha256(old.encode()).hexdigest()[:20], 16)}"


def element_at(ds, path: str):
    """(data set or item that holds it, tag) of an address."""
    steps = path.split("[<")
    for step in steps[1:]:
        number, _, rest = step.partition(">]")
        holder, tag = element_in(ds, steps[0])
        ds = holder[tag].value[int(number)]
        steps[0] = rest
    return element_in(ds, steps[0])


def element_in(ds, label: str):
    body = label.strip("<>()")
    if '"' not in body:
        return ds, int(body.replace(",", ""), 16)
    group, creator, number = body.split('"')[0].strip(","), body.split('"')[1], body.rsplit(",", 1)[1]
    for one in ds:
        found = (
            one.tag.is_private
            and one.tag.group == int(group, 16)
            and one.tag.element & 0xFF == int(number, 16)
        )
        if found and str(one.private_creator).upper() == creator:
            return ds, int(one.tag)
    raise KeyError


def obey(ds, answers) -> None:
    """Do to an object what its answers ask for, and nothing else."""
    asked = defaultdict(list)
    for answer in answers:
        asked[answer.path].append(answer)
    for path in sorted(asked, key=lambda one: -one.count("[")):
        actions = {one.action: one for one in asked[path]}
        holder, tag = element_at(ds, path)
        element = holder[tag]
        if "pixels_hidden" in actions:
            size = (
                int(ds.get("NumberOfFrames", 1))
                * ds.Rows
                * ds.Columns
                * ds.SamplesPerPixel
                * ds.BitsAllocated
                // 8
            )
            ds.PixelData = bytes(size + size % 2)
            if ds.file_meta.TransferSyntaxUID.is_compressed:
                ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
            ds.PhotometricInterpretation = "MONOCHROME2"
            ds["PixelData"].VR = "OB"
            if ds.SamplesPerPixel == 3:
                ds.PhotometricInterpretation = "RGB"
        elif "uid_changed" in actions:
            element.value = alias("", actions["uid_changed"].value)
        elif "patid_consistent" in actions:
            element.value = alias("", actions["patid_consistent"].value)
        elif {"text_removed", "date_shifted"} & set(actions):
            if "text_retained" in actions:
                kept = actions["text_retained"].text
                element.value = kept.encode() if isinstance(element.value, bytes) else kept
            elif "tag_retained" in actions:
                element.value = (
                    "19010101" if element.VR in ("DA", "DT") else "XX" if "text_notnull" in actions else ""
                )
            elif "pixels_retained" not in actions:
                del holder[tag]


def test_an_obedient_engine_scores_100(corpus, tmp_path):
    outputs = tmp_path / "out"
    outputs.mkdir()
    by_uid = {instance.sop_uid: instance for instance in load_answers(corpus.answers)}
    with quiet():
        for number, file in enumerate(sorted(corpus.originals.rglob("*.dcm"))):
            ds = pydicom.dcmread(file)
            obey(ds, by_uid[str(ds.SOPInstanceUID)].answers)
            ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
            ds.save_as(outputs / f"{number:04d}.dcm", enforce_file_format=True)
    result = score(outputs, corpus.answers, *mapping(tmp_path, corpus, alias))
    assert result.missing == 0
    assert [(one.path, one.name, one.action) for one in result.failures] == []
    assert result.total.required > 5000
    assert set(result.by_action) == {
        "tag_retained", "text_notnull", "text_retained", "text_removed", "date_shifted", "uid_changed",
        "uid_consistent", "patid_consistent", "pixels_retained", "pixels_hidden",
    }  # fmt: skip


def test_a_lazy_engine_keeps_everything_and_hides_nothing(corpus, tmp_path):
    result = score(corpus.originals, corpus.answers, *mapping(tmp_path, corpus, lambda _name, old: old))
    for action in ("tag_retained", "text_notnull", "text_retained", "pixels_retained", "uid_consistent"):
        assert result.by_action[action].percent == 100.0, action
    for action in ("text_removed", "date_shifted", "uid_changed", "pixels_hidden"):
        assert result.by_action[action].correct == 0, action


def test_same_seed_same_bytes(corpus, tmp_path):
    again = generate(tmp_path / "again", SEED, 3)
    for file in again.originals.rglob("*.dcm"):
        first = corpus.originals / file.relative_to(again.originals)
        assert first.read_bytes() == file.read_bytes()


def test_common_modalities_syntaxes_and_answers_are_there(corpus):
    assert {
        "CT",
        "MR",
        "PT",
        "CR",
        "DX",
        "MG",
        "US",
        "XA",
        "RF",
        "NM",
        "SEG",
        "RTSTRUCT",
        "SR",
        "KO",
        "PR",
    } <= set(corpus.modalities)
    assert len(corpus.syntaxes) >= 5
    assert min(corpus.actions.values()) >= 5


def test_beyond_sees_what_a_copy_gives_away(corpus):
    secrets = json.loads(corpus.secrets.read_text())
    files = sorted(corpus.originals.rglob("*.dcm"))[:40]
    outputs = [read_output(file) for file in files]
    bad = residue(files, [secrets[one.sop_uid] for one in outputs])
    assert len({line.split(":")[0] for line in bad.bad}) == bad.looked == 40
    moved = intervals([(one, one) for one in outputs])
    assert len(moved.bad) == moved.looked > 100


def test_beyond_sees_moved_dates_and_dangling_references(corpus):
    found = [read_output(file) for file in sorted(corpus.originals.rglob("*.dcm"))]
    assert references(found, found).looked > 100
    assert references(found, found).bad == []
    images = [one for one in found if "PixelData" in one.dataset]
    assert references(found, [one for one in found if one not in images[::2]]).bad


def test_residue_looks_into_every_encoding(tmp_path):
    for number, encoding in enumerate(("utf-8", "latin-1", "utf-16-le")):
        (tmp_path / str(number)).write_bytes(b"\0" + "MÜLLER".encode(encoding) + b"\0")
    files = sorted(tmp_path.iterdir())
    assert len(residue(files, [["Müller".upper()]] * 3).bad) == 3
    assert residue(files, [["Meyer"]] * 3).bad == []


def test_answers_follow_the_tables_not_an_engine():
    assert rules()[0x00080080] == "remove"
    assert rules()[0x00081030] == "keep"
    assert rules()[0x0020000D] == "hashuid"
    assert types("1.2.840.10008.5.1.4.1.1.2")["RescaleSlope"] == "1"


def test_original_uids_share_one_root(corpus):
    for file in list(corpus.originals.rglob("*.dcm"))[:20]:
        assert str(pydicom.dcmread(file).SOPInstanceUID).startswith(ROOT)


def test_text_in_pixels_lies_in_its_box(corpus):
    found = 0
    for instance in load_answers(corpus.answers):
        for answer in instance.answers:
            if answer.action == "pixels_hidden":
                assert answer.box is not None
                assert min(answer.box[2:]) > 5
                found += 1
    assert found >= 5

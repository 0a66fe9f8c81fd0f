"""Writing a case's /input folder and reading an /output folder that untrusted code wrote."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st

from research.errors import AlgorithmError, StepError
from research.sockets import (
    SOCKETS,
    Socket,
    check_value,
    file_sha256,
    hash_inputs,
    read_outputs,
    value_sha256,
    write_inputs,
)

CT, MASK, FRACTION = (SOCKETS[slug] for slug in ("ct-image", "lung-mask", "emphysema-fraction"))
AGE = Socket("age", "Age", "Integer", "clinical/age.json")
NOTES = Socket("notes", "Notes", "CSV file", "clinical/notes.csv")


def image(path: Path, dtype: type = np.int16, value: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    sitk.WriteImage(sitk.GetImageFromArray(np.full((3, 4, 5), value, dtype=dtype)), str(path))
    return path


def test_input_folder_is_grand_challenges(tmp_path):
    ct, notes = image(tmp_path / "ct.mha"), tmp_path / "some.csv"
    notes.write_text("a,b\n")
    case = {"ct-image": ct, "age": 61, "notes": notes}
    hashes = write_inputs(tmp_path / "input", [CT, AGE, NOTES], case)
    entries = {
        entry["socket"]["slug"]: entry for entry in json.loads((tmp_path / "input/inputs.json").read_text())
    }
    assert sorted(entries) == ["age", "ct-image", "notes"]
    for entry in entries.values():
        assert entry["interface"] == entry["socket"]
        assert sorted(entry) == ["file", "image", "interface", "pk", "socket", "value"]
    keys = (
        "default_value description kind look_up_table overlay_segments pk relative_path slug super_kind title"
    )
    assert sorted(entries["age"]["socket"]) == keys.split()
    assert entries["age"]["value"] == 61
    assert entries["notes"]["file"] == "clinical/notes.csv"
    assert entries["ct-image"]["image"]["name"] == "ct-image.mha"
    assert entries["ct-image"]["socket"]["super_kind"] == "Image"
    assert (tmp_path / "input/images/ct/ct-image.mha").read_bytes() == ct.read_bytes()
    assert json.loads((tmp_path / "input/clinical/age.json").read_text()) == 61
    assert hashes == hash_inputs([CT, AGE, NOTES], case)
    assert hashes["ct-image"] == file_sha256(ct)


def test_input_folder_is_readable_by_the_containers_user(tmp_path):
    write_inputs(tmp_path / "input", [AGE], {"age": 61})
    for path in (tmp_path / "input").rglob("*"):
        assert path.stat().st_mode & (0o005 if path.is_dir() else 0o004)
        assert not path.stat().st_mode & 0o022


@pytest.mark.parametrize(
    ("case", "code"),
    [({}, "missing-input"), ({"age": "sixty"}, "schema-violation"), ({"age": 1.5}, "schema-violation")],
)
def test_bad_inputs_are_refused(case, code, tmp_path):
    with pytest.raises(StepError) as raised:
        write_inputs(tmp_path / "input", [AGE], case)
    assert raised.value.code == code


def test_missing_input_file(tmp_path):
    with pytest.raises(StepError) as raised:
        write_inputs(tmp_path / "input", [CT], {"ct-image": tmp_path / "no.mha"})
    assert raised.value.code == "missing-input"


def test_outputs_are_read_and_hashed(tmp_path):
    (tmp_path / "emphysema-fraction.json").write_text("0.125")
    mask = image(tmp_path / "images/lung-mask/anything.mha", np.uint8)
    (tmp_path / "images/lung-mask/readme.txt").write_text("ignored")
    outputs = read_outputs(tmp_path, [MASK, FRACTION])
    assert outputs["emphysema-fraction"].value == 0.125
    assert outputs["lung-mask"].path == "images/lung-mask/anything.mha"
    assert outputs["lung-mask"].sha256 == file_sha256(mask)
    assert outputs["lung-mask"].value is None


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("1.5", "schema-violation"),
        ("-0.1", "schema-violation"),
        ("true", "schema-violation"),
        ('"0.5"', "schema-violation"),
        ("NaN", "schema-violation"),
        ("Infinity", "schema-violation"),
        ("1e999", "schema-violation"),
        ("", "schema-violation"),
        ("[" * 100_000, "schema-violation"),
        ("\xff\xfe", "schema-violation"),
        (None, "missing-output"),
    ],
)
def test_bad_values(text, code, tmp_path):
    if text is not None:
        (tmp_path / "emphysema-fraction.json").write_text(text, encoding="latin-1")
    with pytest.raises(StepError) as raised:
        read_outputs(tmp_path, [FRACTION])
    assert raised.value.code == code


def test_bad_images(tmp_path):
    def code(socket: Socket = MASK) -> str:
        with pytest.raises(StepError) as raised:
            read_outputs(tmp_path, [socket])
        return raised.value.code

    folder = tmp_path / "images/lung-mask"
    assert code() == "missing-output"
    folder.mkdir(parents=True)
    assert code() == "missing-output"
    (folder / "a.mha").write_bytes(b"ElementDataFile = LOCAL\nnot an image")
    assert code() == "unreadable-output"
    image(folder / "a.mha", np.float32)
    assert code() == "schema-violation"
    image(folder / "a.mha", np.uint8)
    image(folder / "b.mha", np.uint8)
    assert code() == "too-many-files"


def test_an_image_header_cannot_point_outside(tmp_path):
    """An .mha may name another file for its voxels: reading it would leak that file."""
    folder = tmp_path / "images/lung-mask"
    image(folder / "a.mha", np.uint8)
    secret = tmp_path / "secret.raw"
    secret.write_bytes(bytes(60))
    header = (folder / "a.mha").read_bytes().split(b"ElementDataFile")[0]
    (folder / "a.mha").write_bytes(header + b"ElementDataFile = ../../secret.raw\n")
    assert sitk.ReadImage(str(folder / "a.mha")).GetSize() == (5, 4, 3)  # ITK would follow it
    with pytest.raises(StepError, match="its own voxels"):
        read_outputs(tmp_path, [MASK])


@pytest.mark.parametrize(
    "link", ["emphysema-fraction.json", "images", "images/lung-mask", "images/lung-mask/a.mha"]
)
def test_links_are_not_followed(link, tmp_path):
    real, out = tmp_path / "host", tmp_path / "out"
    for place in (real, out):
        image(place / "images/lung-mask/a.mha", np.uint8)
        (place / "emphysema-fraction.json").write_text("0.5")
    import shutil

    victim = out / link
    shutil.rmtree(victim) if victim.is_dir() else victim.unlink()
    victim.symlink_to(real / link)
    with pytest.raises(StepError) as raised:
        read_outputs(out, [FRACTION, MASK])
    assert raised.value.code == "unreadable-output"


@pytest.mark.parametrize("path", ["/etc/passwd", "../x.json", "a/../../x", "inputs.json", "", "."])
def test_a_socket_cannot_leave_its_folder(path):
    with pytest.raises(AlgorithmError):
        Socket("bad", "Bad", "Anything", path)


def test_malformed_sockets_are_refused():
    with pytest.raises(AlgorithmError, match="unknown kind"):
        Socket("bad", "Bad", "Hologram", "x.json")
    with pytest.raises(AlgorithmError, match="JSON schema"):
        Socket("bad", "Bad", "Float", "x.json", schema={"type": "nonsense"})


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(json_values)
def test_the_hash_of_a_value_survives_json(value):
    check_value(Socket("any", "Any", "Anything", "any.json"), value)
    assert value_sha256(json.loads(json.dumps(value, indent=2))) == value_sha256(value)


@given(st.dictionaries(st.text(), st.integers(), min_size=2, max_size=6))
def test_the_hash_of_a_value_ignores_the_order_of_keys(value):
    assert value_sha256(dict(reversed(value.items()))) == value_sha256(value)

"""Pseudonyms: keyed, the same everywhere, one per identity."""

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deid import KeyFileError, Pseudonyms
from deid.pseudonyms import SHIFT_RANGE

KEY = bytes(range(32))
ONE, TWO = Pseudonyms(KEY, "tests"), Pseudonyms(KEY, "tests")
ids = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=30)


def test_known_values_hold_on_every_machine():
    """Computed here from the definition, with the standard library alone."""
    inner = hmac.new(KEY, b"radflow-deid-1", hashlib.sha256)
    for part in (b"tests", b"uid", b"1.2.3"):
        inner.update(len(part).to_bytes(4, "big") + part)
    number = int.from_bytes(inner.digest()[:16], "big")
    number = number & ~(0xF << 76) | 8 << 76
    number = number & ~(3 << 62) | 2 << 62
    assert ONE.uid("1.2.3") == f"2.25.{number}"


@given(ids, ids)
def test_same_input_same_output(patient, issuer):
    assert ONE.patient(patient, issuer) == TWO.patient(patient, issuer)
    assert ONE.days(patient, issuer) == TWO.days(patient, issuer)
    assert ONE.text("AccessionNumber", patient) == TWO.text("AccessionNumber", patient)
    assert -SHIFT_RANGE[1] <= ONE.days(patient, issuer) <= -SHIFT_RANGE[0]


@given(st.from_regex(r"[0-9]{1,9}(\.[0-9]{1,9}){2,6}", fullmatch=True))
def test_uids_are_valid_and_a_uuid(uid):
    new = ONE.uid(uid)
    assert new.startswith("2.25.")
    assert len(new) <= 64
    assert (int(new[5:]) >> 76) & 0xF == 8
    assert new != uid


def test_spelling_does_not_split_a_patient():
    assert ONE.patient(" abc  12\0", "mercy ") == ONE.patient("ABC 12", "MERCY")
    assert ONE.patient("ABC 12") != ONE.patient("ABC 12", "MERCY")
    assert ONE.patient("ABC 12") != ONE.patient("ABC 13")
    assert ONE.patient("AB", "C") != ONE.patient("A", "BC")


def test_key_and_project_decide():
    other_key, other_project = Pseudonyms(b"x" * 32, "tests"), Pseudonyms(KEY, "other")
    for other in (other_key, other_project):
        assert other.patient("1") != ONE.patient("1")
        assert other.uid("1.2.3") != ONE.uid("1.2.3")
    assert ONE.text("AccessionNumber", "1") != ONE.text("StudyID", "1")


def test_aliases_do_not_collide_in_a_hundred_thousand():
    assert len({ONE.patient(str(number)) for number in range(100_000)}) == 100_000


def test_alias_shape():
    assert len(ONE.patient("1")) == 13
    assert not set(ONE.patient("1")[3:]) & set("ILOU")


def test_bad_keys(tmp_path):
    with pytest.raises(KeyFileError, match="16 are needed"):
        Pseudonyms(b"short", "tests")
    with pytest.raises(KeyFileError, match="no name"):
        Pseudonyms(KEY, " ")
    with pytest.raises(KeyFileError, match="cannot be read"):
        Pseudonyms.from_file(tmp_path / "absent", "tests")


def test_repr_hides_the_key(tmp_path):
    (tmp_path / "k").write_bytes(b"0123456789abcdef0123\n")
    made = Pseudonyms.from_file(tmp_path / "k", "tests")
    assert "0123" not in repr(made)
    assert made.uid("1.2.3") == Pseudonyms(b"0123456789abcdef0123", "tests").uid("1.2.3")

"""Which patient IDs are one patient: by a rule that a policy states, and the same everywhere."""

import subprocess
import sys
from dataclasses import replace

import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.uid import MRImageStorage

from deid import PolicyError, Pseudonyms, QuarantineError, deidentify_series, load_policy
from deid.linkage import Linkage

PSEUDONYMS = Pseudonyms(bytes(range(32)), "linkage")
IDS = st.from_regex(r"[A-Z]{0,3}-?[0-9]{1,8}", fullmatch=True)
LINKAGES = [
    Linkage(), Linkage(leading_zeros=False), Linkage(issuer=False), Linkage(punctuation=False),
    Linkage(leading_zeros=False, issuer=False, punctuation=False, pattern="MRN-?([0-9]+)"),
]  # fmt: skip


def alias(linkage, patient_id, issuer=""):
    return PSEUDONYMS.patient(*linkage.person(patient_id, issuer))


@pytest.mark.parametrize(
    ("linkage", "one", "other", "same"),
    [
        (Linkage(), "mrn 12", " MRN  12 ", True),
        (Linkage(), "MRN12", "MRN012", False),
        (Linkage(), "MRN-12", "MRN12", False),
        (Linkage(leading_zeros=False), "MRN0012", "mrn12", True),
        (Linkage(leading_zeros=False), "0012", "12", True),
        (Linkage(leading_zeros=False), "100", "10", False),
        (Linkage(leading_zeros=False), "1002", "102", False),
        (Linkage(leading_zeros=False), "0", "000", True),
        (Linkage(punctuation=False), "MRN-12/3", "mrn123", True),
        (Linkage(pattern="MRN-?([0-9]+)"), "MRN-12", "12", True),
        (Linkage(pattern="MRN-?([0-9]+)"), "XRN-12", "12", False),
        (Linkage(pattern="([0-9]+)@.*", leading_zeros=False), "0012@mercy", "12", True),
        (Linkage(), "\uff11\uff12", "12", True),
        (Linkage(punctuation=False), "--", "-", False),
    ],
)  # fmt: skip
def test_rules(linkage, one, other, same):
    assert (alias(linkage, one) == alias(linkage, other)) is same


def test_issuers():
    assert alias(Linkage(), "1", "MERCY") == alias(Linkage(), "1", " mercy ")
    assert alias(Linkage(), "1", "MERCY") != alias(Linkage(), "1", "")
    assert alias(Linkage(issuer=False), "1", "MERCY") == alias(Linkage(issuer=False), "1", "GENERAL")
    assert alias(Linkage(default_issuer="MERCY"), "1", "") == alias(Linkage(), "1", "MERCY")
    assert alias(Linkage(default_issuer="MERCY"), "1", "GENERAL") != alias(
        Linkage(default_issuer="MERCY"), "1", ""
    )


@given(st.sampled_from(LINKAGES), st.text(max_size=20), st.text(max_size=8))
def test_a_form_is_its_own_form(linkage, patient_id, issuer):
    """Bringing an ID to its form twice changes nothing, whatever the ID; something stays of what was there."""
    found = linkage.person(patient_id, issuer)
    if not linkage.pattern:
        assert linkage.person(*found) == found
    assert bool(found[0].strip()) == bool(patient_id.replace("\0", " ").strip()) or not found[0].strip()


@given(st.sampled_from(LINKAGES), IDS, st.integers(0, 4), st.booleans())
def test_spellings_that_never_matter(linkage, patient_id, blanks, lower):
    spelled = " " * blanks + (patient_id.lower() if lower else patient_id) + "\0"
    assert alias(linkage, spelled) == alias(linkage, patient_id)


@given(IDS, IDS)
def test_strict_by_default(one, other):
    """Without a rule two different IDs are two patients."""
    assert (alias(Linkage(), one) == alias(Linkage(), other)) is (one == other)


def test_same_on_another_machine(tmp_path):
    """Another process, with another hash seed, and the key from a file."""
    (tmp_path / "key").write_bytes(bytes(range(32)))
    script = (
        "import sys; from pathlib import Path; from deid import Pseudonyms; from deid.linkage import Linkage;"
        "p = Pseudonyms.from_file(Path(sys.argv[1]), 'linkage');"
        "who = Linkage(leading_zeros=False).person('MRN0012', 'Mercy');"
        "print(p.patient(*who), p.days(*who), p.uid('1.2.3'))"
    )
    who = Linkage(leading_zeros=False).person("mrn12", "MERCY")
    expected = f"{PSEUDONYMS.patient(*who)} {PSEUDONYMS.days(*who)} {PSEUDONYMS.uid('1.2.3')}"
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", script, tmp_path / "key"],
            capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": seed},
        )  # fmt: skip
        assert done.stdout.strip() == expected


def treated(write, tmp_path, policy, *objects):
    out = tmp_path / f"out{len(list(tmp_path.iterdir()))}"
    deidentify_series([write(ds) for ds in objects], out, policy, PSEUDONYMS)
    return [pydicom.dcmread(file) for file in sorted(out.iterdir())]


def test_across_modalities_and_spellings(ct, write, tmp_path):
    """A CT, an MR and nested IDs: one alias and one shift of dates."""
    policy = replace(load_policy("research"), linkage=Linkage(leading_zeros=False, punctuation=False))
    (first,) = treated(write, tmp_path, policy, ct())
    mr = ct(study="9", series="9")
    mr.SOPClassUID, mr.Modality, mr.PatientID = MRImageStorage, "MR", "mrn 12345"
    nested, stranger = Dataset(), Dataset()
    nested.PatientID, stranger.PatientID = "MRN/00012345", "MRN-999"
    mr.AnatomicRegionSequence = [nested, stranger]
    (second,) = treated(write, tmp_path, policy, mr)
    assert first.PatientID == second.PatientID == second.AnatomicRegionSequence[0].PatientID
    assert second.AnatomicRegionSequence[1].PatientID not in ("", first.PatientID)
    assert first.StudyDate == second.StudyDate
    (strict,) = treated(write, tmp_path, load_policy("research"), mr)
    assert strict.PatientID != first.PatientID


def test_within_a_series(ct, write, tmp_path):
    """Slices whose IDs are spelled in two ways belong together only where the policy says so."""
    one, other = ct(instance=1), ct(instance=2)
    other.PatientID = "MRN-12345"
    linked = replace(load_policy("research"), linkage=Linkage(leading_zeros=False))
    assert len({ds.PatientID for ds in treated(write, tmp_path, linked, one, other)}) == 1
    with pytest.raises(QuarantineError) as caught:
        treated(write, tmp_path, load_policy("research"), one, other)
    assert caught.value.code == "two-patients"


@pytest.mark.parametrize(
    ("table", "word"),
    [
        ({"zeros": True}, "linkage.zeros"),
        ({"leading_zeros": "no"}, "true or false"),
        ({"default_issuer": 3}, "text in quotes"),
        ({"pattern": "MRN"}, "one group"),
        ({"pattern": "(MRN)([0-9]+)"}, "one group"),
        ({"pattern": "MRN("}, "one group"),
    ],
)
def test_rules_that_mean_nothing(table, word):
    with pytest.raises(PolicyError) as caught:
        Linkage.from_table(table)
    assert word in str(caught.value)


def test_it_tells_what_it_does():
    assert Linkage().describe() == []
    text = " ".join(LINKAGES[-1].describe())
    for word in ("leading zeros", "punctuation", "issuer", "MRN-?([0-9]+)"):
        assert word in text
    assert "default issuer" in " ".join(Linkage(default_issuer="MERCY").describe())

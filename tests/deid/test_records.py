"""One patient's dates, numbers and texts, as the patient's images have them."""

from __future__ import annotations

import datetime as dt

import pytest

from deid import PolicyError, Pseudonyms, load_policy
from deid.records import Subject

PSEUDONYMS = Pseudonyms(bytes(range(16)), "p")
WORDS = [("name", "Quimbly^Archibald"), ("id", "MRN-0012345"), ("date", "1951-02-03"), ("phone", "555-1234567"),
         ("place", "12 Elmwood Crescent")]  # fmt: skip


def subject(policy: str = "research", words: list[tuple[str, str]] = WORDS) -> Subject:
    return Subject(load_policy(policy), PSEUDONYMS, "MRN-0012345", "", words)


def test_alias_days_and_numbers_are_those_of_the_images() -> None:
    one = subject()
    assert one.alias == PSEUDONYMS.patient("MRN-0012345", "")
    assert one.date(dt.date(2020, 1, 1)) == dt.date(2020, 1, 1) + dt.timedelta(
        days=PSEUDONYMS.days("MRN-0012345")
    )
    assert one.uid("1.2.3") == PSEUDONYMS.uid("1.2.3")
    assert one.accession("A1") == PSEUDONYMS.text("AccessionNumber", "A1")
    assert one.date(None) is None
    assert one.date(dt.date.min) is None
    assert one.name("k") != one.name("l")


def test_a_policy_decides(tmp_path) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(PolicyError, match="removes text"):
        subject("basic")
    path = tmp_path / "site.toml"
    path.write_text('name = "site"\ntitle = "t"\nextends = "basic"\noptions = ["clean_descriptors"]\n')
    one = subject(str(path))
    assert one.date(dt.date(2020, 1, 1)) is None
    assert one.accession("A1") is None
    assert one.text("Seen 2020-05-04.").text == "Seen [DATE]."
    path.write_text(
        'name = "site"\ntitle = "t"\nextends = "basic"\noptions = [\n"clean_descriptors", '
        '"retain_longitudinal_full_dates"]\n'
    )
    one = subject(str(path))
    assert one.date(dt.date(2020, 1, 1)) == dt.date(2020, 1, 1)


def test_text_with_what_was_cut() -> None:
    one = subject().text(
        "Mr Quimbly, 555-1234567, read by Ottoline Grimthorpe.", [("name", "Grimthorpe^Ottoline")]
    )
    assert one.text == "[NAME], [PHONE], read by [NAME]."
    assert (one.cuts, one.residue) == (("name", "phone"), ())
    assert "Quimbly" not in repr(one)


def test_published_wording_stays_and_local_wording_is_cleaned() -> None:
    one = subject()
    assert one.phrase("Glasgow coma score total", public=True).text == "Glasgow coma score total"
    assert one.phrase("Quimbly score", public=True).text == "score"
    assert one.phrase("mg/dL", public=True).text == "mg/dL"
    assert "Quimbly" not in one.phrase("panel for Archibald Quimbly").text


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ([("name", "Long^May")], "Long axis view; may be seen."), ([("name", "Small^Ann")], "Small effusion."),
        ([("id", "12")], "12 mm nodule."), ([("name", "Left^Upper")], "Opacity in the left lung."),
    ],
)  # fmt: skip
def test_ordinary_words_are_no_residue(words: list[tuple[str, str]], text: str) -> None:
    assert subject(words=words).text(text).residue == ()


def test_a_moved_date_that_falls_on_another_one_is_no_residue() -> None:
    one = subject()
    day = dt.date(2020, 5, 4)
    other = day + dt.timedelta(days=one.days)
    assert one.text(f"On {day:%Y-%m-%d}, and {other:%Y-%m-%d}.").residue == ()

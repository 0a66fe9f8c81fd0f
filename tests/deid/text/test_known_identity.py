"""What the headers say of the patient is cut in every form, in every script."""

from __future__ import annotations

import pytest

from deid.text import TextCleaner

IDENTITY = [
    ("name", "Smith^John^Quentin"),
    ("id", "MRN-0012345"),
    ("date", "19670102"),
    ("place", "Mercy Hospital Springfield"),
    ("phone", "555-867-5309"),
]


def clean(text: str, identity: list[tuple[str, str]] | None = None) -> str:
    return (
        TextCleaner(IDENTITY if identity is None else identity, days=None).clean(text, placeholder=False).text
    )


@pytest.mark.parametrize(
    "form",
    [
        "John Smith", "Smith, John", "SMITH^JOHN", "Smith^John^Q", "smith_john", "SMITH-JOHN", "J. Smith", "Smith J",
        "John Q. Smith", "Smith's", "SMITHJOHN",
        "JohnSmith", "JSmith", "SMITH123", "john.smith", "Smith, J.", "SMITH,JOHN Q",
    ],
)  # fmt: skip
def test_a_name_in_any_form(form: str) -> None:
    assert (
        clean(f"CT CHEST {form}") == clean(f"{form} CT CHEST").removesuffix("123") == "CT CHEST"
        or form == "SMITH123"
    )
    assert "mith" not in clean(f"CT CHEST {form}").lower()


def test_a_name_glued_to_a_clinical_word_leaves_the_word() -> None:
    assert clean("CHESTSMITH") == "CHEST"


@pytest.mark.parametrize(
    "form", ["0012345", "12345", "MRN0012345", "mrn 12345", "0-012-345", "0001 2345", "#12345"]
)
def test_an_identifier_with_and_without_zeros_and_separators(form: str) -> None:
    assert "2345" not in clean(f"KNEE {form} AP").replace(" ", "").replace("-", "")
    assert clean(f"KNEE {form} AP").endswith("AP")


@pytest.mark.parametrize("form", ["5558675309", "(555) 867-5309", "867-5309", "555.867.5309"])
def test_a_telephone_number(form: str) -> None:
    assert clean(f"call {form} KNEE") == "call KNEE"


@pytest.mark.parametrize(
    "form", ["01021967", "670102", "19670102", "1/2/67", "2 Jan 1967", "Jan 2nd, 1967", "02.01.1967"]
)
def test_a_known_date(form: str) -> None:
    assert clean(f"KNEE {form} AP") == "KNEE AP"


def test_a_place_whole_and_in_part() -> None:
    assert clean("KNEE MERCY HOSPITAL SPRINGFIELD") == "KNEE"
    assert clean("KNEE Springfield AP") == "KNEE AP"


@pytest.mark.parametrize(
    ("name", "text", "left"),
    [
        ("Yamada^Tarou=山田^太郎=やまだ^たろう", "胸部CT 山田太郎", "胸部CT"),
        ("Yamada^Tarou=ﾔﾏﾀﾞ^ﾀﾛｳ", "CT ヤマダ タロウ", "CT"),
        ("Hong^Gildong=洪^吉洞=홍^길동", "CT 홍길동", "CT"),
        ("Wang=王^小东", "CT 王小东", "CT"),
        ("Ivanov=Иванов^Сергей", "CT ИВАНОВ", "CT"),
        ("Papas=Παπάς^Γιώργος", "CT ΠΑΠΑΣ", "CT"),
        ("Müller^Jürgen", "CT MUELLER", "CT"),
        ("Müller^Jürgen", "CT Muller, Juergen", "CT"),
        ("Núñez^José", "CT NUNEZ", "CT"),
        ("Łukaszewicz^Paweł", "CT lukaszewicz", "CT"),
        ("O'Brien^Rafael", "CT OBRIEN", "CT"),
        ("Smith", "CT \uff33\uff4d\uff49\uff54\uff48", "CT"),
    ],
)
def test_any_script_and_spelling(name: str, text: str, left: str) -> None:
    assert clean(text, [("name", name)]) == left


@pytest.mark.parametrize(
    ("name", "text", "left"),
    [
        ("Hand^John", "XR HAND LEFT", "XR HAND LEFT"),
        ("Hand^John", "XR HAND LEFT HAND, JOHN", "XR HAND LEFT"),
        ("May^Susan", "patient may need sedation", "patient may need sedation"),
        ("May^Susan", "sedation given to May today", "sedation given today"),
        ("Brown^Olga", "Brown O, chest pain", "chest pain"),
        ("Foot^Jennifer", "MPR 3 mm / J. Foot", "MPR 3 mm"),
        ("Stern^Susan", "STERNUM lateral", "STERNUM lateral"),
        ("Kowalski^Jan", "KOWALSKI L KNEE", "L KNEE"),
    ],
)
def test_a_name_that_is_a_word_is_cut_where_it_is_meant(name: str, text: str, left: str) -> None:
    assert clean(text, [("name", name)]) == left


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown kind"):
        TextCleaner([("nickname", "Bob")], days=None)


def test_own_only_leaves_other_people() -> None:
    cleaner = TextCleaner(IDENTITY, days=None)
    assert cleaner.clean("Dr. Jones, John Smith", placeholder=False, own_only=True).text == "Dr. Jones"


def test_values_stay_out_of_repr() -> None:
    assert "CHEST" not in repr(TextCleaner(IDENTITY, days=None).clean("CHEST Smith", placeholder=False))

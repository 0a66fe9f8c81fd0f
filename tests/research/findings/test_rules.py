"""Rule files: what is shipped holds together, a site's own file is checked and added."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from research.findings import RulesError, extract, load_rules
from research.findings.describe import describe, explain

RULES = load_rules()


@pytest.fixture
def site(tmp_path: Path):  # type: ignore[no-untyped-def]
    def write(text: str) -> Path:
        file = tmp_path / "site.toml"
        file.write_text(text, encoding="utf-8")
        return file

    return write


def test_every_finding_has_a_term_and_every_term_a_finding() -> None:
    assert {term.finding for term in RULES.terms.values()} - {""} == set(RULES.kinds)


def test_codes() -> None:
    for kind in RULES.kinds.values():
        assert kind.code.match in ("exact", "approximate", "none")
        assert (kind.code.match == "none") == (not kind.codes)
    assert RULES.kinds["pneumothorax"].code.scheme == "SCT"
    assert RULES.kinds["volume_loss"].code.scheme == "99RADFLOW"


def test_the_catalog_and_the_curators_mean_the_same_codes() -> None:
    """A code that both lists name has one meaning and one quality of match."""
    concepts = json.loads((Path(__file__).parents[3] / "research" / "concepts.json").read_text())["concepts"]
    known = {(one["scheme"], one["code"]): one["meaning"].lower() for one in concepts}
    for kind in RULES.kinds.values():
        for code in kind.codes:
            if (code.scheme, code.code) in known:
                assert code.meaning.lower() == known[code.scheme, code.code]


def test_a_site_adds_a_finding(site) -> None:  # type: ignore[no-untyped-def]
    rules = load_rules(
        site("""
name = "our chest"
[[finding]]
id = "rib_notching"
meaning = "Rib notching"
codes = [{ scheme = "99RADFLOW", code = "rib-notching", meaning = "Rib notching", match = "none" }]
[[term]]
id = "rib-notching"
finding = "rib_notching"
phrases = ["(rib|ribs) ~2 notch*", "notch* of the ribs"]
""")
    )
    assert rules.name == "our chest"
    assert rules.version != RULES.version
    found = extract("No notching of the ribs. Pneumothorax.", rules)
    assert [(one.finding, one.status) for one in found] == [
        ("rib_notching", "absent"),
        ("pneumothorax", "present"),
    ]
    assert "rib_notching" not in RULES.kinds


def test_a_site_replaces_and_disables(site) -> None:  # type: ignore[no-untyped-def]
    rules = load_rules(
        site("""
disable = ["nodule"]
[[term]]
id = "mass"
finding = "lung_mass"
phrases = ["lump"]
""")
    )
    assert [one.finding for one in extract("A lump, a mass, a nodule.", rules)] == ["lung_mass"]


def test_a_disabled_finding_takes_its_terms_labels_and_rules_along(site) -> None:  # type: ignore[no-untyped-def]
    rules = load_rules(site('disable = ["cardiomegaly", "enlarged_cardiac_silhouette"]'))
    assert extract("Cardiomegaly. Heart size is normal. Enlarged cardiac silhouette.", rules) == ()
    assert "Cardiomegaly" not in {label.name for label in rules.labels}
    assert "borderline" in RULES.context
    assert "borderline" not in rules.context


def test_unless_and_needs(site) -> None:  # type: ignore[no-untyped-def]
    rules = load_rules(
        site("""
extends = false
[[finding]]
id = "ring"
meaning = "Ring"
[[term]]
id = "ring"
finding = "ring"
phrases = ["ring"]
unless = ["finger"]
needs = ["shadow*"]
""")
    )
    assert [
        len(extract(text, rules)) for text in ("Ring.", "Ring shadow.", "Ring shadow of the finger.")
    ] == [0, 1, 0]


def test_only_holds_a_context_rule_to_findings(site) -> None:  # type: ignore[no-untyped-def]
    rules = load_rules(
        site("""
[[context]]
id = "faint"
says = "possible"
phrases = ["faint"]
only = ["lung_nodule"]
""")
    )
    found = extract("Faint nodule and effusion.", rules)
    assert [(one.finding, one.status) for one in found] == [
        ("lung_nodule", "uncertain"),
        ("pleural_effusion", "present"),
    ]


def test_the_version_is_of_the_content(site) -> None:  # type: ignore[no-untyped-def]
    assert load_rules(site("# nothing\n")).version == load_rules(site("\n# else\n")).version == RULES.version
    assert load_rules().version == RULES.version


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[[term]", ["site.toml", "TOML"]),
        ("rules = 1", ["site.toml", "rules"]),
        ("extends = 1", ["extends"]),
        ("name = 3", ["name"]),
        ("term = 3", ["[[term]]"]),
        ('disable = ["nonsense"]', ["disable", "nonsense"]),
        ('[[term]]\nid = "x"\nfinding = "pneumonia"', ["[[term]] x", "phrases"]),
        ('[[term]]\nid = "x"\nfinding = "pneumoniaa"\nphrases = ["y"]', ["[[term]] x", "pneumoniaa"]),
        ('[[term]]\nid = "x"\nfinding = "pneumonia"\nphrases = ["(y"]', ["x", "not closed"]),
        (
            '[[term]]\nid = "x"\nfinding = "pneumonia"\nphrases = ["y"]\nassert = "absent"',
            ["[[term]] x", "assert"],
        ),
        (
            '[[term]]\nid = "x"\nfinding = "pneumonia"\nphrases = ["y"]\nasserts = "maybe"',
            ["asserts", "maybe"],
        ),
        ('[[term]]\nid = "X Y"\nfinding = "pneumonia"\nphrases = ["y"]', ["[[term]] X Y", "id"]),
        ('[[term]]\nphrases = ["y"]', ["[[term]] number 1", "id", "missing"]),
        ('[[term]]\nid="x"\nfinding="pneumonia"\nphrases=["y"]\n' * 2, ["[[term]] x", "twice"]),
        ('[[term]]\nid="absent-no"\nfinding="pneumonia"\nphrases=["y"]', ["absent-no", "two kinds"]),
        ('[[context]]\nid = "x"\nsays = "perhaps"\nphrases = ["y"]', ["[[context]] x", "says", "perhaps"]),
        ('[[context]]\nid = "x"\nsays = "absent"\nphrases = ["y"]\nreach = 0', ["[[context]] x", "reach"]),
        ('[[context]]\nid = "x"\nsays = "absent"\nphrases = ["y"]\nonly = ["z"]', ["[[context]] x", "'z'"]),
        ('[[stop]]\nid = "x"\nphrases = ["y"]\nends = ["z"]', ["[[stop]] x", "ends"]),
        ('[[section]]\nid = "x"\ntitles = ["y"]\nread = "z"', ["[[section]] x", "read"]),
        ('[[finding]]\nid = "x"\nmeaning = "X"\nabnormal = 1', ["[[finding]] x", "abnormal"]),
        ('[[finding]]\nid = "x"\nmeaning = "X"\ncodes = [{scheme="ICD"}]', ["codes", "scheme", "ICD"]),
        ('[[label]]\nset = "s"\nname = "n"\nfindings = ["z"]', ["[[label]] s:n", "'z'"]),
    ],
)
def test_errors_name_file_entry_and_field(site, text: str, named: list[str]) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(RulesError) as caught:
        load_rules(site(text))
    assert "site.toml" in caught.value.reason
    for word in named:
        assert word in caught.value.reason


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(RulesError, match=r"none\.toml"):
        load_rules(tmp_path / "none.toml")


def test_description_names_every_rule() -> None:
    text = "\n".join(describe(RULES))
    for key in (*RULES.kinds, *RULES.terms, *RULES.context, *RULES.stops):
        assert f"[{key}]" in text
    assert RULES.version in text


def test_explanation_names_the_rules() -> None:
    text = "No pneumothorax."
    (line,) = explain(text, extract(text, RULES), RULES)
    assert line.startswith("3-15 'pneumothorax' in body: Pneumothorax (SCT 36118008, exact) is absent")
    assert "absent-no" in line

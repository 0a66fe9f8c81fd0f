"""Identity that no header holds goes by context and shape; what is clinical stays."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from deid.text import TextCleaner, describe

CLEANER = TextCleaner([], days=None)

CUT = [
    ("Dr. Smith/Jones protocol", "protocol"),
    ("MRI BRAIN W WO CONTRAST OKONKWO^ADAEZE", "MRI BRAIN W WO CONTRAST"),
    ("CT CHEST for John Smith 01/02/1967", "CT CHEST"),
    ("pt refuses, call 555-123-4567", "pt refuses, call"),
    ("acc 12345678", "acc"),
    ("CHEST signed by Xander Quixley MD", "CHEST signed"),
    ("AX T1 POST GAD - DR ADAMS", "AX T1 POST GAD"),
    ("CT ABD/PEL W CON (JONES, ROBERT)", "CT ABD/PEL W CON"),
    ("Mr White, white matter disease", "white matter disease"),
    ("KNEE AP, SSN 123-45-6789", "KNEE AP, SSN"),
    ("mail jdoe@example.org", "mail"),
    ("see http://pacs.example.org/study?id=1", "see"),
    ("from 10.20.30.40.", "from."),
    ("742 Evergreen Terrace, Springfield, IL 62704", ""),
    ("CHEST St. Mary's Hospital", "CHEST"),
    ("transferred from Massachusetts General Hospital", "transferred from"),
    ("University of Wisconsin protocol", "protocol"),
    ("93 year old male", "year old male"),
    ("UID 1.2.840.113619.2.5.1762583153.215519", "UID"),
    ("tech JS", "tech"),
    ("T2 TSE SAG LUMBAR_JOHNSON_19560304", "T2 TSE SAG LUMBAR"),
    ("Patient: 山田太郎様", "Patient: 様"),
]
KEPT = [
    "T1 AX FSE +C",
    "Thorax 1.0 B30f",
    "3mm",
    "120 kV",
    "L4-L5",
    "2.0 x 1.5 cm",
    "CHEST W/O",
    "Omnipaque 350",
    "Gadavist 7.5 mL",
    "Parkinson disease",
    "Crohn's disease",
    "Hodgkin lymphoma",
    "Graves disease",
    "Baker cyst",
    "Hill-Sachs lesion",
    "Gleason 3+4",
    "s/p Fontan",
    "Wilson disease",
    "hx of Wilson",
    "Jones fracture",
    "pouch of Douglas",
    "Kerley B lines",
    "Swan-Ganz catheter",
    "white matter",
    "LONG AXIS CINE",
    "MR BRAIN W/O",
    "DR CHEST PA",
    "MS PLAQUES",
    "HEAD^ROUTINE",
    "Abdomen^01_LIVER (Adult)",
    "Head CT 3/8 slices",
    "b-value 50/400/800",
    "TE 10/20/30 ms",
    "2019 follow-up of 2015 study",
    "syngo MR E11, VB17A",
    "GE LightSpeed VCT, SIEMENS Avanto, Philips Ingenia 3.0T",
    "May repeat in 6 months",
    "89 yo male",
    "E. coli sepsis",
    "DERIVED\\SECONDARY\\AXIAL",
    "C/O CHEST PAIN",
    "outside hospital films",
    "ep2d_diff_3scan_trace_p2_ADC",
]


@pytest.mark.parametrize(("text", "left"), CUT)
def test_identity_goes(text: str, left: str) -> None:
    output = CLEANER.clean(text, placeholder=False).text
    assert output.removesuffix("様").strip(" :") == left.removesuffix("様").strip(" :")


@pytest.mark.parametrize("text", KEPT)
def test_clinical_words_stay(text: str) -> None:
    for variant in (text, text.upper()):
        cleaned = CLEANER.clean(variant, placeholder=False)
        assert cleaned.text == variant
        assert cleaned.cuts == ()


def test_placeholders_say_what_was_there() -> None:
    cleaned = CLEANER.clean("Dr. Smith, call 555-123-4567 on 3 Feb 2019", placeholder=True)
    assert cleaned.text == "[NAME], call [PHONE] on [DATE]"
    assert [cut.kind for cut in cleaned.cuts] == ["name", "phone", "date"]


def _words_cut(text: str) -> int:
    cuts = CLEANER.clean(text, placeholder=True).cuts
    return sum(len(re.findall(r"\w+", text[cut.start : cut.end])) for cut in cuts)


def test_reports_keep_their_clinical_words(shared_data: Path) -> None:
    reports = shared_data / "reports_dev" / "reports.csv"
    if not reports.exists():
        pytest.skip("the reports are not among the shared data")
    with reports.open(encoding="utf-8", newline="") as file:
        texts = [row["findings"] + "\n" + row["impression"] for row in csv.DictReader(file)][:600]
    words = cut = 0
    for text in texts:
        for variant in (text, text.upper()):
            words += len(re.findall(r"\w+", variant))
            cut += sum(
                len(re.findall(r"\w+", variant[c.start : c.end]))
                for c in CLEANER.clean(variant, placeholder=True).cuts
            )
    assert cut < 0.001 * words


def test_the_rules_describe_themselves() -> None:
    sentences = describe()
    assert any("Telephone" in sentence or "telephone" in sentence for sentence in sentences)
    assert any("are moved" in sentence for sentence in describe(5))
    assert any("are cut" in sentence for sentence in sentences)

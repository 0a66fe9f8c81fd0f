"""Generate what ``deid`` knows of TCIA's curation: two policies and ``_standard/private_dispositions.json``.

Usage::

    python scripts/generate_tcia.py tcia_profile_ctp_rules.csv TCIAPrivateTagKB-02-01-2024-formatted.csv [ROOT]

The inputs are tables that The Cancer Imaging Archive publishes (see ``deid/_standard/README.md``); only facts are
taken: tag, action, creator, VR, disposition. The same inputs give the same bytes.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

from deid import standard

ATTRIBUTION = (
    "Facts of tables published by The Cancer Imaging Archive (TCIA, https://www.cancerimagingarchive.net), taken from "
    "github.com/MIC-DKFZ/miccai2024_midi-b-submission (Apache-2.0). Tags, creators, VRs and dispositions are "
    "reproduced as facts; no descriptive text is."
)
#: TCIA's statement of options (Submission and De-identification Overview, 2024). Retain Device Identity was part of
#: it until 2023 and is not any more; the table removes serial numbers and names of devices.
OPTIONS = (
    "clean_pixel_data",
    "clean_descriptors",
    "clean_structured_content",
    "retain_longitudinal_modified_dates",
    "retain_patient_characteristics",
    "retain_safe_private",
)
#: Basic Profile code -> word that removes as much and keeps the object valid.
BY_CODE = {"X": "remove", "Z": "empty", "D": "dummy"}
#: What the answers of MIDI-B (2024) keep although TCIA's present table removes it: device identity and comments were
#: still cleaned when the challenge was made (a public submission lists these overrides).
CHALLENGE = {
    0x00102180: "clean", 0x00104000: "clean", 0x00181000: "keep", 0x00181004: "keep", 0x00181005: "keep",
    0x00181007: "keep", 0x00181008: "keep", 0x0018700A: "keep", 0x00181200: "clean", 0x00181201: "clean",
    0x00204000: "clean",
    0x00400310: "clean", 0x00401002: "clean", 0x00401400: "clean", 0x00402001: "clean",
}  # fmt: skip
#: Action of the table -> word of a site rule.
WORDS = {"remove": "remove", "empty": "empty", "replace": "dummy", "hashuid": "uid", "process": "keep"}
#: Where the standard alone already does what the table asks, or more; why no rule is written.
STRICTER = {
    "X/Z": "zero length or removed, by type",
    "X/D": "dummy or removed, by type",
    "X/Z/D": "dummy, zero length or removed, by type",
    "D": "a dummy keeps the object valid",
    "Z": "zero length keeps the object valid",
    "Z/D": "zero length or a dummy, by type",
    "X": "removed",
}
#: Rows of the table that are not followed, and why.
EXCEPTIONS = {
    0x00082111: "Derivation Description is cleaned, not removed: the challenge's answers keep its clinical words",
    0x00340001: "Flow Identifier Sequence: PS3.15 asks for a dummy item",
    0x00400513: "Issuer of the Container Identifier Sequence: PS3.15 empties it, TCIA keeps it",
    0x00400562: "Issuer of the Specimen Identifier Sequence: PS3.15 empties it, TCIA keeps it",
    0x0040A073: "Verifying Observer Sequence: PS3.15 asks for a dummy item, TCIA keeps it with replaced names",
}
#: Dates of vocabularies, not of patients: PS3.15 counts them among the dates, TCIA keeps them.
VERSIONS = frozenset({0x00080106, 0x00080107, 0x0040DB06, 0x0040DB07})
DISPOSITIONS = {"k": "keep", "d": "remove", "h": "uid", "o": "shift", "oi": "shift"}
_TAG = re.compile(r"\(([0-9A-F]{4}),([0-9A-F]{4})\)")
_STEP = re.compile(r"\(([0-9a-fA-F]{4}),(.*?)\)(?=\[<\d+>\]|$)")
_PLAIN = re.compile(r"[0-9a-fA-F]{4}")

Step = tuple[str, str | None, str]


def profile(source: Path) -> dict[int, Mapping[str, str]]:
    """Rows of TCIA's table by tag; wildcard rows are not in it."""
    rows = {}
    with source.open(encoding="utf-8-sig", newline="") as stream:
        for row in csv.DictReader(stream):
            found = _TAG.fullmatch(row["Tag"].strip().upper())
            if found:
                rows[int(found[1] + found[2], 16)] = row
    return rows


def effect(row: standard.Row) -> str:
    """The code that Table E.1-1 gives under the options: C beats K beats the Basic Profile's."""
    codes = {row.options[option] for option in OPTIONS if option in row.options}
    return "C" if "C" in codes else "K" if "K" in codes else row.basic


def site_rules(rows: Mapping[int, Mapping[str, str]]) -> dict[int, tuple[str, str]]:
    """Tag -> (word, comment) where the table asks for something that the options do not give."""
    rules: dict[int, tuple[str, str]] = {}
    for tag, row in sorted(rows.items()):
        wanted = row["TCIA Implementation"]
        known = standard.rows().get(tag)
        if tag in VERSIONS and known is not None:
            rules[tag] = ("keep", f"{known.name}: TCIA keep, no date of a patient")
            continue
        if known is None or tag in EXCEPTIONS or wanted not in WORDS:
            continue  # keep, time and incrementdate are what the options do; lookup is the engine's alias
        code = effect(known)
        if wanted in ("remove", "empty", "replace") and code in STRICTER:
            continue
        if (wanted, code) in {("hashuid", "U"), ("process", "C"), ("process", "K")}:
            continue
        word = BY_CODE.get(known.basic, "remove") if wanted == "remove" else WORDS[wanted]
        comment = f"{row['Attribute Name'].strip()}: TCIA {wanted}, PS3.15 {known.basic}"
        rules[tag] = (word, comment + (f", {code} under the options" if code != known.basic else ""))
    return rules


def policy(source: Path, name: str = "tcia") -> str:
    """The text of ``tcia.toml``, or of ``midi_b.toml``: the table as it was when the challenge's answers were made."""
    rules = site_rules(profile(source))
    heading = "What The Cancer Imaging Archive does to images before it publishes them (its table of 2024)."
    title = (
        "TCIA: Basic Profile with descriptors, pixels and reports cleaned, dates shifted, patient characteristics "
        "and TCIA's safe private attributes kept"
    )
    if name == "midi_b":
        heading = "What the answers of the MIDI-B challenge ask for: the policy tcia, but for the rules marked MIDI-B."
        title = title.replace("TCIA:", "MIDI-B:")
        for tag, word in CHALLENGE.items():
            rules.pop(tag, None)
            if word == "keep":  # what is cleaned or shifted under the options needs no rule
                rules[tag] = (word, f"{standard.rows()[tag].name}: MIDI-B {word}")
        rules = dict(sorted(rules.items()))
    lines = [
        f"# {heading}",
        "# Generated by scripts/generate_tcia.py; do not edit by hand.",
        f"# From {source.name}, sha256 {hashlib.sha256(source.read_bytes()).hexdigest()}",
        'name = "tcia"',
        'title = "TCIA: Basic Profile with descriptors, pixels and reports cleaned, dates shifted, patient '
        "characteristics and TCIA's safe private attributes kept\"",
        'extends = "basic"',
        "options = [",
        *(f'  "{option}",' for option in OPTIONS),
        "]",
        "",
        "[objects]",
        'accept = ["images", "reports", "presentations", "segmentations", "radiotherapy", "waveforms", '
        '"registrations"]',
        'documents = "dummy"',
        "",
        "# Objects that content items refer to keep being found: their UIDs are mapped (TCIA: process, hashuid).",
        "[content]",
        'references = "map"',
        "",
        "# Private attributes by TCIA's knowledge base (_standard/private_dispositions.json); the rest goes.",
        "[private]",
        'dispositions = "tcia"',
        "",
        "# Where TCIA's table asks for something else than PS3.15 with these options. Not followed:",
        *(f"#   {tag:08X} {why}" for tag, why in sorted(EXCEPTIONS.items())),
        "[site]",
        *(f'"{tag:08X}" = "{word}"  # {comment}' for tag, (word, comment) in rules.items()),
    ]
    return "\n".join(lines) + "\n"


def steps(signature: str) -> tuple[Step, ...]:
    """(group, creator, element) from the outermost sequence to the attribute; no creator for standard attributes."""
    found: list[Step] = []
    for match in _STEP.finditer(signature.replace('"', "").strip()):
        group, rest = match[1].upper(), match[2]
        if _PLAIN.fullmatch(rest):
            found.append((group, None, rest.upper()))
        else:
            creator, _, element = rest.rpartition(",")
            found.append((group, normal(creator), element.strip().upper()))
    return tuple(found)


def normal(creator: str) -> str:
    """How creators are compared: upper case, without blanks around; blanks inside count."""
    return creator.strip("\0 ").upper()


def place(above: Iterable[Step]) -> str:
    """The enclosing sequences as text: ``0008,1111/2001,PHILIPS IMAGING DD 129,00``."""
    return "/".join(
        f"{group},{element}" if creator is None else f"{group},{creator},{element}"
        for group, creator, element in above
    )


def dispositions(source: Path) -> list[list[object]]:
    """Rows [place, creator, group, element, disposition, VRs], sorted; the strictest where signatures disagree."""
    strict = ("remove", "uid", "shift", "keep")
    found: dict[tuple[str, str, str, str], dict[str, str]] = defaultdict(dict)
    with source.open(encoding="utf-8-sig", newline="") as stream:
        for row in csv.DictReader(stream):
            path = steps(row["element_sig_pattern"])
            word = DISPOSITIONS.get(row["private_disposition"].strip().lower(), "remove")
            group, creator, element = path[-1]
            if not creator:
                continue  # a standard attribute in a private sequence (Table E.1-1 says it), or no creator at all
            vr = row["vr"].strip() or "UN"
            known = found[place(path[:-1]), creator, group, element]
            known[vr] = min(known.get(vr, word), word, key=strict.index)
    rows: list[list[object]] = []
    for key, by_vr in sorted(found.items()):
        for word in strict:
            vrs = sorted(vr for vr, known in by_vr.items() if known == word)
            if vrs:
                rows.append([*key, word, " ".join(vrs)])
    return rows


def private(source: Path) -> str:
    """The text of ``private_dispositions.json``, one row a line."""
    header = {
        "table": "TCIA private tag knowledge base",
        "edition": "2024-02-01",
        "source_file": source.name,
        "source_sha256": hashlib.sha256(source.read_bytes()).hexdigest(),
        "generator": "scripts/generate_tcia.py",
        "attribution": ATTRIBUTION,
    }
    columns = ["place", "creator", "group", "element", "disposition", "vrs"]
    body = ",\n".join(json.dumps(row, ensure_ascii=True) for row in dispositions(source))
    return f'{{\n"source": {json.dumps(header, indent=1)},\n"columns": {json.dumps(columns)},\n"rows": [\n{body}\n]\n}}\n'


def conflicts(source: Path) -> list[str]:
    """For people: Table E.3.10-1 calls it safe, TCIA removes it."""
    words = {(row[1], row[2], row[3]): row[4] for row in dispositions(source) if row[0] == ""}
    return [
        f"({group:04X},{creator},{element:02X})"
        for creator, group, element in sorted(standard.safe_private())
        if words.get((normal(creator), f"{group:04X}", f"{element:02X}")) == "remove"
    ]


def answers(source: Path) -> str:
    """The text of ``bench/planted/tcia_rules.json``: tag -> what TCIA does, for the planted corpus's answers."""
    rules = {f"{tag:08X}": row["TCIA Implementation"] for tag, row in sorted(profile(source).items())}
    body = ",\n".join(f"{json.dumps(tag)}: {json.dumps(word)}" for tag, word in rules.items())
    return f'{{\n"source": {json.dumps(ATTRIBUTION)},\n"rules": {{\n{body}\n}}\n}}\n'


def generate(table: Path, knowledge: Path) -> dict[str, str]:
    """The text of every generated file, by path in the repository."""
    return {
        "deid/policies/tcia.toml": policy(table),
        "deid/policies/midi_b.toml": policy(table, "midi_b"),
        "deid/_standard/private_dispositions.json": private(knowledge),
        "bench/planted/tcia_rules.json": answers(table),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("table", type=Path, help="tcia_profile_ctp_rules.csv")
    parser.add_argument("knowledge", type=Path, help="TCIAPrivateTagKB-02-01-2024-formatted.csv")
    root = Path(__file__).resolve().parent.parent
    parser.add_argument("root", type=Path, nargs="?", default=root, help="the repository")
    arguments = parser.parse_args()
    for name, text in generate(arguments.table, arguments.knowledge).items():
        (arguments.root / name).write_text(text)
        print(f"wrote {arguments.root / name}")
    for line in conflicts(arguments.knowledge):
        print(f"safe by PS3.15, removed by TCIA: {line}")


if __name__ == "__main__":
    main()

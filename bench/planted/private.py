"""Private attributes drawn from TCIA's knowledge base: what it keeps, removes, hashes and shifts, in their blocks."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from pydicom.datadict import private_dictionary_VR
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from bench.planted.objects import Context
from bench.planted.phrases import Plant, plant

KNOWLEDGE = Path(__file__).resolve().parents[2] / "deid" / "_standard" / "private_dispositions.json"
#: Creators that a vendor's files have (upper case, as they are compared), by modality.
CREATORS = {
    ("GE", "CT"): ("GEMS_IDEN_01", "GEMS_ACQU_01", "GEMS_PARM_01", "GEMS_HELIOS_01", "GEMS_RELA_01"),
    ("GE", "MR"): ("GEMS_IDEN_01", "GEMS_ACQU_01", "GEMS_PARM_01", "GEMS_IMAG_01"),
    ("GE", "PT"): ("GEMS_PETD_01", "GEMS_IDEN_01"),
    ("GE", "US"): ("GEMS_ULTRASOUND_MOVIEGROUP_001",),
    ("GE", "NM"): ("GEMS_GENIE_1",),
    ("GE", "MG"): ("GEMS_SENO_02",),
    ("SIEMENS", "CT"): ("SIEMENS CT VA0  COAD", "SIEMENS CM VA0  CMS", "SIEMENS MED", "SIEMENS MEDCOM HEADER"),
    ("SIEMENS", "MR"): ("SIEMENS MR HEADER", "SIEMENS MR SDS 01", "SIEMENS MEDCOM HEADER2"),
    ("SIEMENS", "PT"): ("SIEMENS MED PT", "SIEMENS MED"),
    ("SIEMENS", "NM"): ("SIEMENS MED NM",),
    ("SIEMENS", "US"): ("SIEMENS MED SMS USG S2000",),
    ("SIEMENS", "XA"): ("SIEMENS SMS-AX  ACQ 1.0",),
    ("PHILIPS", "CT"): ("ELSCINT1",),
    ("PHILIPS", "MR"): (
        "PHILIPS MR IMAGING DD 001", "PHILIPS IMAGING DD 001", "PHILIPS MR IMAGING DD 004", "PHILIPS MR IMAGING DD 005",
    ),
    ("PHILIPS", "PT"): ("PHILIPS PET PRIVATE GROUP",),
    ("TOSHIBA", "CT"): ("TOSHIBA_MEC_CT3",),
    ("HOLOGIC", "MG"): ("HOLOGIC, INC.", "LORAD SELENIA"),
    ("FUJI", "CR"): ("FDMS 1.0", "FUJIFILM TM"),
    ("FUJI", "DX"): ("FDMS 1.0",),
    ("AGFA", "CR"): ("AGFA",),
}  # fmt: skip
#: How a creator is written in files where it is not upper case.
WRITTEN = {
    "PHILIPS MR IMAGING DD 001": "Philips MR Imaging DD 001",
    "PHILIPS IMAGING DD 001": "Philips Imaging DD 001",
    "PHILIPS MR IMAGING DD 004": "Philips MR Imaging DD 004",
    "PHILIPS MR IMAGING DD 005": "Philips MR Imaging DD 005",
    "PHILIPS PET PRIVATE GROUP": "Philips PET Private Group",
    "HOLOGIC, INC.": "HOLOGIC, Inc.",
    "LORAD SELENIA": "LORAD Selenia",
    "FUJIFILM TM": "FujiFILM TM",
    "GEMS_ULTRASOUND_MOVIEGROUP_001": "GEMS_Ultrasound_MovieGroup_001",
}
UNKNOWN = ("ACME SCANNERS 1.0", "LOCAL RIS EXPORT", "HOSPITAL PACS 7")
_TECHNICAL = ("FAST", "STANDARD", "MODE A", "HELICAL", "IR", "CUBE", "TRUE", "FILTER 2", "GRADIENT")
_NUMBERS = {"DS", "IS", "FL", "FD", "SL", "SS", "US", "UL"}
_TEXTS = {"LO", "SH", "CS", "ST", "LT", "UT"}


@dataclass(frozen=True)
class Signature:
    """One attribute of the knowledge base with one disposition for its VR."""

    creator: str
    group: int
    element: int
    vr: str
    disposition: str
    vrs: tuple[str, ...] = ()


@cache
def signatures() -> dict[str, list[Signature]]:
    """By creator: attributes of the top level whose disposition is the same for every VR that files give them."""
    rows = json.loads(KNOWLEDGE.read_text())["rows"]
    words: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for place, creator, group, element, word, _ in rows:
        if not place:
            words[creator, group, element].add(word)
    found: dict[str, list[Signature]] = defaultdict(list)
    for place, creator, group, element, word, vrs in rows:
        usable = [vr for vr in vrs.split() if vr in _NUMBERS | _TEXTS | {"UI", "DA", "DT"}]
        if place or len(words[creator, group, element]) > 1 or not usable:
            continue
        if word == "uid":
            usable = [vr for vr in usable if vr == "UI"]
        if word == "shift":
            usable = [vr for vr in usable if vr in ("DA", "DT")]
        if usable and int(group, 16) % 2:
            found[creator].append(
                Signature(creator, int(group, 16), int(element, 16), usable[0], word, tuple(usable))
            )
    return dict(found)


@cache
def nested() -> dict[str, list[tuple[Signature, list[Signature]]]]:
    """By creator: kept private sequences of the top level with attributes of their items."""
    rows = json.loads(KNOWLEDGE.read_text())["rows"]
    sequences = {
        f"{group},{creator},{element}": Signature(creator, int(group, 16), int(element, 16), "SQ", word)
        for place, creator, group, element, word, vrs in rows
        if not place and "SQ" in vrs.split() and word == "keep"
    }
    inside: dict[str, list[Signature]] = defaultdict(list)
    verdicts: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for _, creator, group, element, word, _ in rows:
        verdicts[creator, group, element].add(word)
    for place, creator, group, element, word, vrs in rows:
        usable = [vr for vr in vrs.split() if vr in _NUMBERS | _TEXTS]
        agreed = (
            len(verdicts[creator, group, element]) == 1
        )  # files of implicit VR do not say which row is meant
        if place in sequences and usable and word in ("keep", "remove") and agreed:
            inside[place].append(Signature(creator, int(group, 16), int(element, 16), usable[0], word))
    found: dict[str, list[tuple[Signature, list[Signature]]]] = defaultdict(list)
    for place, listed in inside.items():
        if len({(one.creator, one.group, one.element) for one in listed}) == len(listed):
            found[sequences[place].creator].append((sequences[place], listed))
    return dict(found)


def add_private(
    c: Context, ds: Dataset, modality: str, plants: dict[str, Plant]
) -> list[tuple[str, str, str]]:
    """Add private attributes; returns (address, disposition, VR) of each, in the answer key's path syntax.

    Some free text that may stay holds identity, too; it is noted in ``plants``.

    Attributes of creators that nobody knows are added, too; their disposition is ``unknown``, which means removal.
    """
    added: list[tuple[str, str, str]] = []
    for creator in CREATORS.get((c.vendor, modality), ()):
        known = signatures().get(creator, [])
        for one in _drawn(c.rng, known):
            one = replace(one, vr=_vr(c, one))
            added.append(_add(c, ds, one, "", plants))
        if known and c.rng.random() < 0.3:
            free = set(range(1, 256)) - {one.element for one in known if one.group == known[0].group}
            listed = {element for group, element in _listed(creator) if group == known[0].group}
            element = c.rng.choice(sorted(free - listed))
            added.append(_add(c, ds, Signature(creator, known[0].group, element, "LO", "unknown"), ""))
        for sequence, listed in nested().get(creator, [])[:2]:
            added += _add_sequence(c, ds, sequence, listed)
    if c.rng.random() < 0.4:
        creator = c.rng.choice(UNKNOWN)
        for element, vr in ((1, "LO"), (2, "DA")):
            one = Signature(creator, 0x0099, element, vr, "unknown")
            added.append(_add(c, ds, one, ""))
    return added


def _drawn(rng: random.Random, known: list[Signature]) -> list[Signature]:
    drawn: list[Signature] = []
    for word, most in (("keep", 4), ("remove", 3), ("uid", 1), ("shift", 1)):
        some = [one for one in known if one.disposition == word]
        drawn += rng.sample(some, min(most, len(some)))
    return drawn


def _vr(c: Context, one: Signature) -> str:
    """One of its VRs; in implicit files the one that readers suppose."""
    drawn = c.rng.choice(one.vrs)
    if not c.implicit:
        return drawn
    try:
        supposed = private_dictionary_VR(
            one.group << 16 | 0x1000 | one.element, WRITTEN.get(one.creator, one.creator)
        )
    except KeyError:
        return drawn
    return supposed if supposed in one.vrs else drawn


@cache
def _listed(creator: str) -> frozenset[tuple[int, int]]:
    """(group, element) of everything that the knowledge base says about a creator, at any place."""
    rows = json.loads(KNOWLEDGE.read_text())["rows"]
    return frozenset((int(row[2], 16), int(row[3], 16)) for row in rows if row[1] == creator)


def _add(
    c: Context, ds: Dataset, one: Signature, above: str, plants: dict[str, Plant] | None = None
) -> tuple[str, str, str]:
    block = ds.private_block(one.group, WRITTEN.get(one.creator, one.creator), create=True)
    value = _value(c, one)
    said = one.vr in ("LO", "ST", "LT", "UT") and one.disposition == "keep" and c.rng.random() < 0.3
    if said and plants is not None:
        drawn = plant(c.rng, "Private", one.vr, c.who, c.accession, c.day)
        plants[f'<({one.group:04x},"{one.creator}",{one.element:02x})>'] = drawn
        value = drawn.text
    block.add_new(one.element, one.vr, value)
    path = f'{above}<({one.group:04x},"{one.creator}",{one.element:02x})>'
    return path, one.disposition, one.vr


def _add_sequence(
    c: Context, ds: Dataset, sequence: Signature, listed: list[Signature]
) -> list[tuple[str, str, str]]:
    block = ds.private_block(sequence.group, WRITTEN.get(sequence.creator, sequence.creator), create=True)
    path = f'<({sequence.group:04x},"{sequence.creator}",{sequence.element:02x})>'
    item = Dataset()
    drawn = c.rng.sample(listed, min(4, len(listed)))
    added = [(path, "keep", "SQ"), *(_add(c, item, one, f"{path}[<0000>]") for one in drawn)]
    block.add_new(sequence.element, "SQ", Sequence([item]))
    return added


def _value(c: Context, one: Signature) -> object:
    rng = c.rng
    if one.vr == "UI":
        return "1.2.840.10008.5.1.4.1.1.66" if one.disposition == "keep" else c.new_uid()
    if one.vr in ("DA", "DT"):
        return c.day.strftime("%Y%m%d") + (c.time if one.vr == "DT" else "")
    if one.vr in ("DS", "IS"):
        return str(rng.randrange(10, 9999)) if one.vr == "IS" else f"{rng.uniform(1, 900):.3f}"
    if one.vr in ("FL", "FD"):
        return float(rng.randrange(1, 4000)) / 4
    if one.vr in ("SL", "SS", "US", "UL"):
        return rng.randrange(10, 30_000)
    if one.disposition != "keep" and one.vr != "CS":
        who = rng.choice([c.who.family, c.who.mrn, c.who.operator.family, c.who.phone])
        return who[:16] if who.isascii() else c.who.mrn[:16]
    return rng.choice(_TECHNICAL)

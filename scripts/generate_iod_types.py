"""Generate what PS3.3 says of attribute types, out of the tables of highdicom (facts of PS3.3, MIT).

``bench/planted/iod_types.json``: type 1 and 2 attributes of the top level, by SOP class.
``deid/_standard/nested_types.json``: types inside sequences of attributes with a compound code, by path.

Usage::

    python scripts/generate_iod_types.py HIGHDICOM/_standard [ROOT]
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path
from typing import Any

from pydicom.datadict import tag_for_keyword

#: SOP classes of the planted corpus.
CLASSES = {
    "CR": "1.2.840.10008.5.1.4.1.1.1",
    "DX": "1.2.840.10008.5.1.4.1.1.1.1",
    "MG": "1.2.840.10008.5.1.4.1.1.1.2",
    "CT": "1.2.840.10008.5.1.4.1.1.2",
    "enhanced CT": "1.2.840.10008.5.1.4.1.1.2.1",
    "US multi-frame": "1.2.840.10008.5.1.4.1.1.3.1",
    "MR": "1.2.840.10008.5.1.4.1.1.4",
    "enhanced MR": "1.2.840.10008.5.1.4.1.1.4.1",
    "US": "1.2.840.10008.5.1.4.1.1.6.1",
    "SC": "1.2.840.10008.5.1.4.1.1.7",
    "12-lead ECG": "1.2.840.10008.5.1.4.1.1.9.1.1",
    "GSPS": "1.2.840.10008.5.1.4.1.1.11.1",
    "XA": "1.2.840.10008.5.1.4.1.1.12.1",
    "RF": "1.2.840.10008.5.1.4.1.1.12.2",
    "NM": "1.2.840.10008.5.1.4.1.1.20",
    "SEG": "1.2.840.10008.5.1.4.1.1.66.4",
    "comprehensive SR": "1.2.840.10008.5.1.4.1.1.88.33",
    "KOS": "1.2.840.10008.5.1.4.1.1.88.59",
    "encapsulated PDF": "1.2.840.10008.5.1.4.1.1.104.1",
    "PT": "1.2.840.10008.5.1.4.1.1.128",
    "RTDOSE": "1.2.840.10008.5.1.4.1.1.481.2",
    "RTSTRUCT": "1.2.840.10008.5.1.4.1.1.481.3",
    "RTPLAN": "1.2.840.10008.5.1.4.1.1.481.5",
}


def types(folder: Path) -> dict[str, dict[str, str]]:
    """SOP class -> keyword -> ``1`` or ``2``, of mandatory modules."""
    iods, modules, attributes = (
        json.loads((folder / f"{name}.json").read_text())
        for name in ("sop_class_iod_map", "iod_module_map", "module_attribute_map")
    )
    found = {}
    for uid in CLASSES.values():
        strictest: dict[str, str] = {}
        for module in modules[iods[uid]]:
            if module["usage"] != "M":
                continue
            for attribute in attributes[module["key"]]:
                if attribute["path"] == [] and attribute["type"] in ("1", "2"):
                    known = strictest.get(attribute["keyword"], attribute["type"])
                    strictest[attribute["keyword"]] = min(known, attribute["type"])
        found[uid] = dict(sorted(strictest.items()))
    return found


def nested(folder: Path, codes: Path) -> dict[str, Any]:
    """Path of a sequence (tags joined by ``/``) -> tag -> type, of attributes with a compound code in ``codes``.

    The modules agree about the type at a path with few exceptions; of those the strictest is taken. Attributes whose
    type no module states are left out.
    """
    source = folder / "module_attribute_map.json"
    rows = json.loads(codes.read_text())["rows"]
    compound = {row[0] for row in rows if "/" in row[3]}
    found: dict[str, dict[str, str]] = {}
    for module in json.loads(source.read_text()).values():
        for attribute in module:
            tag = tag_for_keyword(attribute["keyword"])
            path = [tag_for_keyword(keyword) for keyword in attribute["path"]]
            if (
                not path
                or tag is None
                or None in path
                or f"{tag:08X}" not in compound
                or not attribute["type"]
            ):
                continue
            types = found.setdefault("/".join(f"{step:08X}" for step in path), {})
            types[f"{tag:08X}"] = min(types.get(f"{tag:08X}", "3"), attribute["type"])
    return {
        "source": {
            "standard": "DICOM PS3.3 attribute types inside sequences, by path",
            "edition": "see highdicom 0.28.2 module tables (PS3.3)",
            "source_file": source.name,
            "source_sha256": hashlib.sha256(source.read_bytes()).hexdigest(),
            "generator": "scripts/generate_iod_types.py",
            "attribution": "Facts of the DICOM Standard, (c) NEMA, as read from the tables of highdicom (MIT).",
        },
        "types": {path: dict(sorted(types.items())) for path, types in sorted(found.items())},
    }


def dump(facts: dict[str, Any]) -> str:
    """One fact per line."""
    rows = [f"{json.dumps(key)}: {json.dumps(kinds)}" for key, kinds in facts["types"].items()]
    body = ",\n".join(rows)
    return f'{{\n"source": {json.dumps(facts["source"])},\n"types": {{\n{body}\n}}\n}}\n'


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, help="highdicom/_standard")
    parser.add_argument("root", type=Path, nargs="?", default=Path(__file__).resolve().parent.parent)
    arguments = parser.parse_args()
    source = "PS3.3 as read from the tables of highdicom 0.28.2 (MIT); facts of the DICOM Standard, (c) NEMA"
    top = {"source": source, "types": dict(sorted(types(arguments.folder).items()))}
    standard = arguments.root / "deid" / "_standard"
    for path, facts in (
        (arguments.root / "bench" / "planted" / "iod_types.json", top),
        (standard / "nested_types.json", nested(arguments.folder, standard / "confidentiality.json")),
    ):
        path.write_text(dump(facts))
        print(f"wrote {path}")


if __name__ == "__main__":
    main()

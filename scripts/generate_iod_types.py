"""Generate ``bench/planted/iod_types.json``: type 1 and 2 attributes of the top level, by SOP class (PS3.3).

Usage, in an environment that has highdicom (its ``_standard`` tables are facts of PS3.3, MIT)::

    python scripts/generate_iod_types.py HIGHDICOM/_standard [OUT]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, help="highdicom/_standard")
    default = Path(__file__).resolve().parent.parent / "bench" / "planted" / "iod_types.json"
    parser.add_argument("out", type=Path, nargs="?", default=default)
    arguments = parser.parse_args()
    source = "PS3.3 as read from the tables of highdicom 0.28.2 (MIT); facts of the DICOM Standard, (c) NEMA"
    lines = [
        f"{json.dumps(uid)}: {json.dumps(kinds)}" for uid, kinds in sorted(types(arguments.folder).items())
    ]
    body = ",\n".join(lines)
    arguments.out.write_text(f'{{\n"source": {json.dumps(source)},\n"types": {{\n{body}\n}}\n}}\n')
    print(f"wrote {arguments.out}")


if __name__ == "__main__":
    main()

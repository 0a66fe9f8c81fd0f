"""Which cases the demo has, and the folder that holds them."""

from __future__ import annotations

import csv
import json
import shutil
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, cast

from scripts.demo_images.derive import REFERENCE_MAS, Recipe, derive, native_clusters
from scripts.demo_images.documents import write_letter
from scripts.demo_images.people import PEOPLE, burned_text, planted, planted_dates
from scripts.demo_images.series import describe, write_capture, write_ct
from scripts.demo_images.volumes import Volume

DICOM = "dicom"
TRUTH = "truth.csv"
IDENTITIES = "identities.json"
COLLECTION = "RADFLOW-DEMO"
_DONE = ".complete.json"

_INSERTED = (0.0, 0.02, 0.05, 0.08, 0.12, 0.16, 0.21, 0.27)
_DOSES = (0.30, 0.25, 0.40, 0.20, 0.15, 0.35, 0.25, 0.20)

COLLECTION_ENTRY = {
    "Collection": COLLECTION,
    "LicenseName": "BSD 3-Clause (pyradiomics 3.0.1)",
    "LicenseURI": "https://opensource.org/license/bsd-3-clause",
    "DataDescriptionURI": "https://pyradiomics.readthedocs.io/",
    "LicenseText": (
        "The CT volumes are part of the source distribution of pyradiomics 3.0.1, Copyright (c) 2017 Harvard "
        "Medical School, BSD 3-Clause; it does not say where they were acquired. Series marked DERIVED are "
        "simulated from them. Every identity in these files is invented. For the demonstration of Radflow "
        "only; do not pass on.\n"
    ),
    "DateReleased": "01-15-2026",
}


@dataclass(frozen=True)
class Case:
    """One patient of the demo: which volume, and how it is derived (unmodified where there is no recipe).

    ``beside`` names a second series of the study: ``capture`` (text burned into its pixels, which can be cleaned) or
    ``letter`` (a PDF, which cannot).
    """

    number: int
    volume: str
    recipe: Recipe | None
    beside: Literal["", "capture", "letter"] = ""

    @property
    def name(self) -> str:
        """A name without identity, used for folders."""
        return f"case-{self.number + 1:02d}"


def real_cases() -> list[Case]:
    """Two unmodified volumes, then eight low-dose cases of rising truth, alternately from both."""
    cases = [Case(0, "lung1", None, beside="capture"), Case(1, "lung2", None)]
    for i, (inserted, dose) in enumerate(zip(_INSERTED, _DOSES, strict=True)):
        base = ("lung2", "lung1")[i % 2]
        pattern = "panlobular" if i % 3 == 2 else "centrilobular"
        recipe = Recipe(base, inserted, dose, pattern, seed=20260 + i)
        cases.append(Case(i + 2, base, recipe, beside="letter" if i == 3 else ""))
    return cases


def small_cases(count: int = 5) -> list[Case]:
    """One unmodified phantom and ``count - 1`` derived ones."""
    cases = [Case(0, "phantom", None, beside="capture")]
    for i, inserted in enumerate((0.0, 0.06, 0.14, 0.25)[: count - 1]):
        recipe = Recipe("phantom", inserted, _DOSES[i], "centrilobular", seed=40 + i)
        cases.append(Case(i + 1, "phantom", recipe, beside="letter" if i == 1 else ""))
    return cases


def build(out: Path, volumes: list[Volume], cases: list[Case], *, slices: int, workers: int = 1) -> Path:
    """Make every case below ``out``; nothing is done where the same cases are there already.

    Args:
        out: gets ``dicom/`` (serve this), ``truth.csv`` and ``identities.json`` (tests only: never copy it
            near the research store).
        volumes: the volumes that the cases name.
        cases: what to make.
        slices: derived cases are cropped to this many slices, where the lung is largest.
        workers: processes to share the work.

    Returns:
        The folder to serve.
    """
    by_name = {volume.name: volume for volume in volumes}
    recipe = {"version": 2, "slices": slices, "cases": [repr(case) for case in cases]}
    if (out / _DONE).is_file() and json.loads((out / _DONE).read_text("utf-8")) == recipe:
        return out / DICOM
    part = out.with_name(f".{out.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    (part / DICOM).mkdir(parents=True)
    for name in {case.volume for case in cases if case.recipe}:
        by_name[name] = by_name[name].crop(slices) if by_name[name].real else by_name[name]
    whole = {volume.name: volume for volume in volumes}
    jobs = [(case, (by_name if case.recipe else whole)[case.volume]) for case in cases]
    make = partial(_make, part / DICOM)
    if workers > 1:
        with ProcessPoolExecutor(workers) as pool:
            made = list(pool.map(make, *zip(*jobs, strict=True)))
    else:
        made = [make(case, volume) for case, volume in jobs]
    _write_truth(part / TRUTH, [row for row, _ in made])
    _write_identities(part / IDENTITIES, [entry for _, entry in made])
    (part / DICOM / "collection.json").write_text(json.dumps(COLLECTION_ENTRY, indent=1) + "\n", "utf-8")
    (part / _DONE).write_text(json.dumps(recipe), "utf-8")
    if out.exists():
        shutil.rmtree(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    part.rename(out)
    return out / DICOM


def _make(root: Path, case: Case, volume: Volume) -> tuple[dict[str, object], dict[str, object]]:
    """Write one case; return its row of the truth and its entry of the identities."""
    person = PEOPLE[case.number]
    row: dict[str, object] = {
        "case": case.name,
        "base": case.volume,
        "derived": "yes" if case.recipe else "no",
    }
    if case.recipe:
        made = derive(volume, case.recipe)
        written = made.volume
        row |= {
            "emphysema_fraction": f"{made.truth:.5f}",
            "inserted_fraction": f"{made.inserted:.5f}",
            "native_fraction": f"{made.native:.5f}",
            "pattern": case.recipe.pattern,
        }
    else:
        written = volume
        native = native_clusters(volume).sum() / volume.lung.sum()
        row |= {"native_fraction": f"{native:.5f}"}
    dose = case.recipe.dose if case.recipe else 1.0
    row["exposure_mas"] = round(REFERENCE_MAS * dose)
    row["description"] = describe(volume, case.recipe)
    study = f"{case.volume}/{case.name}"
    row["series_instance_uid"] = write_ct(root / case.name, written, person, study, case.recipe)
    entry: dict[str, object] = {
        "case": case.name,
        "series_instance_uid": row["series_instance_uid"],
        "strings": planted(person),
        "dates": planted_dates(person),
    }
    if case.beside == "capture":
        uid = write_capture(root / f"{case.name}-capture", written, person, study)
        entry |= {"burned_in": burned_text(person), "capture_series_instance_uid": uid}
    elif case.beside == "letter":
        entry["letter_series_instance_uid"] = write_letter(root / f"{case.name}-letter", person, study)
    return row, entry


def _write_truth(path: Path, rows: list[dict[str, object]]) -> None:
    columns = [
        "series_instance_uid",
        "emphysema_fraction",
        "derived",
        "description",
        "case",
        "base",
        "pattern",
    ]
    columns += ["inserted_fraction", "native_fraction", "exposure_mas"]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(rows)


def _write_identities(path: Path, entries: list[dict[str, object]]) -> None:
    strings = sorted({text for entry in entries for text in cast(list[str], entry["strings"])})
    found = {
        "about": "Every identity planted in the demo's images, all invented. Dates count within a case only.",
        "strings": strings,
        "uids": sorted(str(v) for entry in entries for k, v in entry.items() if k.endswith("uid")),
        "cases": entries,
    }
    path.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", "utf-8")

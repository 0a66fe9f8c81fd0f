"""A frozen cohort for elsewhere: CSV, JSON, FHIR R4 Group, and manifests that fetch its listed series.

Every form says the licence and citation of what it lists. No form holds anything that the catalog does not.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from research.cohorts import CohortError

Row = Mapping[str, Any]
COLUMNS = (
    "series_uid", "study_uid", "patient_alias", "collection", "modality", "body_part", "image_count", "study_date",
    "state", "timepoint", "timepoint_label", "days_from_baseline", "manifest_sha256", "licence", "licence_uri",
    "citation_uri", "uri",
)  # fmt: skip
# TCIA registers its data under this DOI prefix; a derived series of somebody else is not TCIA's.
_TCIA_DOI = "10.7937/"
_NBIA = "https://{host}.cancerimagingarchive.net/nbia-download/servlet/DownloadServlet"


def collections(members: Sequence[Row]) -> list[dict[str, Any]]:
    """Licences and citations: one entry per collection, licence and citation, with its number of series."""
    counts: dict[tuple[Any, ...], int] = {}
    for row in members:
        key = tuple(row[name] for name in ("collection", "licence", "licence_uri", "citation_uri"))
        counts[key] = counts.get(key, 0) + 1
    return [
        {
            "collection": key[0],
            "licence": key[1],
            "licence_uri": key[2],
            "citation_uri": key[3],
            "series_count": n,
        }
        for key, n in sorted(counts.items(), key=lambda item: tuple(str(part) for part in item[0]))
    ]


def as_csv(cohort: Row, members: Sequence[Row]) -> str:
    """One line per series, RFC 4180; texts that a spreadsheet would take for a formula are quoted with ``'``."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(("cohort", *COLUMNS))
    for row in members:
        writer.writerow([f"{cohort['name']}@{cohort['version']}", *(_cell(row[name]) for name in COLUMNS)])
    return out.getvalue()


def _cell(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


def as_json(cohort: Row, members: Sequence[Row]) -> str:
    """The cohort with criteria, hashes, members, licences."""
    kept = ("name", "version", "english", "criteria", "criteria_sha256", "catalog_version", "cohort_sha256", "grouping",
            "owner", "frozen_at")  # fmt: skip
    body = {
        "radflow_cohort": 1,
        **{name: cohort[name] for name in kept},
        "attrition": cohort["attrition"],
        "collections": collections(members),
        "members": [{name: row[name] for name in COLUMNS} for row in members],
    }
    return json.dumps(body, indent=1, default=str, ensure_ascii=False) + "\n"


def as_fhir(cohort: Row, members: Sequence[Row]) -> str:
    """FHIR R4 Group of persons (hl7.org/fhir/R4/group.html); patients by alias, as logical references."""
    people = sorted({(row["collection"], row["patient_alias"]) for row in members}, key=str)
    group = {
        "resourceType": "Group",
        "identifier": [{"system": "urn:radflow:cohort", "value": f"{cohort['name']}@{cohort['version']}"}],
        "active": True,
        "type": "person",
        "actual": True,
        "code": {"text": "Patients with series in a frozen imaging cohort"},
        "name": cohort["english"],
        "quantity": len(people),
        "characteristic": [
            {
                "code": {"text": f"rule {step['rule_no']}"},
                "valueCodeableConcept": {"text": step["rule_text"]},
                "exclude": False,
            }
            for step in cohort["attrition"]
            if step["rule_no"]
        ],
        "member": [
            {
                "entity": {
                    "type": "Patient",
                    "identifier": {"system": f"urn:radflow:collection:{collection}", "value": alias},
                }
            }
            for collection, alias in people
        ],
    }
    # FHIR has no empty arrays.
    body = {name: value for name, value in group.items() if value != []}
    return json.dumps(body, indent=1, ensure_ascii=False) + "\n"


def as_s5cmd(cohort: Row, members: Sequence[Row]) -> str:
    """``s5cmd run FILE``: one copy command for each listed series that lies in a public bucket.

    Raises:
        CohortError: no series of the cohort does.
    """
    found = [
        row for row in members if row["state"] == "listed" and str(row["uri"]).startswith(("s3://", "gs://"))
    ]
    if not found:
        _nothing(
            "listed in a public bucket", "Its series are here already: take them from the research store."
        )
    lines = [f"# cohort {cohort['name']}@{cohort['version']}, {len(found)} of {len(members)} series"]
    lines += [f"# {_one_line(told)}" for told in _terms(found)]
    for row in found:
        source = str(row["uri"]).rstrip("*").rstrip("/")
        if any(char.isspace() or char in "'\"#;" for char in source):
            continue  # no address of a bucket's object looks so
        lines.append(f"cp {source}/* {row['collection']}/{row['series_uid']}/")
    return "\n".join(lines) + "\n"


def as_tcia(cohort: Row, members: Sequence[Row]) -> str:
    """A manifest for the NBIA Data Retriever: listed series that TCIA published under the very same UIDs.

    Series that were fetched and de-identified here have new UIDs, which no archive knows.

    Raises:
        CohortError: no series of the cohort is such a one, or they lie on two hosts.
    """
    found = [
        row
        for row in members
        if row["state"] == "listed" and _TCIA_DOI in str(row["citation_uri"]) and not row["analysis_result"]
    ]
    if not found:
        _nothing("listed and published by TCIA", "Use the CSV, or the s5cmd manifest for listed series.")
    hosts = sorted({"nlst" if row["collection"] == "nlst" else "nbia" for row in found})
    if len(hosts) > 1:
        msg = "NLST lies on a host of its own, and a manifest names one host."
        raise CohortError(msg, "Freeze NLST as a cohort of its own, or use the s5cmd manifest.")
    head = (
        f"downloadServerUrl={_NBIA.format(host=hosts[0])}",
        "includeAnnotation=true",
        "noOfrRetry=4",
        f"databasketId=manifest-{cohort['name']}-{cohort['version']}.tcia",
        "manifestVersion=3.0",
        "ListOfSeriesToDownload=",
    )
    return "\n".join([*head, *(str(row["series_uid"]) for row in found)]) + "\n"


def _terms(members: Sequence[Row]) -> list[str]:
    return [
        f"{one['collection']}: {one['series_count']} series, {one['licence'] or 'no licence known'}, "
        f"{one['citation_uri'] or 'no citation known'}"
        for one in collections(members)
    ]


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _nothing(what: str, remedy: str) -> None:
    msg = f"No series of this cohort is {what}."
    raise CohortError(msg, remedy)


FORMATS: Mapping[str, tuple[Callable[[Row, Sequence[Row]], str], str, str]] = {
    "csv": (as_csv, "text/csv; charset=utf-8", "csv"),
    "json": (as_json, "application/json", "json"),
    "fhir": (as_fhir, "application/fhir+json", "fhir.json"),
    "s5cmd": (as_s5cmd, "text/plain; charset=utf-8", "s5cmd"),
    "tcia": (as_tcia, "text/plain; charset=utf-8", "tcia"),
}
"""Per format: how it is written, its media type, the ending of its file."""

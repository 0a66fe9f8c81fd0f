"""Radflow's Airflow provider: what it adds to Airflow, declared in one place.

Importing this package imports no Airflow, so that the pure parts of Radflow stay quick to load.
"""

from __future__ import annotations

from typing import Any

from operators.connections import DICOMWEB, DIMSE, FHIR, IDC, NBIA

__version__ = "0.1.0"

_URIS = {
    "landing_uri": "Originals as received. Only the de-identify task and the broker read them.",
    "research_uri": "De-identified objects, written once.",
    "quarantine_uri": "What de-identification or acceptance could not vouch for.",
    "artifacts_uri": "Outputs of experiments.",
}


def _option(
    description: str, default: str, *, kind: str = "string", sensitive: bool = False
) -> dict[str, Any]:
    return {
        "description": description,
        "version_added": "0.1.0",
        "type": kind,
        "example": None,
        "default": default,
        "sensitive": sensitive,
    }


def get_provider_info() -> dict[str, Any]:
    """What Airflow's provider manager asks for (entry point ``apache_airflow_provider``)."""
    zones = {
        name: _option(f"{text} A file:// or object-store URI.", f"file://{{AIRFLOW_HOME}}/{name[:-4]}")
        for name, text in _URIS.items()
    }
    return {
        "package-name": "radflow",
        "name": "Radflow",
        "description": "De-identified, curated, discoverable imaging data and reproducible experiments on it.",
        "versions": [__version__],
        "operators": [
            {
                "integration-name": "Radflow",
                "python-modules": [
                    f"operators.{stem}"
                    for stem in (
                        "fetch",
                        "fetch_dicom",
                        "deidentify",
                        "curate",
                        "catalog",
                        "cohort",
                        "experiment",
                        "evaluate",
                        "reidentify",
                        "audit",
                        "clinical",
                        "upload",
                    )
                ]
                + ["operators.model_container"],
            }
        ],
        "hooks": [
            {
                "integration-name": "Radflow",
                "python-modules": [
                    "operators.hooks.nbia",
                    "operators.hooks.idc",
                    "operators.hooks.dicomweb",
                    "operators.hooks.dimse",
                    "operators.hooks.fhir",
                    "operators.hooks.research_db",
                ],
            }
        ],
        "connection-types": [NBIA, IDC, DICOMWEB, DIMSE, FHIR],
        "config": {
            "radflow": {
                "description": "Settings of the Radflow platform.",
                "options": {
                    **zones,
                    "scratch_dir": _option(
                        "Local folder for half-done work; may be emptied when nothing runs.",
                        "{AIRFLOW_HOME}/scratch",
                    ),
                    "database_conn_id": _option("Connection of the radflow_pipeline role.", "radflow_db"),
                    "portal_dsn": _option(
                        "libpq connection string of the radflow_portal role.",
                        "dbname=radflow user=radflow_portal",
                        sensitive=True,
                    ),
                    "broker_dsn": _option(
                        "libpq connection string of the radflow_broker role; for the web server only.",
                        "dbname=radflow user=radflow_broker",
                        sensitive=True,
                    ),
                    "deid_conn_id": _option(
                        "Connection that holds the de-identification key (password) and its project (login).",
                        "radflow_deid",
                    ),
                    "deid_policy": _option("De-identification policy: a shipped name or a path.", "research"),
                    "runtime": _option(
                        "Where model containers run: docker, process, or auto (docker if an engine answers).",
                        "auto",
                    ),
                    "chunk_tasks": _option(
                        "About how many mapped tasks a list of series or cases is cut into.",
                        "4",
                        kind="integer",
                    ),
                    "fetch_parallel": _option(
                        "How many series one fetch task downloads at once; archives ask for 2 to 4.",
                        "3",
                        kind="integer",
                    ),
                    "view_cache_mb": _option(
                        "Megabytes of drawn series that the portal keeps in the artifacts zone.",
                        "2000",
                        kind="integer",
                    ),
                    "upload_dir": _option(
                        "Folder that the web server writes uploads to and the upload task reads; shared by both. "
                        "Where empty: uploads/ in a local landing zone.",
                        "",
                    ),
                    "upload_quota_gb": _option(
                        "Gigabytes that one account may upload within thirty days, where it has no quota of its own.",
                        "100",
                        kind="float",
                    ),
                    "upload_file_gb": _option(
                        "Gigabytes that one uploaded file, a zip too, may have.", "20", kind="float"
                    ),
                    "upload_keep_days": _option(
                        "Days until an upload that nobody goes on with ends, and until file names are forgotten.",
                        "7",
                        kind="integer",
                    ),
                    "code_version": _option("Version written into every run's record.", __version__),
                },
            }
        },
    }

"""fetch: take files of reports and values (CSV, HL7 ORU, FHIR NDJSON) from a folder of the landing zone."""

from datetime import timedelta

import pendulum
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, Asset, Param

from operators.clinical import ClinicalNewsOperator, ReportsFetchOperator

with DAG(
    dag_id="fetch_reports",
    description=__doc__,
    doc_md="Put files into incoming/reports of the landing zone. See docs/how-to/clinical.md.",
    schedule="@hourly",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    tags=["radflow", "fetch", "clinical"],
    default_args={"owner": "radflow", "retries": 1, "retry_delay": timedelta(minutes=5)},
    params={
        "folder": Param("reports", type="string", title="Folder in landing/incoming"),
        "collection": Param("RADFLOW-DEMO", type="string", title="Collection of the images"),
        "identifiers": Param(
            None, type=["null", "string"], title="Patient ID of the images, SYSTEM=ISSUER (may be empty)"
        ),
        "licence": Param(None, type=["null", "string"], title="Licence (may be empty)"),
        "release": Param(default=False, type="boolean", title="Show reports without a person's look"),
        "owner": Param("admin", type="string", title="Owner"),
        "team": Param(None, type=["null", "string"], title="Team (may be empty)"),
        "visibility": Param("private", enum=["private", "team", "public"], title="Who may see it"),
    },
):
    fetch = ReportsFetchOperator(
        task_id="fetch",
        folder="{{ params.folder }}",
        collection="{{ params.collection }}",
        identifiers="{{ params.identifiers or '' }}",
        licence="{{ params.licence or '' }}",
        release="{{ params.release }}",
        account="{{ params.owner }}",
        team="{{ params.team or '' }}",
        visibility="{{ params.visibility }}",
    )
    announce = ClinicalNewsOperator(
        task_id="announce", outlets=[Asset("radflow://landing/clinical")], trigger_rule="all_done"
    )
    fetch >> [announce, EmptyOperator(task_id="complete", trigger_rule="none_failed")]

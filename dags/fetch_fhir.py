"""fetch: bring what is new of FHIR servers (reports, laboratory values, diagnoses) into the landing zone."""

from datetime import timedelta

import pendulum
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, Asset, Param

from operators.clinical import ClinicalNewsOperator, FhirFetchOperator

with DAG(
    dag_id="fetch_fhir",
    description=__doc__,
    doc_md="Without a collection: what is followed, as every night. See docs/how-to/clinical.md.",
    schedule="@daily",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    tags=["radflow", "fetch", "clinical"],
    default_args={"owner": "radflow", "retries": 2, "retry_delay": timedelta(minutes=5)},
    params={
        "collection": Param(None, type=["null", "string"], title="Collection (empty: what is followed)"),
        "connection": Param("fhir_default", type="string", title="FHIR connection"),
        "searches": Param(
            None,
            type=["null", "string"],
            title="Searches, e.g. Patient DiagnosticReport?category=RAD (empty: all)",
        ),
        "bulk": Param(default=False, type="boolean", title="By bulk export"),
        "group": Param(None, type=["null", "string"], title="Group to export (may be empty)"),
        "since": Param(None, type=["null", "string"], title="Only what changed since (may be empty)"),
        "follow": Param(default=False, type="boolean", title="Follow: every night what changed"),
        "licence": Param(None, type=["null", "string"], title="Licence (may be empty)"),
        "release": Param(default=False, type="boolean", title="Show reports without a person's look"),
        "owner": Param("admin", type="string", title="Owner"),
        "team": Param(None, type=["null", "string"], title="Team (may be empty)"),
        "visibility": Param("private", enum=["private", "team", "public"], title="Who may see it"),
    },
):
    fetch = FhirFetchOperator(
        task_id="fetch",
        conn_id="{{ params.connection }}",
        collection="{{ params.collection or '' }}",
        searches="{{ params.searches or '' }}",
        bulk="{{ params.bulk }}",
        group="{{ params.group or '' }}",
        since="{{ params.since or '' }}",
        follow="{{ params.follow }}",
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

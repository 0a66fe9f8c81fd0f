"""fetch: bring what a hospital's archive has over DICOMweb, and is not here yet, into the landing zone."""

from datetime import timedelta

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, Asset, Param

from operators.fetch import FetchOperator, LandingNewsOperator
from operators.fetch_dicom import FetchArchivePlanOperator

with DAG(
    dag_id="fetch_dicomweb",
    description=__doc__,
    doc_md="Never name a person, a study or a number here: write it into a request file. See docs/how-to/fetch.md.",
    schedule=None,
    catchup=False,
    max_active_runs=1,
    tags=["radflow", "fetch"],
    default_args={"owner": "radflow", "retries": 2, "retry_delay": timedelta(seconds=10)},
    params={
        "collection": Param("site", type="string", minLength=1, title="Name under which the images are kept"),
        "connection": Param("dicomweb_default", type="string", title="DICOMweb connection"),
        "request": Param(
            None, type=["null", "string"], title="Request file in landing/requests (may be empty)"
        ),
        "studied_from": Param(
            None,
            type=["null", "string"],
            format="date",
            title="First day of study (needed without a request)",
        ),
        "studied_to": Param(
            None, type=["null", "string"], format="date", title="Last day of study (may be empty)"
        ),
        "modality": Param(
            None, type=["null", "string"], title="Only these modalities, e.g. CT,MR (may be empty)"
        ),
        "body_part": Param(None, type=["null", "string"], title="Only this body part (may be empty)"),
        "description": Param(
            None, type=["null", "string"], title="Only with this in the description (nothing about a person)"
        ),
        "limit": Param(0, type="integer", minimum=0, title="At most so many new series (0 = all)"),
        "dry_run": Param(default=False, type="boolean", title="Only count series and images"),
        "parallel": Param(1, type="integer", minimum=1, maximum=8, title="Series at once"),
        "owner": Param("admin", type="string", title="Owner"),
        "team": Param(None, type=["null", "string"], title="Team (may be empty)"),
        "visibility": Param("private", enum=["private", "team", "public"], title="Who may see the images"),
    },
):
    plan = FetchArchivePlanOperator(
        task_id="plan",
        conn_id="{{ params.connection }}",
        collection="{{ params.collection }}",
        request="{{ params.request or '' }}",
        studied_from="{{ params.studied_from or '' }}",
        studied_to="{{ params.studied_to or '' }}",
        modality="{{ params.modality or '' }}",
        body_part="{{ params.body_part or '' }}",
        description="{{ params.description or '' }}",
        limit="{{ params.limit }}",
        only_count="{{ params.dry_run }}",
        account="{{ params.owner }}",
        team="{{ params.team or '' }}",
        visibility="{{ params.visibility }}",
    )
    fetch = FetchOperator.partial(
        task_id="fetch", parallel="{{ params.parallel }}", max_active_tis_per_dagrun=1
    ).expand(series_ids=plan.output)
    announce = LandingNewsOperator(
        task_id="announce", outlets=[Asset("radflow://landing/series")], trigger_rule="all_done"
    )
    complete = EmptyOperator(task_id="complete", trigger_rule="none_failed")
    plan >> fetch >> [announce, complete]

"""fetch: bring what is new of one TCIA collection into the landing zone."""

from datetime import timedelta

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, Asset, Param

from operators.fetch import FetchOperator, FetchPlanOperator, ImportTruthOperator, LandingNewsOperator

with DAG(
    dag_id="fetch_tcia",
    description=__doc__,
    doc_md="Only series that are not here yet are downloaded; each is verified whole. See docs/how-to/fetch.md.",
    schedule=None,
    catchup=False,
    max_active_runs=1,
    tags=["radflow", "fetch"],
    default_args={"owner": "radflow", "retries": 2, "retry_delay": timedelta(seconds=10)},
    params={
        "collection": Param("RADFLOW-DEMO", type=["null", "string"], title="Collection (empty: by manifest)"),
        "connection": Param("nbia_default", type="string", title="NBIA connection"),
        "modality": Param(None, type=["null", "string"], title="Only this modality (may be empty)"),
        "body_part": Param(None, type=["null", "string"], title="Only this body part (may be empty)"),
        "manifest": Param(
            None, type=["null", "string"], title="Manifest in landing/manifests (may be empty)"
        ),
        "limit": Param(0, type="integer", minimum=0, title="At most so many new series (0 = all)"),
        "dry_run": Param(default=False, type="boolean", title="Only count series and gigabytes"),
        "fallback": Param(None, type=["null", "string"], title="Other connection where this one fails"),
        "parallel": Param(None, type=["null", "integer"], minimum=1, maximum=16, title="Series at once"),
        "truth_file": Param(
            None, type=["null", "string"], title="Truth file in landing/truth (may be empty)"
        ),
        "owner": Param("admin", type="string", title="Owner"),
        "team": Param(None, type=["null", "string"], title="Team (may be empty)"),
        "visibility": Param("private", enum=["private", "team", "public"], title="Who may see the images"),
    },
):
    truth = ImportTruthOperator(
        task_id="truth",
        file_name="{{ params.truth_file or '' }}",
        collection="{{ params.collection or '' }}",
        source="{{ params.connection }}",
    )
    plan = FetchPlanOperator(
        task_id="plan",
        conn_id="{{ params.connection }}",
        collection="{{ params.collection or '' }}",
        modality="{{ params.modality or '' }}",
        body_part="{{ params.body_part or '' }}",
        manifest="{{ params.manifest or '' }}",
        limit="{{ params.limit }}",
        only_count="{{ params.dry_run }}",
        fallback_conn_id="{{ params.fallback or '' }}",
        account="{{ params.owner }}",
        team="{{ params.team or '' }}",
        visibility="{{ params.visibility }}",
    )
    fetch = FetchOperator.partial(
        task_id="fetch", parallel="{{ params.parallel or '' }}", max_active_tis_per_dagrun=1
    ).expand(series_ids=plan.output)
    announce = LandingNewsOperator(
        task_id="announce", outlets=[Asset("radflow://landing/series")], trigger_rule="all_done"
    )
    complete = EmptyOperator(task_id="complete", trigger_rule="none_failed")
    truth >> plan >> fetch >> [announce, complete]

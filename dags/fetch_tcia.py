"""fetch: bring what is new of one TCIA collection into the landing zone."""

from datetime import timedelta

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, Asset, Param

from operators.fetch import ImportTruthOperator, LandingNewsOperator, TciaFetchOperator, TciaPlanOperator

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
        "collection": Param("RADFLOW-DEMO", type="string", minLength=1, title="Collection"),
        "connection": Param("nbia_default", type="string", title="NBIA connection"),
        "modality": Param(None, type=["null", "string"], title="Only this modality (may be empty)"),
        "limit": Param(0, type="integer", minimum=0, title="At most so many new series (0 = all)"),
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
        collection="{{ params.collection }}",
        source="{{ params.connection }}",
    )
    plan = TciaPlanOperator(
        task_id="plan",
        collection="{{ params.collection }}",
        nbia_conn_id="{{ params.connection }}",
        modality="{{ params.modality or '' }}",
        limit="{{ params.limit }}",
        account="{{ params.owner }}",
        team="{{ params.team or '' }}",
        visibility="{{ params.visibility }}",
    )
    fetch = TciaFetchOperator.partial(task_id="fetch").expand(series_ids=plan.output)
    announce = LandingNewsOperator(
        task_id="announce", outlets=[Asset("radflow://landing/series")], trigger_rule="all_done"
    )
    complete = EmptyOperator(task_id="complete", trigger_rule="none_failed")
    truth >> plan >> fetch >> [announce, complete]

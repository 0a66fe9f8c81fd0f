"""fetch: every night, what is new in each collection that we follow, whatever archive it comes from."""

from datetime import timedelta

import pendulum
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, Asset, task

from operators.fetch import FetchOperator, FetchPlanOperator, LandingNewsOperator

with DAG(
    dag_id="fetch_daily",
    description=__doc__,
    doc_md="Follows the collections that were fetched before, as they were asked for. Unpause it when you want it.",
    schedule="@daily",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=True,
    tags=["radflow", "fetch"],
    default_args={"owner": "radflow", "retries": 2, "retry_delay": timedelta(minutes=5)},
):

    @task
    def followed() -> list[dict[str, str]]:
        """Collections with at least one series, and how they were asked for."""
        from operators.fetch import followed_collections

        return followed_collections()

    plan = FetchPlanOperator.partial(task_id="plan").expand_kwargs(followed())

    @task
    def chunks(planned: list[list[list[int]]]) -> list[list[int]]:
        """All chunks of all collections."""
        return [chunk for collection in planned for chunk in collection]

    fetch = FetchOperator.partial(task_id="fetch", max_active_tis_per_dagrun=1).expand(
        series_ids=chunks(plan.output)
    )
    announce = LandingNewsOperator(
        task_id="announce", outlets=[Asset("radflow://landing/series")], trigger_rule="all_done"
    )
    fetch >> [announce, EmptyOperator(task_id="complete", trigger_rule="none_failed")]

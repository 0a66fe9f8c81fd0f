"""curate: two curators sign off each held series, an adjudicator settles disagreement, then release."""

from datetime import timedelta

from airflow.sdk import DAG, Asset, task_group

from operators.curate import (
    AdjudicateOperator,
    FirstReadOperator,
    ReleaseOperator,
    SecondReadOperator,
    WorklistOperator,
)

with DAG(
    dag_id="curate",
    description=__doc__,
    doc_md="Answer under Browse > Required Actions, or through the REST API. See docs/how-to/curate.md.",
    schedule=[Asset("radflow://research/held")],
    catchup=False,
    tags=["radflow", "curate"],
    default_args={"owner": "radflow", "retries": 5, "retry_delay": timedelta(seconds=5)},
):
    worklist = WorklistOperator(task_id="worklist")

    @task_group
    def sign_off(request):
        """First and second reader, the third where they differ, then release."""
        first = FirstReadOperator(task_id="first_read", request=request)
        second = SecondReadOperator(task_id="second_read", request=request)
        adjudicate = AdjudicateOperator(task_id="adjudicate", request=request)
        release = ReleaseOperator(
            task_id="release", request=request, outlets=[Asset("radflow://catalog/released")]
        )
        first >> second >> adjudicate >> release

    sign_off.expand(request=worklist.output)

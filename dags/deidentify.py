"""deidentify: whatever lies in the landing zone, verified, into the research store and the catalog (held)."""

from datetime import timedelta

from airflow.sdk import DAG, Asset, Param

from operators.catalog import CatalogOperator, HeldNewsOperator
from operators.deidentify import DeidentifyOperator, DeidentifyPlanOperator

with DAG(
    dag_id="deidentify",
    description=__doc__,
    doc_md="Starts by itself when series arrive. What cannot be vouched for goes to quarantine.",
    schedule=[Asset("radflow://landing/series")],
    catchup=False,
    max_active_runs=1,
    tags=["radflow", "deidentify", "catalog"],
    default_args={"owner": "radflow", "retries": 2, "retry_delay": timedelta(seconds=10)},
    params={"policy": Param(None, type=["null", "string"], title="Policy (empty: the setting deid_policy)")},
):
    policy = "{{ params.policy or '' }}"
    plan = DeidentifyPlanOperator(task_id="plan", policy=policy)
    deidentify = DeidentifyOperator.partial(task_id="deidentify", policy=policy).expand(
        series_ids=plan.output
    )
    catalog = CatalogOperator.partial(task_id="catalog").expand(deidentified=deidentify.output)
    catalog >> HeldNewsOperator(task_id="announce", outlets=[Asset("radflow://research/held")])

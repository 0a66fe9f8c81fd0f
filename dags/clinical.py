"""clinical: landed reports, values and diagnoses, de-identified under the images' aliases, into the catalog."""

from datetime import timedelta

from airflow.sdk import DAG, Asset, Param

from operators.clinical import CatalogClinicalOperator, ClinicalDeidentifyOperator, ClinicalPlanOperator

with DAG(
    dag_id="clinical",
    description=__doc__,
    doc_md="Starts by itself when resources arrive. What cannot be vouched for stays in quarantine.",
    schedule=[Asset("radflow://landing/clinical")],
    catchup=False,
    max_active_runs=1,
    tags=["radflow", "deidentify", "catalog", "clinical"],
    default_args={"owner": "radflow", "retries": 2, "retry_delay": timedelta(seconds=10)},
    params={
        "policy": Param(None, type=["null", "string"], title="Policy (empty: the setting deid_policy)"),
        "again": Param(default=False, type="boolean", title="Try again what is in quarantine"),
    },
):
    plan = ClinicalPlanOperator(task_id="plan", again="{{ params.again }}")
    deidentify = ClinicalDeidentifyOperator.partial(
        task_id="deidentify", policy="{{ params.policy or '' }}"
    ).expand(ids=plan.output)
    CatalogClinicalOperator.partial(task_id="catalog", outlets=[Asset("radflow://catalog/clinical")]).expand(
        deidentified=deidentify.output
    )

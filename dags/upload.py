"""upload: what people sent through the portal, sorted into series and received into the landing zone."""

from datetime import timedelta

from airflow.sdk import DAG, Asset

from operators.fetch import LandingNewsOperator
from operators.upload import UploadOperator, UploadPlanOperator

with DAG(
    dag_id="upload",
    description=__doc__,
    doc_md="Starts by itself when somebody finishes an upload. See docs/how-to/upload.md.",
    schedule=[Asset("radflow://landing/uploads")],
    catchup=False,
    max_active_runs=1,
    tags=["radflow", "upload", "fetch"],
    default_args={"owner": "radflow", "retries": 2, "retry_delay": timedelta(seconds=10)},
):
    plan = UploadPlanOperator(task_id="plan")
    upload = UploadOperator.partial(task_id="upload").expand(upload_ids=plan.output)
    upload >> LandingNewsOperator(
        task_id="announce", outlets=[Asset("radflow://landing/series")], trigger_rule="all_done"
    )

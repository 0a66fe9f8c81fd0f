"""upload: end what nobody goes on with, forget file names, free the drop area, start what waits."""

from datetime import timedelta

from airflow.sdk import DAG, Asset

from operators.upload import UploadTidyOperator

with DAG(
    dag_id="upload_tidy",
    description=__doc__,
    doc_md="File names may name patients: they are deleted some days after an upload is over (upload_keep_days).",
    schedule="@hourly",
    catchup=False,
    max_active_runs=1,
    tags=["radflow", "upload"],
    default_args={"owner": "radflow", "retries": 1, "retry_delay": timedelta(minutes=1)},
):
    UploadTidyOperator(task_id="tidy", outlets=[Asset("radflow://landing/uploads")])

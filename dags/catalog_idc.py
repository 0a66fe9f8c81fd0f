"""catalog: list all public series of NCI's Imaging Data Commons."""

from datetime import timedelta

import pendulum
from airflow.sdk import DAG, Asset, Param

from operators.catalog import CatalogIndexOperator

with DAG(
    dag_id="catalog_idc",
    description=__doc__,
    doc_md="A million series to find cohorts in; images come when somebody fetches them. Run it again after an update.",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    tags=["radflow", "catalog"],
    default_args={"owner": "radflow", "retries": 1, "retry_delay": timedelta(minutes=5)},
    params={
        "path": Param(
            None,
            type=["null", "string"],
            title="Index file",
            description="A file idc_index.parquet on the worker; empty means that of the package idc-index-data.",
        ),
        "owner": Param(
            "admin", type="string", title="Owner", description="Account that the listed series belong to."
        ),
    },
):
    CatalogIndexOperator(
        task_id="list",
        path="{{ params.path or '' }}",
        account="{{ params.owner }}",
        outlets=[Asset("radflow://catalog/listed")],
    )

"""A collection of one's own: fetch, de-identify, catalog, and tell the curators. Copy it into ``dags/``."""

from airflow.sdk import DAG, Asset, Param

from operators.catalog import CatalogOperator, HeldNewsOperator
from operators.deidentify import DeidentifyOperator
from operators.fetch import FetchOperator, FetchPlanOperator

with DAG(
    dag_id="my_ingest",
    description=__doc__,
    schedule=None,  # or "@daily": only what is new is taken
    tags=["example"],
    params={
        "collection": Param("RADFLOW-DEMO", type="string"),
        "connection": Param("nbia_default", type="string"),
    },
):
    # What the server offers and we lack, as chunks of series numbers. The owner is an account in Radflow.
    plan = FetchPlanOperator(
        task_id="plan",
        collection="{{ params.collection }}",
        conn_id="{{ params.connection }}",
        modality="CT",
        account="engineer",
        team="demo",
        visibility="team",
    )
    # One task per chunk. The same numbers go to both, so this DAG touches nothing but what it fetched.
    fetch = FetchOperator.partial(task_id="fetch", retries=2).expand(series_ids=plan.output)
    deidentify = DeidentifyOperator.partial(task_id="deidentify").expand(series_ids=plan.output)
    # Rows in the catalog, held; the asset starts the DAG "curate", where two people decide about each series.
    catalog = CatalogOperator.partial(task_id="catalog").expand(deidentified=deidentify.output)
    held = HeldNewsOperator(task_id="held", outlets=[Asset("radflow://research/held")])
    fetch >> deidentify >> catalog >> held

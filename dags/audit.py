"""audit: every night, whether the audit is still what was written."""

from datetime import timedelta

import pendulum
from airflow.sdk import DAG

from operators.audit import VerifyAuditOperator

with DAG(
    dag_id="audit",
    description=__doc__,
    doc_md="Fails if an entry was changed or the end was cut off. See docs/how-to/accounts.md.",
    schedule="@daily",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    tags=["radflow", "audit"],
    default_args={"owner": "radflow", "retries": 2, "retry_delay": timedelta(minutes=5)},
):
    VerifyAuditOperator(task_id="verify")

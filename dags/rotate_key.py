"""rotate_key: put a project under the key that a connection holds, after a second broker has approved."""

from datetime import timedelta

from airflow.sdk import DAG, Param

from operators.reidentify import AwaitApprovalOperator, KeyInForceOperator, RequestRotationOperator

with DAG(
    dag_id="rotate_key",
    description=__doc__,
    doc_md="For honest brokers. Put the new key into the connection first. See docs/how-to/project-keys.md.",
    schedule=None,
    catchup=False,
    max_active_runs=1,
    tags=["radflow", "reidentify"],
    default_args={"owner": "radflow", "retries": 1, "retry_delay": timedelta(seconds=5)},
    params={
        "connection": Param(
            None, type=["null", "string"], title="Connection with the new key (empty: deid_conn_id)"
        ),
        "reason": Param(
            None,
            type=["null", "string"],
            minLength=10,
            format="multiline",
            title="Reason",
            description="Why the key changes: lost, leaked, or its time is up.",
        ),
        "valid_days": Param(7, type="integer", minimum=1, maximum=30, title="Days until it lapses"),
    },
):
    request = RequestRotationOperator(
        task_id="request",
        connection="{{ params.connection or '' }}",
        reason="{{ params.reason or '' }}",
        account="{{ dag_run.triggering_user_name or '' }}",
        valid_days="{{ params.valid_days }}",
    )
    approval = AwaitApprovalOperator(task_id="second_person", request=request.output)
    approval >> KeyInForceOperator(task_id="in_force", connection="{{ params.connection or '' }}")

"""reidentify: ask who is behind aliases, and wait for a second broker; the answer never passes through Airflow."""

from datetime import timedelta

from airflow.sdk import DAG, Param

from operators.reidentify import AwaitApprovalOperator, RequestIdentityOperator

with DAG(
    dag_id="reidentify",
    description=__doc__,
    doc_md="For honest brokers. A second broker approves at /radflow/reidentify, where you then read the answer. "
    "See docs/how-to/reidentify.md. Never write an original identifier here.",
    schedule=None,
    catchup=False,
    tags=["radflow", "reidentify"],
    default_args={"owner": "radflow", "retries": 1, "retry_delay": timedelta(seconds=5)},
    params={
        "subjects": Param(
            [],
            type=["array", "null"],
            items={
                "type": "string",
                "pattern": "^(RF-[0-9A-HJKMNP-TV-Z]{10}|2[.]25[.][1-9][0-9]{0,38})$",
            },
            title="Aliases or new UIDs",
            description="One a line.",
        ),
        "cohort": Param(None, type=["null", "string"], title="Or a frozen cohort (name@version)"),
        "reason": Param(
            None,
            type=["null", "string"],
            minLength=10,
            format="multiline",
            title="Reason",
            description="Who needs the identity, and what for. It goes into the audit; it names no patient.",
        ),
        "valid_days": Param(7, type="integer", minimum=1, maximum=30, title="Days until it lapses"),
    },
):
    request = RequestIdentityOperator(
        task_id="request",
        subjects="{{ (params.subjects or []) | join(' ') }}",
        cohort="{{ params.cohort or '' }}",
        reason="{{ params.reason or '' }}",
        account="{{ dag_run.triggering_user_name or '' }}",
        valid_days="{{ params.valid_days }}",
    )
    AwaitApprovalOperator(task_id="second_person", request=request.output)

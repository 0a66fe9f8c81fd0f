"""cohort: freeze what criteria find among the released images."""

from datetime import timedelta

from airflow.sdk import DAG, Asset, Param

from operators.cohort import FreezeCohortOperator

with DAG(
    dag_id="cohort",
    description=__doc__,
    doc_md="Criteria are JSON (docs/reference/criteria.md). You own the cohort; it holds what you may see.",
    schedule=None,
    catchup=False,
    tags=["radflow", "cohort"],
    default_args={"owner": "radflow", "retries": 1, "retry_delay": timedelta(seconds=5)},
    render_template_as_native_obj=True,
    params={
        "name": Param("low-dose-chest", type="string", pattern="^[a-z0-9][a-z0-9_-]{0,62}$", title="Name"),
        "criteria": Param(
            {
                "all": [
                    {"field": "modality", "op": "eq", "value": "CT"},
                    {"field": "body_part", "op": "eq", "value": "CHEST"},
                    {"field": "exposure_mas", "op": "lte", "value": 80},
                    {"field": "tag", "op": "has_tag", "value": "99RADFLOW:low-dose-ct"},
                ]
            },
            type="object",
            title="Criteria",
        ),
        "grouping": Param(
            None,
            type=["null", "object"],
            title="Time points (may be empty)",
            description='For example {"within_days": 7, "follow_ups": [[30, 400]]}',
        ),
        "team": Param(None, type=["null", "string"], title="Team (may be empty)"),
        "visibility": Param("private", enum=["private", "team", "public"], title="Who may see the cohort"),
    },
):
    FreezeCohortOperator(
        task_id="freeze",
        cohort="{{ params.name }}",
        rules="{{ params.criteria | tojson }}",
        grouping="{{ params.grouping | tojson if params.grouping else '' }}",
        account="{{ dag_run.triggering_user_name or 'admin' }}",
        team="{{ params.team or '' }}",
        visibility="{{ params.visibility }}",
        outlets=[Asset("radflow://cohort/frozen")],
    )

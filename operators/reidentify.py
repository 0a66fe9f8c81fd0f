"""reidentify: ask for the identity behind aliases, or for a new project key, and wait for a second person.

Tasks open requests and wait. They cannot approve one, and no identity ever reaches them: the answer to an approved
request is read by its requester through the portal, never through Airflow (docs/decisions/0009).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow.sdk import BaseOperator, Context
from airflow.sdk.bases.sensor import BaseSensorOperator, PokeReturnValue

from operators.hooks.research_db import ResearchDbHook, Work
from operators.project_keys import project_key, require_project_key
from research.errors import AccessError
from research.reidentify import DAYS, MOST_DAYS, ReidentifyError, cohort_of, reason_of, subjects_of

_API = "/radflow/api/v1/reidentify"
_PAGE = "/radflow/reidentify"


class _TwoPersonRequest(BaseOperator):
    """One request per run of a DAG; a repeated task finds the one that is there."""

    template_fields: Sequence[str] = ("reason", "account", "valid_days")

    def __init__(self, *, reason: str, account: str, valid_days: int | str = DAYS, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.reason = reason
        self.account = account
        self.valid_days = valid_days

    def open_request(self, work: Work, context: Context, **wanted: Any) -> dict[str, Any]:
        """The request's number and page; the database refuses who is no broker."""
        run = context["dag_run"]
        dag_run = f"{run.dag_id}/{run.run_id}"
        known = work.row("reidentify_known", dag_run=dag_run)
        if known is None:
            if not self.account:
                msg = "Nobody's name is on this run."
                raise AccessError(msg, "Trigger it yourself, as somebody with the role broker.")
            row: dict[str, Any] = {
                "kind": "identity",
                "subjects": [],
                "cohort": None,
                "project": None,
                "key_id": None,
            }
            work.execute(
                "reidentify_request", **(row | wanted), reason=reason_of(self.reason), requester=self.account,
                valid_days=_days(self.valid_days), dag_run=dag_run,
            )  # fmt: skip
            known = work.row("reidentify_known", dag_run=dag_run)
        assert known is not None  # noqa: S101 - it was inserted in this transaction
        self.log.info("request %d waits for a second broker: %s/%d", known["id"], _PAGE, known["id"])
        return {"request": known["id"], "subjects": known["subject_count"], "page": f"{_PAGE}/{known['id']}"}


class RequestIdentityOperator(_TwoPersonRequest):
    """Ask who the people behind aliases are.

    Args:
        subjects: aliases and new UIDs, as a list or a text.
        cohort: ``name@version`` of a frozen cohort that the account may see; all its aliases are asked for.
        reason: the purpose; it goes into the audit, so it names no patient.
        account: who asks; must have the role broker, and is the only one who can read the answer.
        valid_days: days until request and answer lapse, 1 to 30.

    Returns:
        ``{"request": number, "subjects": how many, "page": address}``.
    """

    template_fields: Sequence[str] = ("subjects", "cohort", "reason", "account", "valid_days")

    def __init__(self, *, subjects: Sequence[str] | str = (), cohort: str = "", reason: str, account: str,
                 valid_days: int | str = DAYS, **kwargs: Any) -> None:  # fmt: skip
        super().__init__(reason=reason, account=account, valid_days=valid_days, **kwargs)
        self.subjects = subjects
        self.cohort = cohort

    def execute(self, context: Context) -> dict[str, Any]:
        """Aliases as given and those of the cohort, in one request."""
        wanted = subjects_of(self.subjects)
        if self.cohort:
            name, version = cohort_of(self.cohort)
            with ResearchDbHook().transaction(seen_by=self.account) as work:
                rows = work.rows("reidentify_cohort", name=name, version=version)
            if not rows:
                msg = f"There is no frozen cohort {name}@{version} that {self.account} can see."
                raise ReidentifyError(msg, "Ask its owner to share it, or for the aliases.")
            wanted = subjects_of([*wanted, *(row["patient_alias"] for row in rows)])
        if not wanted:
            msg = "Nobody is asked for."
            raise ReidentifyError(msg, "Give aliases, new UIDs or a cohort.")
        with ResearchDbHook().transaction() as work:
            return self.open_request(work, context, subjects=wanted, cohort=self.cohort or None)


class RequestRotationOperator(_TwoPersonRequest):
    """Ask that a project goes on under the key that a connection holds.

    Args:
        connection: Airflow connection with the new key (password) and the project (login).
        reason: why; it goes into the audit.
        account: who asks; must have the role broker.
        valid_days: days until the request lapses, 1 to 30.

    Returns:
        As `RequestIdentityOperator`.
    """

    template_fields: Sequence[str] = ("connection", "reason", "account", "valid_days")

    def __init__(self, *, connection: str = "", reason: str, account: str, valid_days: int | str = DAYS,
                 **kwargs: Any) -> None:  # fmt: skip
        super().__init__(reason=reason, account=account, valid_days=valid_days, **kwargs)
        self.connection = connection

    def execute(self, context: Context) -> dict[str, Any]:
        """The key's id goes into the request; the key goes nowhere."""
        key = project_key(self.connection)
        with ResearchDbHook().transaction() as work:
            return self.open_request(work, context, kind="rotation", project=key.project, key_id=key.id)


class AwaitApprovalOperator(BaseSensorOperator):
    """Wait, without a worker, until a second broker has decided in the portal. Fails when refused or lapsed.

    Args:
        request: result of one of the operators above.

    Returns:
        ``{"request", "state", "result"}``; ``result`` is the address where the requester reads the answer.
    """

    template_fields: Sequence[str] = ("request",)

    def __init__(self, *, request: Mapping[str, Any], **kwargs: Any) -> None:
        kwargs.setdefault("mode", "reschedule")
        kwargs.setdefault("poke_interval", 30)
        kwargs.setdefault("timeout", (MOST_DAYS + 1) * 86400)
        super().__init__(**kwargs)
        self.request = request

    def poke(self, context: Context) -> PokeReturnValue | bool:
        """Read the state; rows count, not tasks."""
        number = int(self.request["request"])
        with ResearchDbHook().transaction() as work:
            row = work.row("reidentify_state", id=number)
        state = row["state"] if row else "unknown"
        if state == "waiting":
            return False
        if row is None or state != "approved":
            msg = f"Request {number} is {state}."
            raise ReidentifyError(
                msg, f"{_PAGE}/{number} says by whom and why; ask again with another reason."
            )
        where = None if row["kind"] == "rotation" else f"{_API}/{number}/result"
        return PokeReturnValue(is_done=True, xcom_value={"request": number, "state": state, "result": where})


class KeyInForceOperator(BaseOperator):
    """Fail unless the project is under the key that a connection holds; the last task of a rotation.

    Args:
        connection: the connection; the setting ``deid_conn_id`` where empty.

    Returns:
        The key's id.
    """

    template_fields: Sequence[str] = ("connection",)

    def __init__(self, *, connection: str = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.connection = connection

    def execute(self, context: Context) -> str:
        """The same check as before every de-identification."""
        with ResearchDbHook().transaction() as work:
            return require_project_key(work, project_key(self.connection))


def _days(given: int | str) -> int:
    if not str(given).isdecimal() or not 1 <= int(given) <= MOST_DAYS:
        msg = "A request lasts for whole days."
        raise ReidentifyError(msg, f"Choose 1 to {MOST_DAYS}.")
    return int(given)

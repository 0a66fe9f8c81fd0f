"""The audit's chain: a change inside it and an end that was cut off are both found."""

from __future__ import annotations

from typing import Any

import pytest

from operators.audit import VerifyAuditOperator
from research.errors import AccessError
from tests.support.place import Place, context


def entries(place: Place, count: int) -> None:
    for number in range(count):
        place.database.rows(
            "insert into audit.event (account, action, object_kind, object_id, previous_hash, hash) "
            f"values ('alice', 'cohort.freeze', 'cohort', '{number}', '', '')"
        )


def check(noted: dict[str, Any] | None = None) -> dict[str, Any]:
    asked = context()
    asked["ti"].xcom_pull = lambda **_: noted
    return VerifyAuditOperator(task_id="verify").execute(asked)


def tamper(place: Place, text: str) -> None:
    """What somebody with the database's own rights could do."""
    with place.database.cursor("radflow_owner") as cursor:
        cursor.execute("alter table audit.event disable trigger append_only")
        cursor.execute(text)
        cursor.execute("alter table audit.event enable trigger append_only")


def test_a_whole_chain_tells_its_end(place: Place) -> None:
    assert check()["hash"] is None
    entries(place, 3)
    first = check()
    entries(place, 2)
    assert check(first)["events"] == first["events"] + 2


@pytest.mark.parametrize(
    "text",
    [
        "update audit.event set account = 'bob' where object_id = '1'",
        "update audit.event set reason = 'x' where object_id = '1'",
        "update audit.event set at = at + interval '1 s' where object_id = '1'",
        "delete from audit.event where object_id = '1'",
    ],
)
def test_a_changed_entry_is_found(place: Place, text: str) -> None:
    entries(place, 3)
    tamper(place, text)
    with pytest.raises(AccessError) as told:
        check()
    assert told.value.code == "audit-changed"


def test_an_end_that_was_cut_off_is_found_by_what_was_noted(place: Place) -> None:
    entries(place, 3)
    noted = check()
    tamper(place, f"delete from audit.event where id = {noted['id']}")
    assert check()["events"] == noted["events"] - 1
    with pytest.raises(AccessError) as told:
        check(noted)
    assert told.value.code == "audit-cut"

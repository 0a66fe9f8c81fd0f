"""Project keys: recorded at the first use, refused when changed, rotated by two people."""

from __future__ import annotations

import json
from typing import Any

import pytest

from operators.exceptions import DatabaseError
from operators.hooks.research_db import ResearchDbHook
from operators.project_keys import ProjectKey, project_key, require_project_key
from operators.reidentify import AwaitApprovalOperator, KeyInForceOperator, RequestRotationOperator
from research.errors import AccessError, SettingsError
from research.reidentify import ReidentifyError
from tests.support import rows
from tests.support.place import KEY, Place, context

NEW_KEY = "a7" * 32
REASON = "The former key was on a lost laptop."


def connect(
    monkeypatch: pytest.MonkeyPatch, password: str, login: str = "tests", name: str = "RADFLOW_DEID"
) -> None:
    value = {"conn_type": "generic", "login": login, "password": password}
    monkeypatch.setenv(f"AIRFLOW_CONN_{name}", json.dumps(value))


def check() -> str:
    with ResearchDbHook().transaction() as work:
        return require_project_key(work)


def rotate(account: str = "bea", run_id: str = "manual__1", **more: Any) -> dict[str, Any]:
    operator = RequestRotationOperator(task_id="request", reason=REASON, account=account, **more)
    return operator.execute(context(dag_id="rotate_key", run_id=run_id))


@pytest.fixture
def keyed(place: Place) -> Place:
    """Brokers, and the project's first key recorded."""
    rows.brokers(place.database)
    check()
    return place


def test_a_key_shows_its_id_only(place: Place) -> None:
    key = project_key()
    assert key.key == bytes.fromhex(KEY)
    assert key.project == "tests"
    assert KEY[:8] not in f"{key} {key!r}"
    assert str(bytes.fromhex(KEY))[2:10] not in f"{key} {key!r}"


@pytest.mark.parametrize("password", ["", "zz" * 32, "ab" * 15, "short"])
def test_a_connection_without_a_key_is_told(
    place: Place, monkeypatch: pytest.MonkeyPatch, password: str
) -> None:
    connect(monkeypatch, password)
    with pytest.raises(SettingsError, match="holds no de-identification key") as caught:
        project_key()
    assert not password or password not in str(caught.value)


def test_the_first_key_is_recorded_and_a_changed_one_refused(
    keyed: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = check()
    assert first == project_key().id
    connect(monkeypatch, NEW_KEY)
    with pytest.raises(SettingsError, match=f"under the key {first}") as caught:
        check()
    assert caught.value.code == "key-changed"
    assert "rotate_key" in caught.value.instruction
    assert NEW_KEY not in str(caught.value)
    connect(monkeypatch, NEW_KEY, login="another")
    assert check() != first
    connect(monkeypatch, KEY)
    assert check() == first


def test_a_crosswalk_row_needs_the_check_in_its_transaction(keyed: Place) -> None:
    row = {
        "project": "tests", "patient_alias": "RF-0123456789", "patient_id": "MRN-1", "issuer": "",
        "patient_name": None, "patient_birth_date": None, "days_offset": -200,
    }  # fmt: skip
    with (
        pytest.raises(DatabaseError, match="under another key") as caught,
        ResearchDbHook().transaction() as work,
    ):
        work.execute("deidentify_crosswalk_patient", **row)
    assert "MRN-1" not in str(caught.value)
    with ResearchDbHook().transaction() as work:
        key = require_project_key(work)
        work.execute("deidentify_crosswalk_patient", **row)
    assert keyed.database.value("select key_id from phi.patient", role="radflow_owner") == key


def test_a_rotation_waits_for_a_second_person_and_then_holds(
    keyed: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(monkeypatch, NEW_KEY)
    asked = rotate()
    assert rotate() == asked  # a repeated task
    waiting = AwaitApprovalOperator(task_id="second_person", request=asked)
    assert waiting.poke(context()) is False
    with pytest.raises(SettingsError):
        KeyInForceOperator(task_id="in_force").execute(context())
    rows.approve(keyed.database, asked["request"])
    assert waiting.poke(context()).xcom_value == {
        "request": asked["request"], "state": "approved", "result": None,
    }  # fmt: skip
    assert KeyInForceOperator(task_id="in_force").execute(context()) == project_key().id == check()
    connect(monkeypatch, KEY)
    with pytest.raises(SettingsError, match="under the key"):
        check()
    assert "a7a7" not in str(keyed.database.rows("select * from broker.request")) + str(asked)


def test_the_new_key_may_lie_in_a_connection_of_its_own(
    keyed: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(monkeypatch, NEW_KEY, name="NEXT_KEY")
    asked = rotate(connection="next_key")
    rows.approve(keyed.database, asked["request"])
    assert KeyInForceOperator(task_id="in_force", connection="next_key").execute(context())
    with pytest.raises(SettingsError, match="under the key"):
        KeyInForceOperator(task_id="in_force").execute(context())


def test_a_refused_rotation_changes_nothing(keyed: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    before = check()
    connect(monkeypatch, NEW_KEY)
    asked = rotate()
    rows.approve(keyed.database, asked["request"], decision="refuse")
    with pytest.raises(ReidentifyError, match="is refused"):
        AwaitApprovalOperator(task_id="second_person", request=asked).poke(context())
    with pytest.raises(SettingsError):
        check()
    connect(monkeypatch, KEY)
    assert check() == before


def test_who_may_not_rotate(keyed: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DatabaseError, match="under this key already"):
        rotate()
    connect(monkeypatch, NEW_KEY)
    with pytest.raises(DatabaseError, match="alice has not the role broker"):
        rotate("alice")
    with pytest.raises(AccessError, match="Nobody's name"):
        rotate("")
    connect(monkeypatch, NEW_KEY, login="unknown")
    with pytest.raises(DatabaseError, match="no recorded key"):
        rotate()


def test_a_key_is_in_no_text_of_the_object() -> None:
    assert "secret" not in repr(ProjectKey("p", b"secret secret secret"))

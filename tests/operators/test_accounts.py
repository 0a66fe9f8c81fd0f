"""Accounts, roles and teams: added once, never taken away by adding."""

from __future__ import annotations

import pytest

from operators.accounts import ensure_accounts, main
from research.errors import AccessError
from tests.support.cluster import Database


@pytest.fixture(autouse=True)
def _empty(database: Database) -> None:
    database.empty()


def everything(database: Database) -> list[list[tuple]]:
    texts = ("select name from access.account", "select account, role::text from access.account_role",
             "select name from access.team", "select team, account from access.membership")  # fmt: skip
    return [sorted(database.rows(text)) for text in texts]


def test_added_once(database: Database) -> None:
    for _ in range(2):
        ensure_accounts(database.dsn(), {"cora": ("curator", "researcher"), "o'neil": ()}, team="lungs")
    assert everything(database) == [
        [("cora",), ("o'neil",)],
        [("cora", "curator"), ("cora", "researcher")],
        [("lungs",)],
        [("lungs", "cora"), ("lungs", "o'neil")],
    ]
    ensure_accounts(database.dsn(), {"cora": ()})
    assert everything(database)[1] == [("cora", "curator"), ("cora", "researcher")]


def test_an_unknown_role_adds_nobody(database: Database) -> None:
    with pytest.raises(AccessError, match="cora: there is no role 'surgeon'"):
        ensure_accounts(database.dsn(), {"ann": ("curator",), "cora": ("surgeon",)})
    assert everything(database) == [[], [], [], []]


def test_the_command_line(database: Database, capsys: pytest.CaptureFixture) -> None:
    assert main(["--dsn", database.dsn(), "cora", "curator", "adjudicator", "--team", "lungs"]) == 0
    assert capsys.readouterr().out == "cora: curator, adjudicator\n"
    assert everything(database)[3] == [("lungs", "cora")]
    with pytest.raises(SystemExit):
        main(["--dsn", database.dsn(), "cora", "surgeon"])


def test_a_portal_may_not_add_itself(database: Database) -> None:
    import psycopg2

    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        ensure_accounts(database.dsn("radflow_portal"), {"mallory": ("admin",)})

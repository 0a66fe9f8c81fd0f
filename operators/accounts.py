"""Accounts, roles and teams: Airflow's auth manager knows who somebody is, this knows what they may see.

Run as ``python -m operators.accounts --dsn ... NAME ROLE [ROLE ...] [--team TEAM]``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence

import psycopg2

from research.errors import AccessError
from research.statements import statements

ROLES = ("researcher", "curator", "adjudicator", "data_engineer", "broker", "admin")


def ensure_accounts(dsn: str, accounts: Mapping[str, Sequence[str]], *, team: str | None = None) -> None:
    """Add accounts (name -> roles), and their membership of ``team``; what exists stays.

    Raises:
        AccessError: an unknown role.
    """
    add_account, add_role, add_team, add_member = statements("accounts_ensure")
    for name, roles in accounts.items():
        for role in roles:
            if role not in ROLES:
                msg = f"Account {name}: there is no role {role!r}."
                raise AccessError(msg, f"Roles are {', '.join(ROLES)}.")
    connection = psycopg2.connect(dsn)
    try:
        with connection, connection.cursor() as cursor:
            if team is not None:
                cursor.execute(add_team, {"team": team})
            for name, roles in accounts.items():
                cursor.execute(add_account, {"account": name})
                for role in roles:
                    cursor.execute(add_role, {"account": name, "role": role})
                if team is not None:
                    cursor.execute(add_member, {"team": team, "account": name})
    finally:
        connection.close()


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dsn", required=True, help="libpq connection string of the radflow_pipeline role")
    parser.add_argument("name", help="the name as Airflow's auth manager spells it")
    parser.add_argument("role", nargs="+", choices=ROLES)
    parser.add_argument("--team")
    options = parser.parse_args(argv)
    ensure_accounts(options.dsn, {options.name: options.role}, team=options.team)
    sys.stdout.write(f"{options.name}: {', '.join(options.role)}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

"""The hook to the research database: named statements, one transaction, the reader's eyes, no values told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.exceptions import DatabaseError
from operators.hooks.research_db import ResearchDbHook, chunked
from tests.support import rows
from tests.support.place import OUTSIDER, Place


def test_a_failed_statement_tells_the_state_and_no_value(place: Place) -> None:
    with pytest.raises(DatabaseError) as caught, ResearchDbHook().transaction() as work:
        work.execute(
            "fetch_want", source="s", collection="c", series_uid="MRN-9001", image_count="MRN-9001", licence=None,
            source_kind="nbia", offered_bytes=None, modality=None, body_part=None, address=None, fallback=None,
            licence_uri=None, citation_uri=None, account="MRN-9001", team=None, visibility="MRN-9001",
        )  # fmt: skip
    assert caught.value.code.startswith("sqlstate-")
    assert "fetch_want" in caught.value.reason
    assert "MRN-9001" not in f"{caught.value!r} {caught.value} {caught.value.__cause__}"
    assert caught.value.__suppress_context__


def test_a_duplicate_of_an_identity_tells_no_identity(place: Place) -> None:
    one = rows.series(place.database, "one")
    rows.sign(place.database, one, "first", "cora")
    with (
        pytest.raises(DatabaseError, match="two_person_rule") as caught,
        ResearchDbHook().transaction() as work,
    ):
        work.execute(
            "curate_sign",
            series_uid=one,
            role="second",
            account="cora",
            decision="accept",
            tags=[],
            comment=None,
        )
    assert one not in str(caught.value)
    assert caught.value.code == "sqlstate-23505"


def test_a_transaction_is_whole_or_nothing(place: Place) -> None:
    def fails() -> None:
        with ResearchDbHook().transaction() as work:
            work.execute("account_known", account="newcomer")
            msg = "the worker dies"
            raise RuntimeError(msg)

    with pytest.raises(RuntimeError):
        fails()
    assert place.database.rows("select 1 from access.account where name = 'newcomer'") == []


def test_seen_by_an_account_is_seen_as_in_the_portal(place: Place) -> None:
    rows.release(place.database, rows.series(place.database, "mine", owner="alice", visibility="private"))
    counts = {}
    for account in ("alice", OUTSIDER, ""):
        with ResearchDbHook().transaction(seen_by=account) as work:
            counts[account] = len(work.rows_of("count", "select series_uid from catalog.series", {}))
            assert work.rows_of("role", "select current_user as me", {}) == [{"me": "radflow_portal"}]
    assert counts == {"alice": 1, OUTSIDER: 0, "": 0}
    with ResearchDbHook().transaction() as work:
        assert work.rows_of("role", "select current_user as me", {}) == [{"me": "radflow_pipeline"}]


@given(st.lists(st.integers()), st.integers(min_value=-2, max_value=50))
def test_chunks_hold_everything_in_order_and_are_no_more_than_asked(items: list[int], tasks: int) -> None:
    made = chunked(items, tasks)
    assert [item for chunk in made for item in chunk] == items
    assert len(made) <= max(1, tasks)
    assert all(made)

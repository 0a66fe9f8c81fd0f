"""What one may filter the catalog by, and pages that begin after the last row of the page before."""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Literal

from fastapi import Depends, Query

from radflow_portal.db import Row, Session
from radflow_portal.paging import MOST
from radflow_portal.problems import Problem
from research.statements import statement

FACETS = (
    "collection", "modality", "body_part", "sex", "age_band", "manufacturer", "licence", "analysis_result", "state",
)  # fmt: skip
_WORD = re.compile(r"[^\W_]+")
_MOST_WORDS = 12
Values = Annotated[list[str] | None, Query(max_length=200)]


@dataclass(frozen=True)
class Filters:
    """One list of values per facet, any of which may apply; and words that descriptions must have, all of them."""

    facets: dict[str, list[str] | None]
    words: str | None

    @property
    def parameters(self) -> dict[str, Any]:
        """For the statements."""
        return {**self.facets, "words": self.words}

    @property
    def way(self) -> Literal["text", "all", "facets"]:
        """What the statements have to do."""
        if self.words is not None:
            return "text"
        return "facets" if any(values is not None for values in self.facets.values()) else "all"


EVERYTHING = Filters(dict.fromkeys(FACETS), None)


def _wanted(
    collection: Values = None,
    modality: Values = None,
    body_part: Values = None,
    sex: Values = None,
    age_band: Values = None,
    manufacturer: Values = None,
    licence: Values = None,
    analysis_result: Values = None,
    state: Values = None,
    q: Annotated[
        str | None, Query(max_length=200, description="Words that begin so, in study or series descriptions.")
    ] = None,
) -> Filters:
    """Values as `/facets` lists them; empty text means unknown. A filter given several times means any of them."""
    given = (collection, modality, body_part, sex, age_band, manufacturer, licence, analysis_result, state)
    return Filters(dict(zip(FACETS, given, strict=True)), words_of(q))


Wanted = Annotated[Filters, Depends(_wanted)]


def words_of(text: str | None) -> str | None:
    """A text query of prefixes, all of which must be there; None where there is no text.

    Raises:
        Problem: a text without a letter or digit, or with too many words.
    """
    if text is None or not text.strip():
        return None
    words = _WORD.findall(text)
    if not words or len(words) > _MOST_WORDS:
        raise Problem(422, "q has no word, or too many.", f"Give 1 to {_MOST_WORDS} words.", code="request")
    return " & ".join(f"{word}:*" for word in words)


def encode(values: list[Any]) -> str:
    """A place in a list, as an opaque text for a URL."""
    return base64.urlsafe_b64encode(json.dumps(values, default=str).encode()).decode().rstrip("=")


def decode(text: str, kinds: tuple[type, ...]) -> list[Any]:
    """The place that ``encode`` wrote.

    Raises:
        Problem: a text that it did not write.
    """
    try:
        values = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        if isinstance(values, list) and len(values) == len(kinds):
            if date in kinds:
                values = [
                    date.fromisoformat(v) if kind is date else v
                    for v, kind in zip(values, kinds, strict=True)
                ]
            if all(isinstance(v, kind) for v, kind in zip(values, kinds, strict=True)):
                return values
    except (ValueError, TypeError, binascii.Error):
        pass  # refused below, like every other text that is no place
    raise Problem(
        422, "after is not a place in this list.", "Use `next` of the page before, as it is.", code="request"
    )


_FIRST_DAY = date(1, 1, 1)
_SORTS: dict[str, tuple[dict[str, str], tuple[type, ...]]] = {
    "study_date": (
        {"study_date": f"coalesce(t.study_date, '{_FIRST_DAY}'::date)", "study_no": "t.study_no"},
        (date, int),
    ),
    "image_count": ({"image_count": "t.image_count", "study_no": "t.study_no"}, (int,)),
    "patient": (
        {"collection": "t.collection", "patient_alias": "t.patient_alias", "study_no": "t.study_no"},
        (str, str, int),
    ),
}
"""Per sort: the keys of a row with the expressions that an index has, and their types."""

_STUDIES_BY = {"facets": "portal_studies_facets", "text": "portal_studies_text"}
_SERIES_BY = {"all": "portal_series_all", "facets": "portal_series_facets", "text": "portal_series_text"}
_AFTER = {
    "image_count": "select k.image_count, k.study_no from catalog.study k where k.study_no = %(after0)s"
}
"""A place by number alone: how many images a study has in all may be more than its reader should know."""
_CUT = "-- conditions, order, limit\n"
_WALKS = ((50_000, 2_000), (300_000, 20_000))
"""Above so many series that fit, so many studies are asked one by one before the set of all that fit is gathered."""


def studies(
    session: Session, filters: Filters, sort: str, limit: int, after: str | None, **more: Any
) -> tuple[list[Row], str | None]:
    """One page of studies and the place where the next one begins."""
    by = sort.removeprefix("-")
    key, kinds = _SORTS[by]
    names = tuple(key)[-len(kinds) :]
    down = sort.startswith("-")
    order = ", ".join(f"{one}{' desc' if down else ''}" for one in key.values())
    parameters: dict[str, Any] = {**filters.parameters, **more, "limit": limit + 1}
    begin = ""
    if after is not None:
        parameters |= {f"after{n}": value for n, value in enumerate(decode(after, kinds))}
        places = _AFTER.get(by) or ", ".join(f"%(after{n})s" for n in range(len(kinds)))
        begin = f"  and ({', '.join(key.values())}) {'<' if down else '>'} ({places})\n"

    both = statement("portal_studies_also") if more.get("also") else ""

    def ask(page: str, conditions: str, most: int) -> list[Row]:
        cut = f"\n{conditions}{both}{begin}order by {order}\nlimit {most}\n"
        text = statement("portal_studies").replace("-- page", statement(page).replace(_CUT, cut))
        return session.all_of(f"{text}order by {order}\nlimit %(limit)s", **parameters)

    for most in _steps(session, filters):
        rows = ask("portal_studies_walk", "", most)
        if len(rows) > limit:
            return _cut(rows, limit, names)
    conditions = "" if filters.way == "all" else statement(_STUDIES_BY[filters.way])
    return _cut(ask("portal_studies_gather", conditions, limit + 1), limit, names)


def _steps(session: Session, filters: Filters) -> list[int]:
    """How many of the first studies are worth asking one by one: the more fits, the more."""
    if filters.way != "facets":
        return []
    found = session.one("portal_facets_sum", **filters.parameters)
    series_count = found["series_count"] if found else 0
    return [most for least, most in _WALKS if series_count > least]


def series(
    session: Session, filters: Filters, limit: int, after: str | None, **more: Any
) -> tuple[list[Row], str | None]:
    """One page of series, study by study, and the place where the next one begins."""
    place = decode(after, (int, str)) if after is not None else (None, None)
    parameters = {**filters.parameters, **more, "limit": limit + 1, "after0": place[0], "after1": place[1]}
    text = statement("portal_series")
    if more.get("study_uid") is None:
        text += statement(_SERIES_BY[filters.way])
    elif filters.way != "all":
        msg = "study_uid goes with no other filter."
        raise Problem(422, msg, "Leave out one of them; a study has few series.", code="request")
    if after is not None:
        text += "  and (s.study_no, s.series_uid) > (%(after0)s::integer, %(after1)s)\n"
    rows = session.all_of(f"{text}order by s.study_no, s.series_uid\nlimit %(limit)s", **parameters)
    return _cut(rows, limit, ("study_no", "series_uid"))


def _cut(rows: list[Row], limit: int, key: tuple[str, ...]) -> tuple[list[Row], str | None]:
    """The page, and its end where there is more."""
    if len(rows) <= limit:
        return rows, None
    last = rows[limit - 1]
    return rows[:limit], encode([_FIRST_DAY if last[name] is None else last[name] for name in key])


SORT = Literal["-study_date", "study_date", "-image_count", "image_count", "patient", "-patient"]
Sort = Annotated[SORT, Query(description="A minus means from the greatest down.")]
Limit = Annotated[int, Query(ge=1, le=MOST, description="How many at most.")]
After = Annotated[str | None, Query(max_length=400, description="`next` of the page before.")]

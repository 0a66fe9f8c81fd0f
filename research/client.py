"""Radflow from a notebook: studies, cohorts, runs and metrics as pandas tables, over the portal's API.

radflow = Client.login("http://localhost:8080", "erin", password)
radflow.studies(modality="CT", body_part="Chest")
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd
import requests

from research.errors import RadflowError

API = "/radflow/api/v1"
_PAGE = 500
_TIMEOUT_S = 120
Value = str | int | float | Sequence[str] | None


class ClientError(RadflowError):
    """The server refused, or does not answer; ``status`` is its HTTP status, 0 where there is none."""

    code = "client"

    def __init__(self, reason: str, instruction: str, status: int = 0) -> None:
        super().__init__(reason, instruction)
        self.status = status


class Client:
    """One person's view of one Radflow.

    Args:
        url: of Airflow's web server.
        token: from ``POST /auth/token``; `login` fetches it.
        session: for proxies, certificates and tests.
    """

    def __init__(self, url: str, token: str | None = None, session: requests.Session | None = None) -> None:
        self._url = url.rstrip("/")
        self._session = session or requests.Session()
        if token:
            self._session.headers["Authorization"] = f"Bearer {token}"

    @classmethod
    def login(cls, url: str, user: str, password: str, session: requests.Session | None = None) -> Client:
        """Sign in.

        Raises:
            ClientError: wrong name or password, or no answer.
        """
        session = session or requests.Session()
        body = {"username": user, "password": password}
        answer = _answer(session, "POST", f"{url.rstrip('/')}/auth/token", json=body)
        return cls(url, str(answer.json()["access_token"]), session)

    def whoami(self) -> dict[str, Any]:
        """Your account, roles and teams."""
        return dict(self._json("GET", "/health"))

    def facets(self, **filters: Value) -> pd.DataFrame:
        """What there is to filter by: ``facet``, ``value``, ``series_count``; what the filters choose is in ``attrs``."""
        found = self._json("GET", "/facets", params=filters)
        rows = [{"facet": name, **one} for name, values in found.pop("facets").items() for one in values]
        table = pd.DataFrame(rows, columns=["facet", "value", "series_count"])
        table.attrs.update(found)
        return table

    def collections(self) -> pd.DataFrame:
        """Collections with what you may see of them."""
        return pd.DataFrame(self._pages("/collections", {}, None))

    def studies(
        self, *, most: int | None = 10_000, sort: str = "-study_date", **filters: Value
    ) -> pd.DataFrame:
        """Studies with a series that fits the filters: those of `facets`, ``q``, ``patient``, ``also``.

        Args:
            most: so many at most; None for all.
            sort: as the API takes it.
            filters: one value, or a list of which any may apply.
        """
        return pd.DataFrame(self._places("/studies", {**filters, "sort": sort}, most))

    def series(self, *, most: int | None = 10_000, **filters: Value) -> pd.DataFrame:
        """Series that fit the filters, or those of one ``study_uid``."""
        return pd.DataFrame(self._places("/series", filters, most))

    def criteria(self, **filters: Value) -> dict[str, Any]:
        """Filters as cohort criteria that choose the same series."""
        return dict(self._json("GET", "/facets/criteria", params=filters)["criteria"])

    def cohorts(self, name: str | None = None) -> pd.DataFrame:
        """Frozen cohorts, newest first."""
        return pd.DataFrame(self._pages("/cohorts", {"name": name}, None))

    def cohort(self, cohort_id: int) -> dict[str, Any]:
        """One frozen cohort, with what each rule left over."""
        return dict(self._json("GET", f"/cohorts/{int(cohort_id)}"))

    def members(self, cohort_id: int) -> pd.DataFrame:
        """The cases of a frozen cohort."""
        return pd.DataFrame(self._pages(f"/cohorts/{int(cohort_id)}/members", {}, None))

    def preview(self, criteria: Mapping[str, Any]) -> pd.DataFrame:
        """What each rule would leave over now; the English sentence and the counts are in ``attrs``."""
        found = self._json("POST", "/cohorts/preview", json={"criteria": dict(criteria)})
        table = pd.DataFrame(found.pop("attrition"))
        table.attrs.update(found)
        return table

    def freeze(
        self,
        name: str,
        criteria: Mapping[str, Any],
        *,
        visibility: str = "private",
        team: str | None = None,
        grouping: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Freeze what criteria find; ``id`` and ``version`` are in the answer."""
        body = {"name": name, "criteria": dict(criteria), "visibility": visibility, "team": team}
        return dict(
            self._json("POST", "/cohorts", json={**body, "grouping": dict(grouping) if grouping else None})
        )

    def sparsity(self, cohort_id: int, **declared: Value) -> dict[str, Any]:
        """What a cohort lacks for an experiment of the declared precision."""
        return dict(self._json("GET", f"/cohorts/{int(cohort_id)}/sparsity", params=declared))

    def export(self, cohort_id: int, path: str | Path, format: str = "csv") -> Path:
        """The members as a file: ``csv``, ``json``, ``fhir``, ``s5cmd`` or ``tcia``."""
        return self._save(f"/cohorts/{int(cohort_id)}/export", path, {"format": format})

    def runs(self, experiment: str | None = None, state: str | None = None) -> pd.DataFrame:
        """Runs of experiments, newest first."""
        return pd.DataFrame(self._pages("/runs", {"experiment": experiment, "state": state}, None))

    def metrics(self, run_id: int) -> pd.DataFrame:
        """Estimates of a run per arm, with their intervals."""
        return pd.DataFrame(self._json("GET", f"/runs/{int(run_id)}/metrics"))

    def comparisons(self, run_id: int) -> pd.DataFrame:
        """Paired differences between the arms of a run."""
        return pd.DataFrame(self._json("GET", f"/runs/{int(run_id)}/comparisons"))

    def cases(self, run_id: int) -> pd.DataFrame:
        """Values, truth and errors of a run, per case and arm."""
        return pd.read_csv(io.BytesIO(self._get(f"/runs/{int(run_id)}/cases.csv").content))

    def pictures(self, run_id: int) -> list[str]:
        """Names of what a run drew."""
        return [str(name) for name in self._json("GET", f"/runs/{int(run_id)}")["pictures"]]

    def picture(self, run_id: int, name: str, path: str | Path) -> Path:
        """Save a picture of a run."""
        return self._save(f"/runs/{int(run_id)}/pictures/{quote(name, safe='')}", path)

    def thumbnail(self, series_uid: str, path: str | Path) -> Path:
        """Save the middle image of a series."""
        return self._save(f"/series/{quote(series_uid, safe='')}/thumbnail.png", path)

    def volume(self, series_uid: str, path: str | Path) -> Path:
        """Save a series as NIfTI, for looking at: large ones have fewer voxels."""
        return self._save(f"/series/{quote(series_uid, safe='')}/volume.nii.gz", path)

    def _json(self, method: str, path: str, **sent: Any) -> Any:
        return _answer(self._session, method, f"{self._url}{API}{path}", **sent).json()

    def _get(self, path: str, params: Mapping[str, Any] | None = None) -> requests.Response:
        return _answer(self._session, "GET", f"{self._url}{API}{path}", params=params)

    def _save(self, path: str, target: str | Path, params: Mapping[str, Any] | None = None) -> Path:
        target = Path(target)
        target.write_bytes(self._get(path, params).content)
        return target

    def _pages(self, path: str, params: Mapping[str, Any], most: int | None) -> Iterator[dict[str, Any]]:
        offset = 0
        while True:
            page = self._json("GET", path, params={**params, "limit": _limit(most, offset), "offset": offset})
            yield from page["items"]
            offset += len(page["items"])
            if not page["items"] or offset >= min(page["total"], most or page["total"]):
                return

    def _places(self, path: str, params: Mapping[str, Any], most: int | None) -> Iterator[dict[str, Any]]:
        count, after = 0, None
        while True:
            page = self._json("GET", path, params={**params, "limit": _limit(most, count), "after": after})
            yield from page["items"]
            count, after = count + len(page["items"]), page["next"]
            if after is None or (most is not None and count >= most):
                return


def _limit(most: int | None, have: int) -> int:
    return _PAGE if most is None else max(1, min(_PAGE, most - have))


def _answer(session: requests.Session, method: str, url: str, **sent: Any) -> requests.Response:
    """The answer, if it is a good one.

    Raises:
        ClientError: with the server's reason and instruction.
    """
    try:
        answer = session.request(
            method,
            url,
            timeout=_TIMEOUT_S,
            headers={"Accept": "application/json"},
            allow_redirects=False,
            **sent,
        )
    except requests.RequestException as error:
        msg = f"The server does not answer ({type(error).__name__})."
        raise ClientError(msg, "Check its address, and that it runs.") from error
    if answer.status_code in (200, 201):
        return answer
    try:
        told = answer.json()
        reason, instruction = told["detail"], told.get("instruction", "")
    except (ValueError, KeyError, TypeError, AttributeError):
        reason, instruction = "", ""
    if not isinstance(reason, str) or not reason:
        reason = f"The server answers {answer.status_code}."
    if not instruction:
        wrong = answer.status_code == 401
        instruction = (
            "Check name and password." if wrong else "Check the address: it is that of Airflow's web server."
        )
    raise ClientError(reason, instruction, answer.status_code)

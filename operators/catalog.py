"""catalog: what was published becomes rows, held until curation releases it; what a public index has is listed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowSkipException

from operators.hooks.research_db import ResearchDbHook, as_json
from operators.listing import load_listing, settle
from operators.stores import local_copy
from research.attributes import series_attributes
from research.catalog import find_index


class CatalogOperator(BaseOperator):
    """Enter published series into the catalog, state ``held``, with the truth that came with them.

    The same transaction marks the received series ``deidentified``: a crash anywhere before leaves it
    ``received``, and the next run does it again.

    Args:
        deidentified: result of one ``DeidentifyOperator``.

    Returns:
        New series UIDs that are in the catalog now.
    """

    template_fields = ("deidentified",)

    def __init__(self, *, deidentified: Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.deidentified = deidentified

    def execute(self, context: Context) -> list[str]:
        """One transaction per series."""
        hook = ResearchDbHook()
        entered: list[str] = []
        for one in self.deidentified["published"]:
            with local_copy(one["uri"]) as folder:
                attributes = series_attributes(sorted(folder.glob("*.dcm")))
            values = attributes.columns() | one
            values["attributes"] = as_json(attributes.rest)
            with hook.transaction() as work:
                for name in ("catalog_collection", "catalog_patient", "catalog_study", "catalog_series"):
                    work.execute(name, **values)
                work.each(
                    "catalog_instance",
                    (
                        {"series_uid": one["series_uid"], "sop_uid": sop, "sha256": sha}
                        for sop, sha in attributes.manifest
                    ),
                )
                work.execute("catalog_truth", **values)
                work.execute("deidentify_done", **values)
            entered.append(one["series_uid"])
        self.log.info("%d series entered the catalog, held for curation", len(entered))
        return entered


class HeldNewsOperator(BaseOperator):
    """Succeed (and so emit its outlet asset) if any held series waits for curators; skip otherwise."""

    def execute(self, context: Context) -> int:
        """Count what is held and not asked about."""
        with ResearchDbHook().transaction() as work:
            found = work.row("catalog_held")
        held = int(found["held"]) if found else 0
        if not held:
            msg = "Nothing new is held for curation."
            raise AirflowSkipException(msg)
        return held


class CatalogIndexOperator(BaseOperator):
    """List every series of NCI's Imaging Data Commons in the catalog, so that cohorts can be looked for in it.

    Listed series are public and state ``listed``: their images are not here until somebody fetches them. A second run
    with the same index changes nothing; one with another index changes what differs.

    Args:
        path: ``idc_index.parquet``; the one of the installed package ``idc-index-data`` where empty.
        account: owner of the listed series.

    Returns:
        Version, and how many series were read, added, removed and left as they are.
    """

    template_fields = ("path", "account")

    def __init__(self, *, path: str | None = "", account: str = "admin", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.path = path
        self.account = account

    def execute(self, context: Context) -> dict[str, Any]:
        """One transaction; then a vacuum, so that counts are fast at once."""
        index = find_index(self.path or "")
        hook = ResearchDbHook()
        with hook.transaction() as work:
            done = load_listing(work, index, owner=self.account, tell=self.log.info)
        if not done.unchanged:
            connection = hook.get_conn()
            try:
                settle(connection)
            finally:
                connection.close()
        self.log.info("Version %s: %d series listed", done.version, done.series - done.skipped)
        return done.as_dict()

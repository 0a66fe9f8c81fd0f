"""Where the reports of de-identification are kept: rows that people see like the series, the review beside the originals.

Called by ``operators.deidentify`` inside the transaction that records what became of a series, so that neither is there
without the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from deid.report import ReportError, batch_report, shows_identity, verify_report, write_report
from operators import settings
from operators.stores import join, publish_folder, scratch
from operators.work import Work, as_json

#: Place of the broker's review pages in the landing zone, one folder per series number.
REVIEW = "review"


def open_batch(work: Work, name: str, received_ids: Sequence[int], policy_sha256: str) -> int:
    """Say what a batch is going to do, so that its progress shows; the same again changes nothing.

    Args:
        work: a transaction.
        name: what the batch is called: DAG and run, never anything out of an image.
        received_ids: numbers from ``landing.received_series``; those that are there already stay.
        policy_sha256: the policy, already in ``catalog.policy`` (statement ``deidentify_policy``).

    Returns:
        Number of the batch.
    """
    work.execute("deid_report_batch", name=name, policy_sha256=policy_sha256)
    found = work.row("deid_report_batch_id", name=name)
    if found is None:  # only where somebody deletes rows that cannot be deleted
        reason = "The batch that was just opened is not there."
        raise ReportError(reason, "Look into catalog.deid_batch.")
    work.execute("deid_report_item", batch_id=found["id"], received_ids=list(received_ids))
    return int(found["id"])


def store_report(
    work: Work,
    received_id: int,
    report: dict[str, Any],
    pictures: Mapping[str, bytes] | None = None,
    *,
    batch: str,
    policy_sha256: str,
) -> int:
    """Keep the report of one series with its pictures; the same content again changes nothing.

    Pictures from before de-identification go as one page to ``review/<number>`` in the landing zone, which the honest
    broker alone reads. The report's hash goes into the audit, whose chain then proves it.

    Args:
        work: the transaction that records what became of the series.
        received_id: its number in ``landing.received_series``.
        report: of ``deid.report.series_report`` or ``quarantine_report``.
        pictures: of ``deid.report.series_pictures``.
        batch: name of the batch; opened here where nobody did (``open_batch``).
        policy_sha256: the policy, already in ``catalog.policy``.

    Returns:
        Number of the report that counts for the series in this batch.

    Raises:
        ReportError: the report is not what its hashes say, or lacks one of its pictures; nothing was kept.
    """
    pictures = dict(pictures or {})
    _check(report, pictures)
    batch_id = open_batch(work, batch, [received_id], policy_sha256)
    key = {"batch_id": batch_id, "received_id": received_id}
    made = work.row("deid_report_add", **key, report=as_json(report), content_sha256=report["content_sha256"])
    if made is None:
        last = work.row("deid_report_last", **key)
        if last is None or last["id"] is None:
            reason = f"Series {received_id} is not in landing.received_series."
            raise ReportError(reason, "Reports are kept for received series only.")
        return int(last["id"])
    for one in _shown(report):
        row = {"name": one["name"], "sha256": one["sha256"], "png": pictures[one["name"]]}
        work.execute("deid_report_picture", report_id=made["id"], **row)
    _review(received_id, report, pictures)
    detail = {"batch": batch, "report": made["id"], "report_sha256": report["sha256"], "kind": report["kind"]}
    work.execute(
        "audit_event", account="pipeline", action="deidentify.report", object_kind="received_series",
        object_id=str(received_id), reason=None, detail=as_json(detail),
    )  # fmt: skip
    return int(made["id"])


def review_uri(received_id: int) -> str:
    """Where the broker finds before and after of a series."""
    return join(settings.landing_uri(), REVIEW, f"{received_id:08d}")


def _shown(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    return list(report["pictures"]["shown"]) if report["kind"] == "series" else []


def _check(report: Mapping[str, Any], pictures: Mapping[str, bytes]) -> None:
    problems = verify_report(report)
    problems += [
        f"The picture {one['name']} is missing." for one in _shown(report) if one["name"] not in pictures
    ]
    if report.get("kind") not in ("series", "quarantine"):
        problems.append("It is neither of a series nor of quarantine.")
    if problems:
        reason = " ".join(problems)
        raise ReportError(
            reason, "Give what deid.report made, unchanged, with series_pictures of the same result."
        )


def _review(received_id: int, report: dict[str, Any], pictures: Mapping[str, bytes]) -> None:
    """The page with before and after, in the zone of the originals; an older one is replaced whole."""
    if not any(map(shows_identity, pictures)):
        return
    batch = batch_report([report], name=f"series {received_id}")
    with scratch("review") as folder:
        write_report(folder / "report", batch, pictures, review=folder / "review")
        publish_folder(folder / "review", review_uri(received_id))

"""The report of a batch as one HTML file that needs nothing else: for a privacy officer, on paper too."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deid.report.html import Html, tag
from deid.report.inputs import ReportError, shows_identity, size_of
from deid.report.sections import (
    actions_part,
    cuts_part,
    policy_part,
    proof_part,
    quarantine_part,
    series_table,
    verdict_part,
)
from deid.report.series_part import series_part

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Series that the page shows in full; the JSON has all.
MOST_SERIES = 200
_HERE = Path(__file__).parent
REVIEW = (
    "Review page for the honest broker: it shows pixels from before de-identification. It belongs into the zone of "
    "the originals and nowhere else."
)


def render(
    batch: Mapping[str, Any], pictures: Mapping[str, bytes] | None = None, *, review: bool = False
) -> str:
    """The page of a batch.

    Args:
        batch: of :func:`deid.report.batch_report`.
        pictures: PNG by name, of :func:`deid.report.series_pictures`; those of ``before`` are used for a review only.
        review: make the page on which the honest broker compares before and after.

    Returns:
        HTML with its styles, script and pictures inside; it asks no server for anything.

    Raises:
        ReportError: it is no batch, or a picture is not the one that the report names.
    """
    if batch.get("kind") != "batch":
        reason = "Only the report of a batch becomes a page."
        raise ReportError(reason, "Put the reports of series into batch_report first.")
    shown = _pictures(batch, pictures or {}, review=review)
    title = "Review of de-identification" if review else "De-identification report"
    details = [series_part(one, shown, review=review) for one in batch["series"][:MOST_SERIES]]
    left_out = len(batch["series"]) - len(details)
    body = [
        tag("p", REVIEW, class_="alarm", role="note") if review else None,
        tag("header", tag("h1", title), tag("p", _under_title(batch), class_="quiet")),
        tag(
            "main",
            verdict_part(batch),
            _contents(batch),
            policy_part(batch),
            actions_part(batch),
            cuts_part(batch),
            quarantine_part(batch),
            series_table(batch),
            *details,
            tag("p", f"{left_out} more series are in report.json.", class_="quiet") if left_out else None,
            proof_part(batch),
        ),
        tag(
            "footer",
            "Radflow deid "
            + ", ".join(batch["engine_versions"])
            + ". This page loads nothing from anywhere.",
        ),
    ]
    return _document(title, body)


def _document(title: str, body: list[Html | None]) -> str:
    style, script = ((_HERE / name).read_text("utf-8") for name in ("page.css", "page.js"))
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag(
            "meta",
            http_equiv="Content-Security-Policy",
            content="default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'",
        ),
        tag("title", title),
        tag("style", Html(style)),
    )
    return (
        "<!doctype html>\n"
        + tag("html", head, tag("body", body, tag("script", Html(script))), lang="en")
        + "\n"
    )


def _under_title(batch: Mapping[str, Any]) -> str:
    written = batch["created"].replace("T", " ").replace("Z", " UTC")
    return f"Batch {batch['name']}, written {written}" if batch["name"] else f"Written {written}"


def _contents(batch: Mapping[str, Any]) -> Html:
    entries = [
        ("policy", "Policy"),
        ("actions", "What was done"),
        ("cuts", "What was cut from texts"),
        ("quarantine", "Quarantine"),
        ("series", "Series"),
        ("proof", "Hashes"),
    ]
    present = [(key, text) for key, text in entries if key != "cuts" or batch["cuts"]]
    return tag("nav", *(tag("a", text, href=f"#{key}") for key, text in present), aria_label="Contents")


def _pictures(
    batch: Mapping[str, Any], pictures: Mapping[str, bytes], *, review: bool
) -> dict[str, tuple[str, tuple[int, int]]]:
    """Data URI and size by name, of what this page may show."""
    known = {one["name"]: one["sha256"] for report in batch["series"] for one in report["pictures"]["shown"]}
    found = {}
    for name, png in pictures.items():
        if shows_identity(name):
            if not review:
                continue
        elif name not in known:
            continue
        elif hashlib.sha256(png).hexdigest() != known[name]:
            reason = "A picture is not the one that its report names."
            raise ReportError(reason, "Give the pictures of the same run as the report.")
        uri = "data:image/png;base64," + base64.b64encode(png).decode("ascii")
        found[name] = (uri, size_of(png))
    return found

"""What was done to a series and a batch: JSON that a program checks, and a page that a privacy officer reads.

>>> from deid.report import batch_report, quarantine_report, series_report, series_pictures, write_report

Reports say what became of attributes, never what stood in them: they hold codes, counts, tags, new UIDs and new
values. Pictures whose name begins with ``before`` show identity; only ``render(..., review=True)`` takes them.
Nothing here imports more than the standard library and pydicom.
"""

from deid.report.batch import batch_report, batch_schema
from deid.report.inputs import ReportError, series_pictures, shows_identity
from deid.report.long_batch import ReportWriter
from deid.report.page import render
from deid.report.proof import content_sha256, verify_report
from deid.report.series import quarantine_report, series_report
from deid.report.writing import write_report

__all__ = [
    "ReportError",
    "ReportWriter",
    "batch_report",
    "batch_schema",
    "content_sha256",
    "quarantine_report",
    "render",
    "series_pictures",
    "series_report",
    "shows_identity",
    "verify_report",
    "write_report",
]

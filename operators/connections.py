"""Connection types that Radflow adds to Airflow; plain data, so that reading it costs no Airflow import."""

from __future__ import annotations

from typing import Any

NBIA: dict[str, Any] = {
    "connection-type": "nbia",
    "hook-class-name": "operators.hooks.nbia.NbiaHook",
    "hook-name": "NBIA (The Cancer Imaging Archive)",
    "ui-field-behaviour": {
        "hidden-fields": ["login", "password"],
        "relabeling": {"host": "Server address", "schema": "http or https"},
        "placeholders": {"host": "https://nbia.cancerimagingarchive.net", "extra": '{"retries": 4}'},
    },
    "conn-fields": {
        "connect_timeout": {
            "label": "Connect timeout (s)",
            "schema": {"type": ["number", "null"], "default": 10, "exclusiveMinimum": 0},
        },
        "read_timeout": {
            "label": "Stall timeout (s)",
            "schema": {"type": ["number", "null"], "default": 60, "exclusiveMinimum": 0},
            "description": "Seconds of silence after which a download counts as stalled.",
        },
        "retries": {
            "label": "Retries",
            "schema": {"type": ["integer", "null"], "default": 4, "minimum": 0},
        },
        "backoff": {
            "label": "Backoff (s)",
            "schema": {"type": ["number", "null"], "default": 1, "minimum": 0},
            "description": "Seconds before the second attempt; doubled for each further one.",
        },
    },
}
"""The row for ``connection-types`` of ``get_provider_info``."""

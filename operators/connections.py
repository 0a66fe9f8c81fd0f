"""Connection types that Radflow adds to Airflow; plain data, so that reading it costs no Airflow import."""

from __future__ import annotations

from typing import Any

NBIA: dict[str, Any] = {
    "connection-type": "nbia",
    "hook-class-name": "operators.hooks.nbia.NbiaHook",
    "hook-name": "NBIA (The Cancer Imaging Archive)",
    "ui-field-behaviour": {
        "hidden-fields": ["login"],
        "relabeling": {
            "host": "Server address",
            "schema": "http or https",
            "password": "Token (only where the server is v2)",
        },
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
        "nlst_host": {
            "label": "Server of the collection NLST",
            "schema": {"type": ["string", "null"]},
            "description": "TCIA keeps NLST apart; empty: nlst.cancerimagingarchive.net where the server is TCIA's.",
        },
    },
}

IDC: dict[str, Any] = {
    "connection-type": "idc",
    "hook-class-name": "operators.hooks.idc.IdcHook",
    "hook-name": "IDC (Imaging Data Commons)",
    "ui-field-behaviour": {
        "hidden-fields": ["login", "password", "schema", "port"],
        "relabeling": {"host": "Endpoint (empty: IDC's public buckets)"},
        "placeholders": {"host": "", "extra": '{"retries": 4}'},
    },
    "conn-fields": {
        "index": {
            "label": "Index",
            "schema": {"type": ["string", "null"]},
            "description": "Path or address of idc_index.parquet; empty: the one of the package idc-index-data.",
        },
        "parallel_objects": {
            "label": "Objects of one series at once",
            "schema": {"type": ["integer", "null"], "default": 4, "minimum": 1, "maximum": 32},
        },
        **{
            name: NBIA["conn-fields"][name]
            for name in ("connect_timeout", "read_timeout", "retries", "backoff")
        },
    },
}
"""The row for ``connection-types`` of ``get_provider_info``."""

FHIR: dict[str, Any] = {
    "connection-type": "fhir",
    "hook-class-name": "operators.hooks.fhir.FhirHook",
    "hook-name": "FHIR R4",
    "ui-field-behaviour": {
        "hidden-fields": [],
        "relabeling": {
            "host": "Service address",
            "schema": "http or https",
            "login": "User, or OAuth client id",
            "password": "Password, token, or client secret",
        },
        "placeholders": {
            "host": "https://hospital.example/fhir/R4",
            "extra": '{"auth": "client_credentials"}',
        },
    },
    "conn-fields": {
        "auth": {
            "label": "Login by",
            "schema": {
                "type": ["string", "null"],
                "enum": ["none", "basic", "bearer", "client_credentials", None],
                "default": "none",
            },
        },
        "token_url": {
            "label": "Token endpoint",
            "schema": {"type": ["string", "null"]},
            "description": "For client_credentials; empty: the server's .well-known/smart-configuration says it.",
        },
        "scope": {"label": "Scope", "schema": {"type": ["string", "null"], "default": "system/*.read"}},
        "identifiers": {
            "label": "Patient ID of the images",
            "schema": {"type": ["string", "null"]},
            "description": "SYSTEM=ISSUER, between semicolons. Empty: the medical record number, without issuer.",
        },
        "page_size": {
            "label": "Resources per page",
            "schema": {"type": ["integer", "null"], "default": 500, "minimum": 1},
        },
        "export_hours": {
            "label": "Longest export (h)",
            "schema": {"type": ["number", "null"], "default": 6, "exclusiveMinimum": 0},
        },
        **{
            name: NBIA["conn-fields"][name]
            for name in ("connect_timeout", "read_timeout", "retries", "backoff")
        },
    },
}

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

_PATIENCE = {
    name: NBIA["conn-fields"][name] for name in ("connect_timeout", "read_timeout", "retries", "backoff")
}
_TEXT: dict[str, Any] = {"type": ["string", "null"]}
_CERTIFICATES: dict[str, Any] = {
    "ca": {
        "label": "CA certificates (path)",
        "schema": _TEXT,
        "description": "PEM file on the workers; empty: the system's.",
    },
    "certificate": {
        "label": "Our certificate (path)",
        "schema": _TEXT,
        "description": "PEM file on the workers, where the server asks for one.",
    },
    "key": {"label": "Its key (path)", "schema": _TEXT, "description": "Empty: in the same file."},
    "longest": {
        "label": "Longest transfer (s)",
        "schema": {"type": ["number", "null"], "default": 3600, "exclusiveMinimum": 0},
        "description": "After so long a transfer is given up, even if it trickles on.",
    },
}

DICOMWEB: dict[str, Any] = {
    "connection-type": "dicomweb",
    "hook-class-name": "operators.hooks.dicomweb.DicomWebHook",
    "hook-name": "DICOMweb",
    "ui-field-behaviour": {
        "hidden-fields": [],
        "relabeling": {
            "host": "Service address",
            "schema": "http or https",
            "login": "User (empty: the password is a bearer token)",
            "password": "Password or token",
        },
        "placeholders": {"host": "https://pacs.example/dicom-web", "extra": '{"retries": 4}'},
    },
    "conn-fields": {
        "page_size": {
            "label": "Rows per page",
            "schema": {"type": ["integer", "null"], "default": 200, "minimum": 1},
        },
        "verify": {
            "label": "Check the server's certificate",
            "schema": {"type": ["boolean", "null"], "default": True},
        },
        **_CERTIFICATES,
        **_PATIENCE,
    },
}

DIMSE: dict[str, Any] = {
    "connection-type": "dimse",
    "hook-class-name": "operators.hooks.dimse.DimseHook",
    "hook-name": "DIMSE (PACS)",
    "ui-field-behaviour": {
        "hidden-fields": ["password", "schema"],
        "relabeling": {"host": "Archive's address", "login": "Archive's AE title"},
        "placeholders": {"host": "pacs.example", "port": "104", "extra": '{"our_port": 11112}'},
    },
    "conn-fields": {
        "calling": {"label": "Our AE title", "schema": {**_TEXT, "default": "RADFLOW"}},
        "retrieve": {
            "label": "Retrieve by",
            "schema": {"type": ["string", "null"], "enum": ["move", "get", None], "default": "move"},
            "description": "move: the archive sends to our port; get: on the same association, without a port of ours.",
        },
        "our_port": {
            "label": "Our port (C-MOVE)",
            "schema": {"type": ["integer", "null"], "minimum": 1, "maximum": 65535},
            "description": "Open only while a fetch task runs; the archive must know it with our AE title.",
        },
        "our_address": {
            "label": "Address to listen at",
            "schema": _TEXT,
            "description": "Empty: all of the worker's.",
        },
        "callers": {
            "label": "AE titles that may send",
            "schema": _TEXT,
            "description": "Between commas; empty: the archive's.",
        },
        "associations": {
            "label": "Associations at once",
            "schema": {"type": ["integer", "null"], "default": 4, "minimum": 1},
        },
        "tls": {"label": "TLS", "schema": {"type": ["boolean", "null"], "default": False}},
        "tls_name": {
            "label": "Name in the archive's certificate",
            "schema": _TEXT,
            "description": "Empty: its address.",
        },
        **_CERTIFICATES,
        **_PATIENCE,
    },
}

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

"""Registers the portal where Radflow runs from its folder; nothing else belongs in this file.

Airflow reads both this folder and the ``airflow.plugins`` entry point of an installed Radflow, and reports
the second arrival as an import error. So this file stands back when the entry point is there.
"""

from __future__ import annotations

from importlib.metadata import entry_points

if not entry_points(group="airflow.plugins", name="radflow"):
    from radflow_portal.plugin import RadflowPlugin as RadflowPlugin

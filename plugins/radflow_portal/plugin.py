"""What the portal adds to Airflow. Loaded by every Airflow component, so it imports next to nothing."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from airflow.plugins_manager import AirflowPlugin

PREFIX = "/radflow"


class RadflowPlugin(AirflowPlugin):
    """The API and pages under ``/radflow``, its navigation entries and the Results tab of a DAG run."""

    name = "radflow"
    external_views = [
        {
            "name": "Studies",
            "href": f"{PREFIX}/studies",
            "destination": "nav",
            "url_route": "studies",
            "nav_top_level": True,
            "icon": f"{PREFIX}/static/studies.svg",
            "icon_dark_mode": f"{PREFIX}/static/studies-dark.svg",
        },
        {
            "name": "Cohorts",
            "href": f"{PREFIX}/cohorts",
            "destination": "nav",
            "url_route": "cohorts",
            "nav_top_level": True,
            "icon": f"{PREFIX}/static/cohorts.svg",
            "icon_dark_mode": f"{PREFIX}/static/cohorts-dark.svg",
        },
        {
            "name": "Experiments",
            "href": f"{PREFIX}/runs",
            "destination": "nav",
            "url_route": "experiments",
            "nav_top_level": True,
            "icon": f"{PREFIX}/static/experiments.svg",
            "icon_dark_mode": f"{PREFIX}/static/experiments-dark.svg",
        },
        {
            "name": "Leaderboard",
            "href": f"{PREFIX}/leaderboard",
            "destination": "nav",
            "url_route": "leaderboard",
            "nav_top_level": True,
            "icon": f"{PREFIX}/static/leaderboard.svg",
            "icon_dark_mode": f"{PREFIX}/static/leaderboard-dark.svg",
        },
        {
            "name": "Fetched images",
            "href": f"{PREFIX}/fetched",
            "destination": "nav",
            "url_route": "fetched",
            "category": "browse",
        },
        {
            "name": "Uploads",
            "href": f"{PREFIX}/uploads",
            "destination": "nav",
            "url_route": "uploads",
            "category": "browse",
        },
        {
            "name": "De-identification",
            "href": f"{PREFIX}/deidentification",
            "destination": "nav",
            "url_route": "deidentification",
            "category": "browse",
        },
        {
            "name": "Re-identification",
            "href": f"{PREFIX}/reidentify",
            "destination": "nav",
            "url_route": "reidentify",
            "category": "browse",
        },
        {
            "name": "Access",
            "href": f"{PREFIX}/access",
            "destination": "nav",
            "url_route": "access",
            "category": "browse",
        },
        {
            "name": "Results",
            "href": f"{PREFIX}/runs/by-dag-run?dag_id={{DAG_ID}}&run_id={{RUN_ID}}",
            "destination": "dag_run",
            "url_route": "results",
        },
    ]

    @cached_property
    def fastapi_apps(self) -> list[dict[str, Any]]:  # type: ignore[override]
        """The portal; only the web server asks for it, so only there FastAPI and the routes are imported."""
        from radflow_portal.app import create_app

        return [{"app": create_app(), "url_prefix": PREFIX, "name": "Radflow"}]

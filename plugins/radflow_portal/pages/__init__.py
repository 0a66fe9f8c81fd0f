"""The portal's pages: the same data as the API, for people. They work inside Airflow and on their own."""

from radflow_portal.pages.reidentify import router as reidentify_router
from radflow_portal.pages.routes import router as router

__all__ = ["reidentify_router", "router"]

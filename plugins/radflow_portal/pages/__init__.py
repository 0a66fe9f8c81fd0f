"""The portal's pages: the same data as the API, for people. They work inside Airflow and on their own."""

from radflow_portal.pages.access import router as access_router
from radflow_portal.pages.cohorts import router as _cohorts
from radflow_portal.pages.deidentify import router as deidentify_router
from radflow_portal.pages.fetch import router as fetch_router
from radflow_portal.pages.reidentify import router as reidentify_router
from radflow_portal.pages.routes import router as router
from radflow_portal.pages.studies import router as _studies
from radflow_portal.pages.studies import viewer as _viewer
from radflow_portal.pages.upload import router as _upload

router.include_router(_studies)
router.include_router(_cohorts)
router.include_router(_viewer)
router.include_router(_upload)

__all__ = [
    "access_router",
    "deidentify_router",
    "fetch_router",
    "reidentify_router",
    "router",
]

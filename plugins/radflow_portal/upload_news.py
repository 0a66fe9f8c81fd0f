"""Tells Airflow's scheduler that an upload waits: an asset event, as a task's outlet or the REST API makes it.

The portal runs within Airflow's web server, which has Airflow's database open; so the sender needs no right to trigger
DAGs. An event that cannot be made is no lost upload: the DAG ``upload_tidy`` looks for waiting ones every hour.
"""

from __future__ import annotations

import logging

log = logging.getLogger(__name__)
ASSET = "radflow://landing/uploads"


def tell() -> bool:
    """Make the event. Returns whether the DAG was told."""
    from airflow.assets.manager import asset_manager
    from airflow.models.asset import AssetModel
    from airflow.utils.session import create_session
    from sqlalchemy import select
    from sqlalchemy.exc import SQLAlchemyError

    try:
        with create_session() as session:
            asset = session.scalar(select(AssetModel).where(AssetModel.uri == ASSET).limit(1))
            if asset is None:
                log.warning("Airflow has not read the DAG upload yet; the hourly one finds what waits")
                return False
            event = asset_manager.register_asset_change(asset=asset, source_is_api=True, session=session)
            return event is not None
    except SQLAlchemyError as error:
        log.error("the event of an upload could not be made: %s", type(error).__name__)
        return False

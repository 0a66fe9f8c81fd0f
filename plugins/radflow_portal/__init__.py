"""Radflow's pages and API inside Airflow's web server.

``plugin`` registers, ``app`` assembles, and one module per stage of the data's way holds its routes:
``catalog``, ``cohort``, ``registry``, ``experiment``, ``evaluate``. Who may see a row is decided by row-level
security in Postgres, never here.
"""

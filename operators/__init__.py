"""Radflow's Airflow provider."""

"""Pure research logic: criteria, cohorts, algorithms, metrics. Imports no Airflow, web framework or database driver."""

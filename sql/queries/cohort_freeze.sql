-- Freeze a draft in the name of whoever this transaction is of; the database checks and audits.
select id, version, created, team, visibility::text as visibility
from experiment.freeze_cohort(
  %(name)s, %(english)s, %(criteria)s::jsonb, %(criteria_sha256)s, %(catalog_version)s, %(cohort_sha256)s, %(team)s,
  %(visibility)s::access.visibility, %(grouping)s::jsonb, %(series_uids)s::text[], %(attrition)s::jsonb,
  %(timepoints)s::jsonb)

insert into experiment.cohort
  (name, version, english, criteria, criteria_sha256, catalog_version, cohort_sha256, owner, team, visibility)
select %(name)s, coalesce(max(c.version), 0) + 1, %(english)s, %(criteria)s::jsonb, %(criteria_sha256)s,
       %(catalog_version)s, %(cohort_sha256)s, %(owner)s, %(team)s, %(visibility)s::access.visibility
from experiment.cohort c where c.name = %(name)s
returning id, version;

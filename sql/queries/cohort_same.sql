select id, version, team, visibility::text as visibility
from experiment.cohort where name = %(name)s and cohort_sha256 = %(cohort_sha256)s;

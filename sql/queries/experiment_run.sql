select r.id, r.runtime, r.state, r.reason, s.spec, c.name as cohort, c.version as cohort_version
from experiment.run r
join experiment.spec s on s.id = r.spec_id
join experiment.cohort c on c.id = r.cohort_id
where r.id = %(run_id)s;

-- The cohort version that a run of this name was started with, if it was.
select c.version
from experiment.run r
join experiment.cohort c on c.id = r.cohort_id
where r.dag_id = %(dag_id)s and r.dag_run_id = %(dag_run_id)s and c.name = %(name)s;

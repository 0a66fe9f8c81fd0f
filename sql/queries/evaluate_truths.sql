select t.series_uid, t.name, t.value
from experiment.run r
join experiment.cohort_member m on m.cohort_id = r.cohort_id
join catalog.truth t on t.series_uid = m.series_uid
where r.id = %(run_id)s;

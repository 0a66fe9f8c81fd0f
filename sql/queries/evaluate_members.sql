select m.series_uid, m.patient_alias
from experiment.run r join experiment.cohort_member m on m.cohort_id = r.cohort_id
where r.id = %(run_id)s order by m.series_uid;

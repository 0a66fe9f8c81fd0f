select m.series_uid, s.collection || '/' || m.patient_alias as patient
from experiment.run r
join experiment.cohort_member m on m.cohort_id = r.cohort_id
join catalog.series s on s.series_uid = m.series_uid
where r.id = %(run_id)s order by m.series_uid;

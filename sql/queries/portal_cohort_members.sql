-- Members of one frozen cohort; what the catalog says of them where this person may see it.
select m.series_uid, m.study_uid, m.patient_alias, m.manifest_sha256,
       s.collection, s.modality, s.derived, s.image_count
from experiment.cohort_member m
left join catalog.series s using (series_uid)
where m.cohort_id = %(id)s
order by m.patient_alias, m.series_uid

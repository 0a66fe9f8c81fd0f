-- Members of one frozen cohort; what the catalog says of them where this person may see it.
select m.series_uid, m.study_uid, m.patient_alias, m.manifest_sha256, m.state,
       s.collection, s.modality, s.derived, s.image_count,
       t.timepoint, t.label as timepoint_label, t.days_from_baseline,
       array(select l.tracking_uid from experiment.cohort_lesion l
             where l.cohort_id = m.cohort_id and l.series_uid = m.series_uid order by 1) as lesions
from experiment.cohort_member m
left join catalog.series s using (series_uid)
left join experiment.cohort_timepoint t on t.cohort_id = m.cohort_id and t.series_uid = m.series_uid
where m.cohort_id = %(id)s
order by m.patient_alias, t.days_from_baseline, m.series_uid

-- Members of one frozen cohort as exports and reports have them: catalog, time point, terms. What the catalog says is
-- null where this person may not see the series any more; the members themselves are seen with the cohort.
select m.series_uid, m.study_uid, m.patient_alias, m.state, m.manifest_sha256,
       coalesce(s.collection, '') as collection, s.modality, s.body_part, s.image_count, s.study_date, s.analysis_result,
       t.timepoint, t.label as timepoint_label, t.days_from_baseline, s.licence, s.licence_uri,
       coalesce(s.citation_uri, 'https://doi.org/' || c.doi) as citation_uri,
       case when m.state = 'listed' then s.uri end as uri
from experiment.cohort_member m
left join catalog.series s using (series_uid)
left join catalog.collection c on c.name = s.collection
left join experiment.cohort_timepoint t on t.cohort_id = m.cohort_id and t.series_uid = m.series_uid
where m.cohort_id = %(id)s
order by m.patient_alias, s.study_date, m.series_uid

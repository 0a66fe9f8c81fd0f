-- Image series this person may see; a list adds one of the files below, an order and a limit.
select s.series_uid, s.study_uid, s.collection, s.patient_alias, s.modality, s.body_part, s.body_part_code, s.derived,
       s.manufacturer, s.manufacturer_model, s.series_description, s.image_count, s.byte_count, s.slice_thickness_mm,
       s.kvp, s.exposure_mas, s.convolution_kernel, s.patient_sex, s.patient_age_years, s.analysis_result, s.sop_class,
       s.state, s.licence, s.licence_uri, s.citation_uri, s.owner, s.team, s.visibility::text as visibility,
       coalesce(s.study_date, (select t.study_date from catalog.study t where t.study_uid = s.study_uid)) as study_date,
       s.manifest_sha256, s.attributes, s.study_no, case when s.state = 'listed' then s.uri end as remote_uri,
       array(select g.meaning from catalog.tag g where g.series_uid = s.series_uid order by 1) as tags
from catalog.series s
where (%(series_uid)s::text is null or s.series_uid = %(series_uid)s)
  and (%(study_uid)s::text is null or s.study_uid = %(study_uid)s)

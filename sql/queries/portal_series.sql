-- Image series this person may see; one of them where a UID is given.
select s.series_uid, s.study_uid, s.collection, s.patient_alias, s.modality, s.body_part, s.derived,
       s.manufacturer, s.manufacturer_model, s.image_count, s.slice_thickness_mm, s.kvp, s.exposure_mas,
       s.convolution_kernel, s.state, s.licence, s.licence_uri, s.citation_uri, s.owner, s.team,
       s.visibility::text as visibility, t.study_date, s.manifest_sha256,
       array(select g.meaning from catalog.tag g where g.series_uid = s.series_uid order by 1) as tags
from catalog.series s
left join catalog.study t using (study_uid)
where (%(series_uid)s::text is null or s.series_uid = %(series_uid)s)
  and (%(collection)s::text is null or s.collection = %(collection)s)
order by s.collection, s.patient_alias, s.series_uid

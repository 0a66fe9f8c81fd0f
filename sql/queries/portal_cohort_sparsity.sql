-- Members of one frozen cohort for the report on what is missing and rare; findings are those present in their study.
select m.series_uid, m.study_uid, m.patient_alias, m.manifest_sha256, coalesce(s.collection, '') as collection,
       nullif(f.sex, '') as sex, nullif(f.age_band, '') as age_band, nullif(f.manufacturer_label, '') as manufacturer,
       s.manufacturer_model, s.body_part, s.study_date, s.slice_thickness_mm, s.kvp, s.exposure_mas,
       s.convolution_kernel, nullif(s.series_description, '') as series_description, s.licence,
       s.attributes->>'PixelSha256' as pixel_sha256,
       exists (select from catalog.report r where r.study_uid = m.study_uid and r.state = 'released') as report,
       array(select t.scheme || ':' || t.code from catalog.tag t where t.series_uid = m.series_uid order by 1) as tags,
       array(select distinct x.finding from catalog.finding x
             where x.study_uid = m.study_uid and x.status = 'present' order by 1) as findings,
       exists (select from catalog.truth u where u.series_uid = m.series_uid) as has_truth
from experiment.cohort_member m
left join catalog.series s using (series_uid)
left join catalog.facet f on f.id = s.facet_id
where m.cohort_id = %(id)s
order by m.series_uid

-- What is told of studies; the page is cut out before anything is looked up for its rows.
select t.study_no, t.study_uid, t.collection, t.patient_alias,
       (select p.patient_sex from catalog.patient p
        where p.collection = t.collection and p.patient_alias = t.patient_alias) as patient_sex,
       t.patient_age_years, t.study_date, t.study_description, t.modalities, t.body_parts, t.manufacturers,
       t.analysis_results, t.series_count, t.image_count, t.byte_count
from (
  -- page
) t

-- The first studies in order, and those of them that fit: enough where most do, so that the whole set is not gathered.
with walked as materialized (
  select t.* from catalog.study t
  where (%(patient)s::text is null or t.patient_alias = %(patient)s)
    and (%(study_uid)s::text is null or t.study_uid = %(study_uid)s)
    -- conditions, order, limit
), chosen as materialized (select catalog.matching(%(collection)s, %(modality)s, %(body_part)s, %(sex)s,
  %(age_band)s, %(manufacturer)s, %(licence)s, %(analysis_result)s, %(state)s) as id
), fit as materialized (
  select distinct w.study_no from walked w join catalog.study_facet m on m.study_no = w.study_no
  where m.facet_id in (select id from chosen)
)
select w.* from walked w where w.study_no in (select study_no from fit)

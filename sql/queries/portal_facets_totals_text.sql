-- The same for series whose descriptions have certain words: distinct counts from their own rows in one index.
with hits as materialized (
  select s.study_no, s.patient_no, s.image_count, s.byte_count from catalog.series s
  where s.description_id = any (array(select catalog.described(to_tsquery('simple', %(words)s))))
    and s.facet_id in (select catalog.matching(%(collection)s, %(modality)s, %(body_part)s, %(sex)s,
      %(age_band)s, %(manufacturer)s, %(licence)s, %(analysis_result)s, %(state)s) offset 0)
)
select count(*) as series_count, coalesce(sum(image_count), 0)::bigint as image_count,
       coalesce(sum(byte_count), 0)::bigint as byte_count,
       (select count(*) from (select from hits group by study_no) t) as study_count,
       (select count(*) from (select from hits group by patient_no) p) as patient_count
from hits

-- Series, images and bytes under the filters from the cube; distinct studies and patients from the members of the facets,
-- or-ed chunk by chunk and counted.
with chosen as materialized (
  select catalog.matching(%(collection)s, %(modality)s, %(body_part)s, %(sex)s, %(age_band)s, %(manufacturer)s,
                          %(licence)s, %(analysis_result)s, %(state)s) as id
), together as (
  select m.kind, m.chunk, bit_or(m.members) as members from catalog.facet_members m
  where m.facet_id in (select id from chosen) group by 1, 2
), counted as (select kind, sum(bit_count(members))::bigint as n from together group by 1)
select coalesce(sum(f.series_count), 0)::bigint as series_count, coalesce(sum(f.image_count), 0)::bigint as image_count,
       coalesce(sum(f.byte_count), 0)::bigint as byte_count,
       coalesce((select n from counted where kind = 'study'), 0) as study_count,
       coalesce((select n from counted where kind = 'patient'), 0) as patient_count
from catalog.facet f where f.id in (select id from chosen)

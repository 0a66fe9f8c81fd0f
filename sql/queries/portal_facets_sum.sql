-- How many series the filters choose, from the cube alone.
select coalesce(sum(f.series_count), 0)::bigint as series_count
from catalog.facet f
where f.id in (select catalog.matching(%(collection)s, %(modality)s, %(body_part)s, %(sex)s,
  %(age_band)s, %(manufacturer)s, %(licence)s, %(analysis_result)s, %(state)s))

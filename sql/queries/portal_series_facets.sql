  -- The studies of the page come from an index alone; their series are read after that.
  and s.study_no = any (array(
    select m.study_no from catalog.study_facet m
    where m.study_no >= coalesce(%(after0)s::integer, 0) and m.facet_id = any (array(select catalog.matching(%(collection)s, %(modality)s, %(body_part)s, %(sex)s,
      %(age_band)s, %(manufacturer)s, %(licence)s, %(analysis_result)s, %(state)s)))
    group by 1 order by 1 limit %(limit)s + 1))
  and s.facet_id in (select catalog.matching(%(collection)s, %(modality)s, %(body_part)s, %(sex)s,
    %(age_band)s, %(manufacturer)s, %(licence)s, %(analysis_result)s, %(state)s) offset 0)

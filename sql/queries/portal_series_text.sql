  and s.study_no = any (array(
    select d.study_no from catalog.series d
    where d.study_no >= coalesce(%(after0)s::integer, 0)
      and d.description_id = any (array(select catalog.described(to_tsquery('simple', %(words)s))))
      and d.facet_id in (select catalog.matching(%(collection)s, %(modality)s, %(body_part)s, %(sex)s,
      %(age_band)s, %(manufacturer)s, %(licence)s, %(analysis_result)s, %(state)s) offset 0)
    group by 1 order by 1 limit %(limit)s + 1))
  and s.facet_id in (select catalog.matching(%(collection)s, %(modality)s, %(body_part)s, %(sex)s,
    %(age_band)s, %(manufacturer)s, %(licence)s, %(analysis_result)s, %(state)s) offset 0)
  and s.description_id in (select catalog.described(to_tsquery('simple', %(words)s)) offset 0)

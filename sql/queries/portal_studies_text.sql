  and t.study_no = any (array(
    select distinct s.study_no from catalog.series s
    where s.description_id = any (array(select catalog.described(to_tsquery('simple', %(words)s))))
      and s.facet_id in (select catalog.matching(%(collection)s, %(modality)s, %(body_part)s, %(sex)s,
        %(age_band)s, %(manufacturer)s, %(licence)s, %(analysis_result)s, %(state)s) offset 0)))

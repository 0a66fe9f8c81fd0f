  -- As an array, so that the index is used whatever the planner believes.
  and t.study_no = any (array(
    select m.study_no from catalog.study_facet m
    where m.facet_id = any (array(select catalog.matching(%(collection)s, %(modality)s, %(body_part)s, %(sex)s,
      %(age_band)s, %(manufacturer)s, %(licence)s, %(analysis_result)s, %(state)s)))))

  and s.study_no = any (array(
    select t.study_no from catalog.study t where t.study_no >= coalesce(%(after0)s::integer, 0)
    order by 1 limit %(limit)s + 1))

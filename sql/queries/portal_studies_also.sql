  and t.modalities @> %(also)s::text[]
  and (cardinality(t.share_ids) = 1 or %(also)s::text[] <@ array(
    select s.modality from catalog.series s where s.study_no = t.study_no))

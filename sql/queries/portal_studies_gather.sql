-- Studies under conditions, the first ones in order.
select t.* from catalog.study t
where (%(patient)s::text is null or t.patient_alias = %(patient)s)
  and (%(study_uid)s::text is null or t.study_uid = %(study_uid)s)
  -- conditions, order, limit

select r.report_id, r.collection, r.patient_alias, r.study_uid, r.report_date, r.kind, r.meaning, r.state, r.owner, r.team,
       r.visibility::text as visibility,
       array(select distinct f.finding from catalog.finding f
             where f.report_id = r.report_id and f.status = 'present' order by 1) as present
from catalog.report r
where (%(collection)s::text is null or r.collection = %(collection)s)
  and (%(patient_alias)s::text is null or r.patient_alias = %(patient_alias)s)
  and (%(study_uid)s::text is null or r.study_uid = %(study_uid)s)
  and (%(state)s::text is null or r.state = %(state)s)
order by r.collection, r.patient_alias, r.report_date, r.report_id

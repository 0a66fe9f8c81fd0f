insert into catalog.report
  (report_id, received_id, collection, patient_alias, study_uid, accessions, report_date, kind, scheme, code, meaning,
   text, sections, source, policy_sha256, owner, team, visibility, state, settled_at)
select x.report_id, r.id, r.collection, c.record->>'patient_alias',
       coalesce(x.study_uid, (
         select min(s.study_uid) from catalog.series s
         where s.collection = r.collection and s.patient_alias = c.record->>'patient_alias'
           and s.attributes->>'AccessionNumber' = any(x.accessions)
         having count(distinct s.study_uid) = 1)),
       x.accessions, x.report_date, x.kind, x.scheme, x.code, x.meaning, x.text, x.sections, r.source,
       c.record->>'policy_sha256', r.owner, r.team, r.visibility,
       case when r.release then 'released' else 'held' end, case when r.release then now() end
from landing.clinical_record c
join landing.received_clinical r on r.id = c.received_id
cross join lateral jsonb_to_recordset(c.record->'reports') as x (
  report_id text, study_uid text, accessions text[], report_date date, kind text, scheme text, code text, meaning text,
  text text, sections jsonb)
where c.received_id = any(%(ids)s)

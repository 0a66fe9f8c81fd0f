insert into catalog.finding
  (received_id, collection, patient_alias, study_uid, report_id, found_on, finding, scheme, code, meaning,
   match_quality, status, certainty, start_offset, end_offset, rule_id, origin, findings_version, owner, team, visibility)
select r.id, r.collection, c.record->>'patient_alias', p.study_uid, x.report_id, p.report_date, x.finding, x.scheme,
       x.code, x.meaning, x.match_quality, x.status, x.certainty, x.start_offset, x.end_offset, x.rule_id, x.origin,
       x.findings_version, r.owner, r.team, r.visibility
from landing.clinical_record c
join landing.received_clinical r on r.id = c.received_id
cross join lateral jsonb_to_recordset(c.record->'findings') as x (
  report_id text, finding text, scheme text, code text, meaning text, match_quality text, status text, certainty text,
  start_offset integer, end_offset integer, rule_id text, origin text, findings_version text)
join catalog.report p on p.report_id = x.report_id
where c.received_id = any(%(ids)s)

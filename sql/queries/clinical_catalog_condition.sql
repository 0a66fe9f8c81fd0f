insert into catalog.condition
  (received_id, collection, patient_alias, onset_on, abated_on, scheme, code, meaning, clinical_status, origin, owner,
   team, visibility)
select r.id, r.collection, c.record->>'patient_alias', x.onset_on, x.abated_on, x.scheme, x.code, x.meaning,
       x.clinical_status, r.format, r.owner, r.team, r.visibility
from landing.clinical_record c
join landing.received_clinical r on r.id = c.received_id
cross join lateral jsonb_to_recordset(c.record->'conditions') as x (
  onset_on date, abated_on date, scheme text, code text, meaning text, clinical_status text)
where c.received_id = any(%(ids)s)

insert into catalog.observation
  (received_id, collection, patient_alias, observed_on, scheme, code, meaning, value, unit, value_text, origin, owner,
   team, visibility)
select r.id, r.collection, c.record->>'patient_alias', x.observed_on, x.scheme, x.code, x.meaning, x.value, x.unit,
       x.value_text, r.format, r.owner, r.team, r.visibility
from landing.clinical_record c
join landing.received_clinical r on r.id = c.received_id
cross join lateral jsonb_to_recordset(c.record->'observations') as x (
  observed_on date, scheme text, code text, meaning text, value double precision, unit text, value_text text)
where c.received_id = any(%(ids)s)

insert into catalog.patient (collection, patient_alias, patient_sex)
select distinct on (r.collection, c.record->>'patient_alias')
       r.collection, c.record->>'patient_alias', c.record->>'patient_sex'
from landing.clinical_record c join landing.received_clinical r on r.id = c.received_id
where c.received_id = any(%(ids)s)
order by 1, 2, 3 nulls last
on conflict (collection, patient_alias) do nothing

insert into catalog.patient (collection, patient_alias, patient_sex)
select r.collection, %(patient_alias)s, %(patient_sex)s
from landing.received_series r where r.id = %(received_id)s
on conflict (collection, patient_alias) do nothing;

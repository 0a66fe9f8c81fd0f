insert into catalog.study (study_uid, collection, patient_alias, study_date, patient_age_years)
select %(study_uid)s, r.collection, %(patient_alias)s, %(study_date)s::date, %(patient_age_years)s::double precision
from landing.received_series r where r.id = %(received_id)s
on conflict (study_uid) do nothing;

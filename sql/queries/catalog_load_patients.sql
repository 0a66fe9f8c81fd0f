-- Series of one patient may disagree about the sex; the most frequent value stands for the patient.
insert into catalog.patient (collection, patient_alias, patient_sex, share_ids)
select n.collection, n.patient_alias, mode() within group (order by n.patient_sex), array_agg(distinct n.share_id)
from new_series n group by 1, 2 order by 1, 2
on conflict (collection, patient_alias) do update set patient_sex = coalesce(excluded.patient_sex, patient.patient_sex)
where patient.patient_sex is distinct from coalesce(excluded.patient_sex, patient.patient_sex)

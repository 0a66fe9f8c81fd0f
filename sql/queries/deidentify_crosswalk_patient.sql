-- No conflict target: naming one would need the right to read, which the pipeline does not have here.
insert into phi.patient
  (project, patient_alias, patient_id, issuer_of_patient_id, patient_name, patient_birth_date, days_offset)
values (%(project)s, %(patient_alias)s, %(patient_id)s, %(issuer)s, %(patient_name)s, %(patient_birth_date)s,
        %(days_offset)s)
on conflict do nothing;

insert into phi.uid (project, level, new_uid, original_uid, patient_alias)
values (%(project)s, %(level)s, %(new_uid)s, %(original_uid)s, %(patient_alias)s)
on conflict do nothing;

insert into experiment.cohort_member (cohort_id, series_uid, study_uid, patient_alias, manifest_sha256)
values (%(cohort_id)s, %(series_uid)s, %(study_uid)s, %(patient_alias)s, %(manifest_sha256)s);

insert into experiment.cohort_attrition (cohort_id, rule_no, rule_text, series_count, patient_count)
values (%(cohort_id)s, %(rule_no)s, %(rule_text)s, %(n_series)s, %(n_patients)s);

select series_uid from experiment.cohort_member where cohort_id = %(cohort_id)s order by series_uid;

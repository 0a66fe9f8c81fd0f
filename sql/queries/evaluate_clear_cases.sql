delete from experiment.case_result where run_id = %(run_id)s;

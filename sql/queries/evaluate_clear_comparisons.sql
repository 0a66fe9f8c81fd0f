delete from experiment.comparison where run_id = %(run_id)s;

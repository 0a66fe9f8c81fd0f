delete from experiment.picture where run_id = %(run_id)s;

delete from experiment.metric where run_id = %(run_id)s;

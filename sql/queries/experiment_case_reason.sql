select reason from experiment.step_run
where run_id = %(run_id)s and arm = %(arm)s and step = %(step)s and series_uid = %(series_uid)s;

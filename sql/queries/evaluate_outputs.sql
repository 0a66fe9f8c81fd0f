select arm, step, series_uid, status, outputs, uri from experiment.step_run where run_id = %(run_id)s
order by series_uid, step, arm;

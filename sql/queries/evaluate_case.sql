insert into experiment.case_result (run_id, arm, series_uid, name, value, truth)
values (%(run_id)s, %(arm)s, %(series_uid)s, %(name)s, %(value)s, %(truth)s);

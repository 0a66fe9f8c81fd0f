update landing.received_series set fetch_run_id = %(fetch_run_id)s where id = any(%(ids)s);

update experiment.run set state = %(state)s, reason = %(reason)s, ended_at = now() where id = %(run_id)s;

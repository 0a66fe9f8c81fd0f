select id, kind, state, subject_count, expires_at from broker.status where id = %(id)s;

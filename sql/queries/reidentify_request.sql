-- A trigger refuses who is no broker, and sets the times; the audit event is made there, too.
insert into broker.request (kind, subjects, cohort, project, key_id, reason, requester, valid_days, dag_run)
values (%(kind)s, %(subjects)s::text[], %(cohort)s, %(project)s, %(key_id)s, %(reason)s, %(requester)s,
        %(valid_days)s, %(dag_run)s)
returning id, expires_at;

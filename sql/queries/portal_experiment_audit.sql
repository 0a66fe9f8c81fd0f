-- Who registered what, in the chain of events.
insert into audit.event (account, action, object_kind, object_id, reason, detail)
values (access.current_account(), 'register', 'experiment', %(object_id)s, %(reason)s, %(detail)s)

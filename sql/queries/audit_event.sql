insert into audit.event (account, action, object_kind, object_id, reason, detail, previous_hash, hash)
values (%(account)s, %(action)s, %(object_kind)s, %(object_id)s, %(reason)s, %(detail)s::jsonb, '', '');

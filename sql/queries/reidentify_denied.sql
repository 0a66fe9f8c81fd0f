-- Somebody tried what is not theirs. The request's number only.
insert into audit.event (account, action, object_kind, object_id, reason, detail, previous_hash, hash)
values (access.current_account(), 'reidentify.denied', 'reidentify', %(object_id)s, %(attempt)s, '{}', '', '');

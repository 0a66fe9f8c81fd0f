-- The database refuses the requester, who is no broker, and what has expired or was decided.
insert into broker.decision (request_id, account, decision, reason)
values (%(id)s, access.current_account(), %(decision)s, %(reason)s);

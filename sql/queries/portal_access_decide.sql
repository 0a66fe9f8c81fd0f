insert into access.decision (request_id, requester, account, decision, reason, days)
values (%(id)s, '', access.current_account(), %(decision)s, %(reason)s, %(days)s)

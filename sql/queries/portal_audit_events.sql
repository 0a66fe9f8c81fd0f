-- The audit, newest first; row-level security gives it to admins only.
select id, at, account, action, object_kind, object_id, reason, detail, hash
from audit.event
where (%(account)s::text is null or account = %(account)s)
  and (%(action)s::text is null or action = %(action)s or starts_with(action, %(action)s || '.'))
  and (%(object_kind)s::text is null or object_kind = %(object_kind)s)
  and (%(object_id)s::text is null or object_id = %(object_id)s)
  and (%(since)s::timestamptz is null or at >= %(since)s)
  and (%(until)s::timestamptz is null or at < %(until)s)
order by id desc

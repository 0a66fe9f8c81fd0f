-- Agreements, newest version first, and when the asking person accepted each.
select a.id, a.name, a.version, a.title, a.body, a.sha256, a.published_by, a.published_at, c.accepted_at
from access.agreement a
left join access.acceptance c on c.agreement_id = a.id and c.account = access.current_account()
where %(id)s::bigint is null or a.id = %(id)s
order by a.name, a.version desc

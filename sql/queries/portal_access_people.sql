-- Everybody whom Radflow knows; row-level security leaves those who are no admin with themselves.
select a.name as account, a.created_at,
       array(select r.role::text from access.account_role r where r.account = a.name order by r.role) as roles,
       array(select m.team from access.membership m
             where m.account = a.name and (m.expires_at is null or m.expires_at > now()) order by m.team) as teams
from access.account a
where %(account)s::text is null or a.name = %(account)s
order by a.name

-- Teams whose members the asking person may read.
select t.name, access.may_decide(t.name) as may_decide, o.title,
       (select count(*) from access.membership m
        where m.team = t.name and (m.expires_at is null or m.expires_at > now())) as member_count
from access.team t left join access.offer o on o.team = t.name
where %(team)s::text is null or t.name = %(team)s
order by t.name

-- What teams offer, and where the asking person stands with each.
select o.team, o.title, o.summary, o.most_days, o.open, o.agreement_id, a.name as agreement, a.version as agreement_version,
       access.has_agreed(access.current_account(), o.team) as agreed,
       access.is_member(o.team) as member, access.may_decide(o.team) as may_decide, m.expires_at,
       (select r.id from access.request r
        where r.team = o.team and r.account = access.current_account()
          and not exists (select from access.decision d where d.request_id = r.id)
        limit 1) as waiting_request
from access.offer o
left join access.agreement a on a.id = o.agreement_id
left join access.membership m on m.team = o.team and m.account = access.current_account()
where %(team)s::text is null or o.team = %(team)s
order by o.title, o.team

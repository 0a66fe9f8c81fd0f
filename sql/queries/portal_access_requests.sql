-- Requests of the asking person and those that person decides: what waits first, then the newest.
select r.id, r.account, r.team, r.purpose, r.days, r.requested_at,
       case d.decision when 'approve' then 'approved' when 'refuse' then 'refused' when 'withdraw' then 'withdrawn'
                       else 'waiting' end as state,
       d.account as decided_by, d.decided_at, d.reason as decision_reason, d.days as decided_days,
       d.request_id is null and r.account <> access.current_account() and access.may_decide(r.team) as may_decide,
       d.request_id is null and r.account = access.current_account() as may_withdraw
from access.request r
left join access.decision d on d.request_id = r.id
where (%(id)s::bigint is null or r.id = %(id)s)
  and (%(waiting)s::boolean is null or (d.request_id is null) = %(waiting)s)
order by d.request_id is not null, r.id desc

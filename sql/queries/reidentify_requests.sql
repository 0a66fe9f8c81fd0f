-- Requests, those that wait for somebody first, then the newest; one of them where an id is given.
select s.id, s.kind, s.subjects, s.subject_count, s.cohort, s.project, s.key_id, s.reason, s.requester,
       s.requested_at, s.expires_at, s.dag_run, s.state, s.decided_by, s.decided_at, s.decision_reason,
       (select count(*) from broker.disclosure d where d.request_id = s.id) as disclosure_count,
       (select max(d.opened_at) from broker.disclosure d where d.request_id = s.id) as last_disclosed_at,
       s.state = 'waiting' and s.requester <> access.current_account() as may_decide,
       s.state = 'approved' and s.kind <> 'rotation' and s.requester = access.current_account() as may_read
from broker.status s
where (%(id)s::bigint is null or s.id = %(id)s)
  and (%(state)s::text is null or s.state = %(state)s)
order by s.state = 'waiting' desc, s.id desc

-- Batches of de-identification in which this person sees a series, newest first; one of them where an id is given.
-- A batch that is not done and has been still for half an hour does not go on by itself.
-- Joined from the left: where only the number of batches is asked for, nothing is counted.
select b.id, b.name, b.started_at, b.policy_sha256, p.name as policy, p.english, p.engine_version,
       c.series_count, c.done_count, c.quarantined_count, c.waiting_count, c.object_count, c.patient_count,
       c.finding_count, c.unverified_count, c.last_at,
       case when c.done_count + c.quarantined_count = c.series_count then 'complete'
            when coalesce(c.last_at, b.started_at) > now() - interval '30 minutes' then 'running'
            else 'stopped' end as state
from catalog.deid_batch b
left join catalog.policy p on p.sha256 = b.policy_sha256
left join lateral (
  select count(*) as series_count,
         count(*) filter (where o.kind = 'series') as done_count,
         count(*) filter (where o.kind = 'quarantine') as quarantined_count,
         count(*) filter (where o.waits) as waiting_count,
         coalesce(sum(o.object_count) filter (where o.kind = 'series'), 0) as object_count,
         count(distinct o.patient_alias) as patient_count,
         coalesce(sum(o.finding_count), 0) as finding_count,
         count(*) filter (where o.kind = 'series' and not o.verified) as unverified_count,
         max(o.created_at) as last_at
  from catalog.deid_outcome o
  where o.batch_id = b.id) c on true
where (%(id)s::bigint is null or b.id = %(id)s)
order by b.id desc

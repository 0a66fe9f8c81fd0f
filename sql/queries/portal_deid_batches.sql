-- Batches of de-identification in which this person sees a series, newest first; one of them where an id is given.
-- A batch that is not done and has been still for half an hour does not go on by itself.
select b.id, b.name, b.started_at, b.policy_sha256, p.name as policy, p.english, p.engine_version,
       c.series_count, c.done_count, c.quarantined_count, c.waiting_count, c.object_count, c.patient_count,
       c.finding_count, c.unverified_count, c.last_at,
       case when c.done_count + c.quarantined_count = c.series_count then 'complete'
            when coalesce(c.last_at, b.started_at) > now() - interval '30 minutes' then 'running'
            else 'stopped' end as state
from catalog.deid_batch b
left join catalog.policy p on p.sha256 = b.policy_sha256
cross join lateral (
  select count(*) as series_count,
         count(*) filter (where r.kind = 'series') as done_count,
         count(*) filter (where r.kind = 'quarantine') as quarantined_count,
         count(*) filter (where r.kind = 'quarantine' and catalog.deid_waits(r.received_id, r.id)) as waiting_count,
         coalesce(sum(r.object_count) filter (where r.kind = 'series'), 0) as object_count,
         count(distinct r.patient_alias) as patient_count,
         coalesce(sum(r.finding_count), 0) as finding_count,
         count(*) filter (where r.kind = 'series' and not r.verified) as unverified_count,
         max(r.created_at) as last_at
  from catalog.deid_item i
  left join catalog.deid_report r on r.id = catalog.deid_last(i.batch_id, i.received_id)
  where i.batch_id = b.id) c
where (%(id)s::bigint is null or b.id = %(id)s)
order by b.id desc
